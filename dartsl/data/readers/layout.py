"""Which images of a folder train, validate and test, and of which class each one is.

The folders are splits with class folders in them (train/CLASS, test/CLASS, perhaps val/CLASS), or class folders alone.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from dartsl.data.readers.image_file import SUFFIXES
from dartsl.data.readers.parts import fifth_of_each
from dartsl.lang.codes.diagnostics import UserError

SPLITS = {
    "train": ("train", "training"),
    "test": ("test", "testing"),
    "val": ("val", "valid", "validation"),
}
_KIND = {name: kind for kind, names in SPLITS.items() for name in names}
# Left behind by systems and tools, beside names that start with a dot.
_OF_SYSTEMS = frozenset(
    {"__MACOSX", "__pycache__", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"}
)

Listed = list[tuple[Path, int]]


@dataclass(frozen=True)
class Listing:
    """The images of a folder with their labels: `train` shuffled by a fixed seed, `valid` empty where there is no val/.

    classes   their names, in the order of the labels
    notes     what a user should know about how the folder was understood, a sentence each
    """

    train: Listed
    valid: Listed
    test: Listed
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()


def is_image_folder(folder: Path) -> bool:
    """Whether a folder holds images somewhere, or a folder for training images. Raises UserError."""
    with _readable(folder):
        return any(_kind(child) == "train" for child in _sub_folders(folder)) or any(images_below(folder))


def listing(folder: Path) -> Listing:
    """The training, validation and test images of a folder, and its classes in the order of their folders' names.

    A folder that only wraps another is passed through. Split names are train or training, test or testing, and val,
    valid or validation, in any case. Where there are no splits a fixed, random fifth of each class is the test part;
    where there is no test/ val/ is. Raises UserError where the folders cannot be understood without a guess.
    """
    with _readable(folder):
        root = unwrapped(folder)
        found = _of_splits(root) if _splits(root) else _of_classes(root)
    order = np.random.default_rng(0).permutation(len(found.train))
    through = (f"{folder} holds {root.relative_to(folder)}/ alone, which is read",) if root != folder else ()
    return Listing(
        [found.train[i] for i in order], found.valid, found.test, found.classes, through + found.notes
    )


def unwrapped(folder: Path) -> Path:
    """The folder itself or, where it holds nothing but one folder of folders, that one, and so on."""
    while True:
        inner = _sub_folders(folder)
        if len(inner) != 1 or _kind(inner[0]) is not None or _directly(folder):
            return folder
        if not _sub_folders(inner[0]) or _directly(inner[0]):
            return folder
        folder = inner[0]


# ------------------------------------------------------------------- splits


def _kind(folder: Path) -> str | None:
    """Which split a folder's name means: train, test, val or none."""
    return _KIND.get(folder.name.casefold())


def _splits(root: Path) -> dict[str, Path]:
    """The folders of a root that are splits, by their kind. Raises UserError where one kind is there twice."""
    found: dict[str, Path] = {}
    for child in _sub_folders(root):
        kind = _kind(child)
        if kind is not None and kind in found:
            raise UserError(
                f"{root}: both {found[kind].name}/ and {child.name}/ are there, which mean the same",
                "merge them into one folder, or move one of them away",
            )
        if kind is not None:
            found[kind] = child
    return found


def _of_splits(root: Path) -> Listing:
    splits = _splits(root)
    if "train" not in splits:
        there = " and ".join(f"{path.name}/" for path in splits.values())
        raise UserError(
            f"{root}: has {there}, but no train/",
            "put the training images in train/CLASS/; a class that is called so needs another name",
        )
    if len(splits) == 1:
        raise UserError(
            f"{root}: has {splits['train'].name}/, but neither test/ nor val/",
            f"put the test images in test/CLASS/, or name {splits['train']} to set a fifth of each class apart",
        )
    roots = {"train": unwrapped(splits.pop("train"))}
    classes = _classes(roots["train"])
    notes = _unused(root)
    for kind, path in splits.items():
        # A lone class folder wraps nothing.
        roots[kind] = path if any((path / name).is_dir() for name in classes) else unwrapped(path)
        _require_same_classes(roots["train"], roots[kind], classes)
    listed = {kind: _list_images(path, classes, may_lack=kind != "train") for kind, path in roots.items()}
    for kind, path in roots.items():
        present = {label for _, label in listed[kind]}
        lacking = [name for label, name in enumerate(classes) if label not in present]
        notes += [f"{path} has no images of {_names(lacking)}"] if lacking else []
        notes += _stray(path)
    if "test" not in listed:
        notes.append(f"{roots['val']} is the test part, since there is no test/")
        return Listing(listed["train"], [], listed["val"], classes, tuple(notes))
    return Listing(listed["train"], listed.get("val", []), listed["test"], classes, tuple(notes))


def _require_same_classes(train: Path, other: Path, classes: Sequence[str]) -> None:
    names = [child.name for child in _sub_folders(other)]
    if not names and _directly(other):
        raise UserError(
            f"{other}: holds images, but no class folders",
            f"put them in {other.name}/CLASS/; where their classes are not known, move {other.name}/ away",
        )
    extra = [name for name in names if name not in classes]
    if not extra:
        return
    folded = {name.casefold(): name for name in classes}
    twin = folded.get(extra[0].casefold())
    raise UserError(
        f"{other}: {'class' if len(extra) == 1 else 'classes'} {_names(extra)} "
        f"{'is' if len(extra) == 1 else 'are'} not in {train}",
        f"rename {other / extra[0]} to {twin}" if twin is not None else "both need the same class folders",
    )


def _unused(root: Path) -> list[str]:
    """A note on folders with images beside the splits."""
    idle = [
        path.name for path in _sub_folders(root) if _kind(path) is None and next(images_below(path), None)
    ]
    return [f"{root} has splits: its other folders are not used ({_names(idle)})"] if idle else []


# ------------------------------------------------------------------- classes


def _of_classes(root: Path) -> Listing:
    classes = _classes(root)
    _refuse_hidden_splits(root, classes)
    train, test = _set_apart(_list_images(root, classes))
    return Listing(train, [], test, classes, tuple(_same_inside(root, classes) + _stray(root)))


def _classes(folder: Path) -> tuple[str, ...]:
    """The names of a folder's class folders: two or more, none of them twice. Raises UserError."""
    names = tuple(child.name for child in _sub_folders(folder))
    if not names:
        what = "images, but no class folders" if _directly(folder) else "no class folders"
        raise UserError(
            f"{folder}: holds {what}", "put the images of each class into a folder named after it"
        )
    for _, group in groupby(sorted(names, key=str.casefold), key=str.casefold):
        twins = sorted(group)
        if len(twins) > 1:
            raise UserError(
                f"{folder}: the classes {_names(twins)} differ in upper and lower case alone",
                "merge them into one folder, or rename one",
            )
    if len(names) == 1:
        raise UserError(
            f"{folder}: one class, {names[0]}", "a data set needs the folders of two classes or more"
        )
    return names


def _refuse_hidden_splits(root: Path, classes: Sequence[str]) -> None:
    """Refuse folders that would be taken for classes, but are splits by their names, or hold splits."""
    words = {name: {_KIND.get(word) for word in re.split(r"[^a-z]+", name.casefold())} for name in classes}
    train = next((name for name in classes if "train" in words[name]), None)
    other = next((name for name in classes if words[name] & {"test", "val"}), None)
    if train is not None and other is not None and train != other:
        raise UserError(
            f"{root}: {train}/ and {other}/ look like splits, not like classes",
            "rename them to train/ and test/; if they are classes, give them other names",
        )
    for name in classes:
        inside = [child.name for child in _sub_folders(root / name) if _kind(child) is not None]
        if inside:
            raise UserError(
                f"{root / name}: a class folder that holds {_names([f'{item}/' for item in inside])}",
                f"name {root / name} if it is the data set; else swap the folders: train/{name}/, test/{name}/",
            )


def _same_inside(root: Path, classes: Sequence[str]) -> list[str]:
    """A note where all classes hold folders of the same names: they may be something else than classes."""
    inside = [{child.name for child in _sub_folders(root / name)} for name in classes]
    shared = sorted(set.intersection(*inside))
    if len(shared) < 2:
        return []
    return [
        f"the classes are {_names(classes)}; the folders within them ({_names(shared)}) are not distinguished"
    ]


def _stray(folder: Path) -> list[str]:
    """A note on images beside class folders."""
    stray = _directly(folder)
    return [f"{folder}: images beside the class folders are not used ({_names(stray)})"] if stray else []


def _list_images(folder: Path, classes: Sequence[str], *, may_lack: bool = False) -> Listed:
    """Each image with its label, class by class."""
    places = {name: folder / name for name in classes}
    of_class = {name: sorted(images_below(path)) if path.is_dir() else [] for name, path in places.items()}
    empty = [name for name, paths in of_class.items() if not paths]
    full = [name for name in classes if name not in empty]
    if not full:
        raise UserError(f"{folder}: no images", "put the images of each class into a folder named after it")
    if empty and not may_lack:
        inner = f"; if the classes lie in {folder / full[0]}, name that" if len(full) == 1 else ""
        what = "a class folder" if len(empty) == 1 else f"class folders ({_names(empty)})"
        raise UserError(
            f"{folder / empty[0] if len(empty) == 1 else folder}: {what} without images",
            f"remove what is not a class; images end in {', '.join(sorted(SUFFIXES))}{inner}",
        )
    return [(path, label) for label, paths in enumerate(of_class.values()) for path in paths]


def _set_apart(listed: Listed) -> tuple[Listed, Listed]:
    """Training and test part: a fifth of each class, by a fixed seed, is the latter. Raises UserError."""
    train, test = fifth_of_each([label for _, label in listed])
    if not test:
        raise UserError(
            "too few images to set a fifth of each class apart as test images",
            "add images, or train/ and test/ folders",
        )
    return [listed[place] for place in train], [listed[place] for place in test]


# ------------------------------------------------------------------- files


def _idle(name: str) -> bool:
    return name.startswith(".") or name in _OF_SYSTEMS


def _sub_folders(folder: Path) -> list[Path]:
    return sorted(child for child in folder.iterdir() if child.is_dir() and not _idle(child.name))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not _idle(path.name) and path.is_file()


def images_below(folder: Path) -> Iterator[Path]:
    """The image files of a folder and of all below it, in no order; what is hidden or of a system is left out."""
    for place, folders, names in os.walk(folder, onerror=_fail):
        folders[:] = [name for name in folders if not _idle(name)]
        yield from (path for path in (Path(place, name) for name in names) if _is_image(path))


@contextmanager
def _readable(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{folder}: cannot be read ({error})", "check the folders and their permissions"
        ) from None


def _fail(error: OSError) -> None:
    """What cannot be read would otherwise be left out without a word."""
    raise error


def _directly(folder: Path) -> list[str]:
    """The names of the image files that lie in a folder itself."""
    return sorted(path.name for path in folder.iterdir() if _is_image(path))


def _names(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
