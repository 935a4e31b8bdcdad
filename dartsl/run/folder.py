"""The folder of a run: everything that was asked, everything that was found, in files a person can read.

    spec.darts        the spec as it was, and the files it imports beside it (the shipped library excepted)
    run.json          format, versions, settings, seed, command, network, parameters, hash of the spec;
                      how images are normalised, and what the classes are called
    history.jsonl     one object per epoch
    alphas.jsonl      the alphas after each epoch (a search)
    checkpoint.pt     all that is needed to go on
    vocabulary.json   the words of a text, in the order of their numbers
    costs.json        the file that the setting `cost` named
    found.*           what came out (a search)
    result.json       what came out (a training)
    tensorboard/      event files, where they were asked for
    curves.svg        what `dartsl plot` draws

Nothing here imports torch, so a run can be drawn and derived from without it.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from fractions import Fraction
from importlib import metadata
from pathlib import Path

from filelock import FileLock, Timeout

import dartsl
from dartsl.lang.check.model import Network
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.records.primitives import BUILT_IN
from dartsl.lang.syntax.ast import File, SettingsDecl
from dartsl.lang.syntax.library import in_library, used
from dartsl.lang.syntax.loader import read
from dartsl.lang.syntax.paths import exists, reason
from dartsl.lang.syntax.printer import print_file
from dartsl.nn.plugin_files import Named, PluginFile
from dartsl.run.commands import command_line
from dartsl.run.files import (
    Row,
    append_row,
    read_file,
    read_rows,
    sweep,
    write_json,
    write_rows,
    write_text,
)
from dartsl.run.kinds import FOUND, KINDS, RunKind, beside
from dartsl.run.layout import (
    CHECKPOINT,
    COSTS,
    HISTORY,
    LOCK,
    RUN,
    SPEC,
    VOCABULARY,
    owned,
    require_unused,
    taken,
    texts_of,
)
from dartsl.run.records import RunInfo, read_info, require_rows
from dartsl.run.schema import Check
from dartsl.run.trust import approved, holds, seal

NO_COPIES: Mapping[str, str] = {}


class RunFolder:
    """An existing run folder of a known format."""

    def __init__(self, path: Path, info: RunInfo) -> None:
        self.path = path
        self.info = info

    @classmethod
    @contextmanager
    def begun(
        cls, path: Path, files: Sequence[File], info: RunInfo, copies: Mapping[str, str] = NO_COPIES
    ) -> Iterator[RunFolder]:
        """Make the folder, with the spec (the last of `files`), what it imports, `copies` of other files as texts by
        their names there, and `run.json`; and hold it.

        An empty folder is taken, and so is one that a run left which died before its first checkpoint: it holds
        nothing that would not be written anew. Raises UserError where anything else is there, or it cannot be made.
        """
        texts = texts_of(files)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except (OSError, ValueError) as error:  # ValueError: no folder can have this name
            if exists(path):
                raise taken(path) from None
            raise UserError(f"cannot make the folder {path}: {reason(error)}") from error
        require_unused(path, texts)  # before a lock is left in a stranger's folder
        run = cls(path, info)
        with run.held():
            require_unused(path, texts)  # again: another process may have been quicker
            run._write_all({**texts, **copies})
            yield run

    def _write_all(self, texts: Mapping[str, str]) -> None:
        for name in (RUN, VOCABULARY, COSTS, *beside()):  # of the run that died
            (self.path / name).unlink(missing_ok=True)
        for name, text in texts.items():
            target = self.path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            write_text(target, text)
        for name in (HISTORY, *self.kind.beside):
            write_text(self.path / name, "")
        # Last: a folder with a run.json is a whole one.
        self.rewrite(replace(self.info, seal=seal(self.path, self.info.plugins)))

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """Raises UserError where `path` is not a run folder, or one of another format."""
        if not exists(path / RUN):
            if exists(first := path / "seed0" / RUN):
                raise UserError(
                    f"{path} holds the runs of several seeds", f"name one of them: {first.parent}"
                )
            raise UserError(
                f"{path} is not a run folder: it has no {RUN}",
                help=f"a run that died before it was recorded is started again by {command_line('--out', path)}"
                if exists(path / SPEC)
                else "name the folder that `dartsl search` printed",
            )
        info = read_info(path, path / RUN)
        if info.format == 1:
            _require_same_meaning(path)
        return cls(path, info)

    def plugins(self, named: Named = ()) -> list[PluginFile]:
        """The plugins in which an operation may be looked for: nothing in the folder decides that alone.

        To be asked once an operation needs one; `named` are those that the user names now. Raises UserError where
        they must be named, or are not those that the run was started with.
        """
        return approved(self.path, self.info.plugins, self.info.seal, named)

    def adopt(self, plugins: Sequence[PluginFile]) -> None:
        """Record where the plugins lie now, and that the user has named them for this folder. Raises UserError."""
        if list(plugins) != self.info.plugins or not holds(self.info.seal, self.path, plugins):
            self.rewrite(replace(self.info, plugins=list(plugins), seal=seal(self.path, plugins)))

    def prolong(self, epochs: int) -> None:
        """Record that the run is to have another number of epochs; what came out so far is no more. Raises UserError.

        `settings` and `command` say it; the command is then what was typed, one command after the other.
        """
        # First: a run whose outcome is missing derives it again, an outcome of fewer epochs lies.
        for name in self.kind.outcome:
            (self.path / name).unlink(missing_ok=True)
        again = self.kind.go_on(self.path, "--epochs", epochs)
        settings = {**self.info.settings, "epochs": epochs}
        command = f"{self.info.command} && {again}"
        self.rewrite(replace(self.info, settings=settings, command=command))

    def rewrite(self, info: RunInfo) -> None:
        """Replace what is recorded of the run. Raises UserError."""
        write_json(self.path / RUN, asdict(info))
        self.info = info

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the folder for this process alone, to write in it, and remove what killed writers have left there.

        Raises UserError where another process holds it.
        """
        lock = FileLock(self.path / LOCK)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"another process is at work on {self.path}", help="wait for it, or stop it with Ctrl-C"
            ) from None
        except OSError as error:
            raise UserError(f"cannot write in {self.path}: {error.strerror or error}") from error
        try:
            sweep(self.path, owned())
            yield
        finally:
            lock.release()

    @property
    def kind(self) -> RunKind:
        """What tells it from the runs of another command."""
        return KINDS[self.info.kind]

    def require(self, kind: RunKind, help: str | None = None, reason: str | None = None) -> None:
        """Raise UserError unless the run is of this kind, with the reason, if it is not this."""
        if self.kind != kind:
            reason = reason or f"not of a {kind.title}"
            raise UserError(f"{self.path} is a run of `{self.kind.name}`, {reason}", help)

    @property
    def unbegun(self) -> bool:
        """Whether the run died before its first checkpoint: nothing is lost then but what starting took."""
        history = self.path / HISTORY
        return not self.checkpoint.exists() and history.is_file() and not history.stat().st_size

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

    def copied(self, name: str) -> Path:
        """The run's copy of a file. Raises UserError where it is not the one that the run was started with."""
        path = self.path / name
        if hashlib.sha256(read_file(path)).hexdigest() != self.info.copies.get(name):
            raise UserError(
                f"{path} is not the file that the run was started with",
                "a run can only go on with its own files; start another one for a changed file",
            )
        return path

    def history(self) -> list[Row]:
        """One row per epoch, the first epoch first. Raises UserError."""
        return self.rows(HISTORY)

    def rows(self, name: str) -> list[Row]:
        """What the epochs have added to a file, the first epoch first. Raises UserError."""
        rows = _read(self.path / name)
        require_rows(self.path / name, rows, self._checks()[name])
        return rows

    def _checks(self) -> Mapping[str, Check]:
        """What a row must be of each file to which an epoch adds one."""
        inputs = self.info.inputs
        return {HISTORY: self.kind.row(None if inputs is None else inputs.kind), **self.kind.beside}

    def values(self, network: Network) -> dict[str, Fraction]:
        """The parameters of the run's network. Raises UserError where they are not those that its spec declares."""
        declared = {parameter.name.id for parameter in network.parameters}
        if declared != self.info.parameters.keys():
            odd = ", ".join(f"`{name}`" for name in sorted(declared ^ self.info.parameters.keys()))
            raise UserError(
                f"{self.path / RUN} is damaged: its parameters and those of network `{network.name}` differ in {odd}"
            )
        return {name: Fraction(value) for name, value in self.info.parameters.items()}

    def record(self, history: Row, beside: Mapping[str, Row]) -> None:
        """Add an epoch's rows, `beside` by the names of their files; each has an `epoch`, counted from 1.

        Raises UserError.
        """
        for name, row in beside.items():
            append_row(self.path / name, row)
        append_row(self.path / HISTORY, history)

    def keep_epochs(self, epochs: int) -> None:
        """Forget all rows after an epoch: those that a checkpoint, older than a crash, does not know of.

        Raises UserError, before anything is changed, where rows of earlier epochs are missing or damaged.
        """
        checks = self._checks()
        kept = {self.path / name: _read(self.path / name)[:epochs] for name in checks}
        for (path, rows), fits in zip(kept.items(), checks.values(), strict=True):
            if len(rows) < epochs:
                raise UserError(f"{path} does not hold the {epochs} epochs that the checkpoint knows of")
            require_rows(path, rows, fits)
        for path, rows in kept.items():
            write_rows(path, rows)


def _read(path: Path) -> list[Row]:
    """The rows of a file; trainings before version 0.2 called `validation` `watched`. Raises UserError."""
    rows = read_rows(path)
    return [{"validation" if name == "watched" else name: row[name] for name in row} for row in rows]


def spec_hash(files: Sequence[File]) -> str:
    """SHA-256 of the printed trees of a spec and all it imports, the library too, without their comments.

    What `darts 2` has in the library may grow: of that, only what the spec uses counts, and no primitive, whose meaning
    the version fixes.
    """
    growing = {id(file) for file in files if file.version > 1 and in_library(file.source)}
    named = {id(file): [d for d in file.declarations if not isinstance(d, SettingsDecl)] for file in files}
    offered = {d.name.id: d for file in growing for d in named[file]}
    counted = used((d for file in named.keys() - growing for d in named[file]), offered) - BUILT_IN
    digest = hashlib.sha256()
    for file in files:
        kept = file.declarations
        if id(file) in growing:
            kept = tuple(d for d in named[id(file)] if d.name.id in counted)
        digest.update(print_file(replace(file, declarations=kept, comments=())).encode() + b"\0")
    return digest.hexdigest()


def versions() -> dict[str, str]:
    """Of what decides a run's numbers."""
    return {
        "dartsl": dartsl.__version__,
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
    }


def free_name(parent: Path, stem: str) -> Path:
    """`parent/stem`, or with -2, -3, ... at its end: the first that does not exist."""
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
