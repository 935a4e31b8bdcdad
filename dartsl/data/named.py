"""What `--data` names: an embedded data set, or a file or folder that is there. Needs no torch: it is asked first."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.records.inputs import Images, Input, Series, Tokens, Vector


@dataclass(frozen=True)
class DataKind:
    """The data of a kind of input.

    noun      a set of them, where no other kind comes into question; `one` is a set among others, and `several`
              are what is in it
    embedded  the names of the sets that dartsl brings
    formats   in what forms they may come
    """

    noun: str
    one: str
    several: str
    embedded: tuple[str, ...]
    formats: str


OF_IMAGES = DataKind(
    "data set",
    "a data set of images",
    "images",
    ("digits",),
    "`digits`, an .npz file with x_train, y_train, x_test and y_test, or a folder: "
    "CIFAR-10 or CIFAR-100 (python or binary), MNIST-style IDX files, or one folder of images per class",
)
OF_TEXT = DataKind(
    "text",
    "a text",
    "texts",
    ("markov",),
    "`markov`, a plain text file, or a folder with train.txt, valid.txt and test.txt "
    "(or the names of Penn Treebank or WikiText)",
)
OF_SERIES = DataKind(
    "data set",
    "a data set of series",
    "series",
    ("digits",),
    "`digits` (64 samples each), or an .npz file with x_train, y_train, x_test and y_test",
)
OF_VECTORS = DataKind(
    "data set",
    "a data set of vectors",
    "vectors",
    ("breast_cancer", "diabetes"),
    "`breast_cancer`, `diabetes`, a .csv file with a header, or an .npz file with x_train, y_train, x_test and y_test",
)
DATA: Mapping[str, DataKind] = {
    Images.kind: OF_IMAGES,
    Tokens.kind: OF_TEXT,
    Series.kind: OF_SERIES,
    Vector.kind: OF_VECTORS,
}  # by the kind of a network's input


def is_embedded(name: str) -> bool:
    """Whether a name means a data set that dartsl brings."""
    return any(name in kind.embedded for kind in DATA.values())


def locate(name: str, takes: type[Input] = Images) -> Path | None:
    """The file or folder that a name means, for a network that takes such an input; None where it is embedded.

    Raises UserError where there is no such thing.
    """
    ours = DATA[takes.kind]
    what, formats = ours.noun, ours.formats
    if not name:
        raise UserError(f"no {what} is named", f'name one by --data or `data = "..."`: {formats}')
    if name in ours.embedded:
        return None
    path = Path(os.path.expanduser(name))
    try:
        if path.is_dir() or path.is_file():
            return path
        if path.exists():  # a pipe, a device: reading it could take for ever
            raise UserError(f"{path}: neither a file nor a folder", f"give {formats}")
    except (OSError, ValueError) as error:  # not allowed, a name too long, a zero byte in it
        raise UserError(f"{name}: cannot be read ({error})", "check the path and its permissions") from None
    near = get_close_matches(name, ours.embedded, n=1)
    help_ = f"did you mean `{near[0]}`?" if near else f"give {formats}"
    if path.suffix or path.name != name:
        help_ = f"check the path: nothing lies at {path.absolute()}"
    theirs = next((kind for kind in DATA.values() if name in kind.embedded), None)
    if theirs is not None:
        help_ = f"`{name}` is {theirs.one}: give {formats}"
    raise UserError(f"{name}: no such {what}, file or folder", help_)


def wrong_head(
    name: str, what: str, count: int, outputs: int, parameter: str | None, help: str | None = None
) -> UserError:
    """Data of `count` classes (or words, `what`) for a network that gives another number of outputs.

    `parameter` is the one of the network that sets that number; `help` is what to do where it is known.
    """
    return UserError(
        f"{name}: {head_fault(what, count, outputs)}",
        help or f"{head_advice(what, count, parameter)}, or name other data by --data",
    )


def head_fault(what: str, count: int, outputs: int) -> str:
    """That the head gives another number of outputs, in words."""
    shown = what if count != 1 else what.removesuffix("s")
    return f"the data has {count:,} {shown}, and the network's head gives {outputs:,}"


def head_advice(what: str, count: int, parameter: str | None) -> str:
    """How the head comes to give as many."""
    if parameter is not None:
        return f"try --set {parameter}={count}"
    if what in ("classes", "targets"):
        return f"let the head end in `linear({count})`"
    return f"let embedding and head have {count}"
