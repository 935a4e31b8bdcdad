"""The folder of a run: everything that was asked, everything that was found, in files a person can read.

    spec.darts        the spec as it was, and the files it imports beside it (the shipped library excepted)
    run.json          format, versions, settings, seed, command, network, parameters, hash of the spec
    history.jsonl     one object an epoch
    alphas.jsonl      the alphas behind each epoch (a search)
    checkpoint.pt     all that is needed to go on
    vocabulary.json   the words of a text, in the order of their numbers
    found.*           what came out (a search)
    tensorboard/      event files, where they were asked for
    curves.svg        what `dartsl plot` draws

Nothing here imports torch, so a run can be drawn and derived from without it.
"""

from __future__ import annotations

import hashlib
import json
import platform
import posixpath
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

import dartsl
from dartsl.lang.check import check
from dartsl.lang.diagnostics import SpecError, UserError
from dartsl.lang.loader import read
from dartsl.lang.printer import print_file
from dartsl.lang.resources import specs_dir
from dartsl.lang.source import Source
from dartsl.lang.syntax import File
from dartsl.run.files import Row, append_row, keep_rows, read_rows, write_json, write_text
from dartsl.run.inputs import Inputs, read_inputs

FORMAT = (
    2  # 1: into `concat` and `lerp`, sources were merged in order of declaration, however they were written
)
SPEC, RUN, HISTORY, ALPHAS, CHECKPOINT = (
    "spec.darts",
    "run.json",
    "history.jsonl",
    "alphas.jsonl",
    "checkpoint.pt",
)
FOUND = "found.darts"
VOCABULARY = "vocabulary.json"


@dataclass(frozen=True)
class Identity:
    """What a checkpoint must agree with to be continued.

    `kind` is `search` or `train`; `parameters` are the network's, as exact fractions in text; `format` is that of
    the run, which says how its spec is read.
    """

    kind: str
    spec_hash: str
    network: str
    parameters: dict[str, str]
    format: int = FORMAT


@dataclass(frozen=True)
class RunInfo:
    """What `run.json` holds.

    `settings` are all of them, defaults too; `parameters` are the network's, as exact fractions in text;
    `source` is what the user called the spec; `data_hash` is the fingerprint of the data the run uses; `inputs` say
    how images are normalised and what the classes are called.
    """

    kind: str
    source: str
    spec_hash: str
    network: str
    parameters: dict[str, str]
    settings: dict[str, Any]
    seed: int
    command: str
    plugins: list[str]
    data_hash: str
    inputs: Inputs
    versions: dict[str, str]
    format: int = FORMAT

    @property
    def identity(self) -> Identity:
        """What a checkpoint of this run must carry."""
        return Identity(self.kind, self.spec_hash, self.network, self.parameters, self.format)


class RunFolder:
    """An existing run folder of a known format."""

    def __init__(self, path: Path, info: RunInfo) -> None:
        self.path = path
        self.info = info

    @classmethod
    def create(cls, path: Path, files: Sequence[File], info: RunInfo) -> RunFolder:
        """Make the folder, with the spec (the last of `files`), what it imports, and `run.json`.

        Raises UserError where something of that name exists, or it cannot be made.
        """
        texts = _texts(files)
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            raise UserError(
                f"{path} exists", help=f"name another folder by --out, or go on with --resume {path}"
            ) from None
        except OSError as error:
            raise UserError(f"cannot make the folder {path}: {error.strerror or error}") from error
        for name, text in texts.items():
            target = path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            write_text(target, text)
        write_text(path / HISTORY, "")
        if info.kind == "search":
            write_text(path / ALPHAS, "")
        write_json(path / RUN, asdict(info))  # last: a folder with a run.json is a whole one
        return cls(path, info)

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Raises UserError where `path` is no run folder, or one of another format."""
        try:
            record = json.loads((path / RUN).read_bytes())
        except FileNotFoundError:
            raise UserError(
                f"{path} is not a run folder: it has no {RUN}",
                help="name the folder that `dartsl search` printed",
            ) from None
        except OSError as error:
            raise UserError(f"cannot read {path / RUN}: {error.strerror or error}") from error
        except ValueError:
            raise UserError(f"{path / RUN} is damaged: it is not JSON") from None
        found = record.get("format") if isinstance(record, dict) else None
        if not isinstance(record, dict) or found not in (1, FORMAT):
            raise UserError(
                f"{path} has run format {found!r}, and this version of dartsl reads formats 1 and {FORMAT}"
            )
        if found == 1:
            _require_same_meaning(path)
        wanted = {spec.name: spec.type for spec in fields(RunInfo)}
        kinds = {"str": str, "int": int, "list[str]": list}
        for name, annotation in wanted.items():
            value: Any = record.get(name)
            fits = isinstance(value, kinds.get(str(annotation), dict))
            if not fits or (name == "parameters" and not all(map(_is_fraction, value.values()))):
                raise UserError(f"{path / RUN} is damaged: `{name}` is missing or not what it was")
        try:
            inputs = read_inputs(record["inputs"])
        except ValueError as fault:
            raise UserError(f"{path / RUN} is damaged: `inputs` is not what it was ({fault})") from None
        return cls(path, RunInfo(**{name: record[name] for name in wanted} | {"inputs": inputs}))

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this process alone. Raises UserError where another one holds it."""
        lock = FileLock(self.path / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"another process is at work on {self.path}", help="wait for it, or stop it with Ctrl-C"
            ) from None
        except OSError as error:
            raise UserError(f"cannot write in {self.path}: {error.strerror or error}") from error
        try:
            yield
        finally:
            lock.release()

    @property
    def spec(self) -> Path:
        return self.path / SPEC

    @property
    def checkpoint(self) -> Path:
        return self.path / CHECKPOINT

    @property
    def vocabulary(self) -> Path:
        return self.path / VOCABULARY

    @property
    def found(self) -> Path:
        return self.path / FOUND

    def history(self) -> list[Row]:
        """One row an epoch, the first epoch first. Raises UserError."""
        return read_rows(self.path / HISTORY)

    def alphas(self) -> list[Row]:
        """One row an epoch: `epoch`, and `alphas`, a table for each cell. Raises UserError."""
        return read_rows(self.path / ALPHAS)

    def record(self, history: Mapping[str, Any], alphas: Mapping[str, Any] | None = None) -> None:
        """Add an epoch's rows. Both have an `epoch`, counted from 1. Raises UserError."""
        if alphas is not None:
            append_row(self.path / ALPHAS, alphas)
        append_row(self.path / HISTORY, history)

    def keep_epochs(self, epochs: int) -> None:
        """Forget all rows behind an epoch: those that a checkpoint, older than a crash, does not know of.

        Raises UserError where rows of earlier epochs are missing.
        """
        for name in (HISTORY, ALPHAS) if self.info.kind == "search" else (HISTORY,):
            rows = keep_rows(self.path / name, lambda row: row.get("epoch", 0) <= epochs)
            if [row.get("epoch") for row in rows] != list(range(1, epochs + 1)):
                raise UserError(
                    f"{self.path / name} does not hold the {epochs} epochs that the checkpoint knows of"
                )


def spec_hash(files: Sequence[File]) -> str:
    """SHA-256 of the printed trees of a spec and all it imports, the library too, without their comments."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(print_file(replace(file, comments=())).encode() + b"\0")
    return digest.hexdigest()


def in_library(source: Source) -> bool:
    """Whether a file is one of the shipped library, `std/`."""
    return source.path is not None and source.path.resolve().is_relative_to((specs_dir() / "std").resolve())


def versions() -> dict[str, str]:
    """Of what decides a run's numbers."""
    return {
        "dartsl": dartsl.__version__,
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
    }


def command_line(arguments: Sequence[str]) -> str:
    """A command as it can be typed again."""
    return shlex.join(arguments)


def free_name(parent: Path, stem: str) -> Path:
    """`parent/stem`, or with -2, -3, ... behind it: the first that does not exist."""
    path, number = parent / stem, 1
    while path.exists():
        number += 1
        path = parent / f"{stem}-{number}"
    return path


def _require_same_meaning(run: Path) -> None:
    """Raises UserError where the spec of a run of format 1 says something else today than it did then."""
    try:
        cells = check(read(str(run / SPEC))).cells.values()
    except (UserError, SpecError):  # reported by what needs the spec
        return
    changed = [cell.name for cell in cells if cell.reordered]
    if changed:
        found = f"; {run / FOUND} still says what it found" if (run / FOUND).exists() else ""
        raise UserError(
            f"{run} has run format 1, which merged sources in order of declaration, but cell `{changed[0]}` of its "
            "spec lists them in another order, which counts now",
            help=f"start a new run of the spec{found}",
        )


def _is_fraction(value: object) -> bool:
    """Whether a value is what `str` of a Fraction gives, and no longer than a network could use."""
    return isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,1000}(/[1-9][0-9]{0,999})?", value) is not None


def _texts(files: Sequence[File]) -> dict[str, str]:
    """The text of the root and of each file beside it that it imports, by its place in a run folder.

    A file keeps its place relative to the root, so that imports find each other; what is imported from the
    shipped library by its name stays there. Raises UserError where two files would want one place.
    """
    known = {file.source.path.resolve(): file for file in files if file.source.path is not None}
    texts = {SPEC: files[-1].source.text}
    waiting = [(files[-1], PurePosixPath(SPEC))]
    while waiting:
        importer, place = waiting.pop()
        here = importer.source.path
        for item in importer.imports:
            value = item.path.value
            if here is None or not value.startswith(("./", "../")):
                continue
            name = posixpath.normpath(str(place.parent / f"{value}.darts"))
            if name in (SPEC, FOUND) or name.startswith("../"):
                raise UserError(
                    f'the spec imports "{value}", which would lie at {name} in the run folder',
                    help="a run folder needs spec.darts and found.darts for itself, and files below it: "
                    "give the imported file another name, or import it as `./name`",
                )
            imported = known[(here.parent / f"{value}.darts").resolve()]
            if name not in texts:
                texts[name] = imported.source.text
                waiting.append((imported, PurePosixPath(name)))
    return texts
