"""The names of what lies in a run folder, and what a run writes there before its first checkpoint."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Sequence
from pathlib import Path, PurePosixPath

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.ast import File
from dartsl.run.commands import command_line
from dartsl.run.files import LONGEST, TEMPORARY, files_below
from dartsl.run.kinds import FOUND, beside, outcome

SPEC, RUN, HISTORY, CHECKPOINT = "spec.darts", "run.json", "history.jsonl", "checkpoint.pt"
VOCABULARY = "vocabulary.json"
COSTS = "costs.json"
LOCK = ".lock"


def owned() -> tuple[str, ...]:
    """What only the process writes that holds the folder."""
    return (SPEC, RUN, HISTORY, CHECKPOINT, VOCABULARY, COSTS, *beside(), *outcome())


def texts_of(files: Sequence[File]) -> dict[str, str]:
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


def require_unused(path: Path, texts: Collection[str]) -> None:
    """Raises UserError where a folder holds more than a run has before its first checkpoint."""
    rows = (HISTORY, *beside())
    started = {*texts, *rows, RUN, VOCABULARY, COSTS, LOCK}
    cut = {
        str(PurePosixPath(name).with_name(PurePosixPath(name).name[:LONGEST]))
        for name in (*started, *owned())
    }
    for file in files_below(path):
        temporary = TEMPORARY.fullmatch(file.name)
        name = file.with_name(temporary["name"] if temporary else file.name).relative_to(path).as_posix()
        if name not in (cut if temporary else started):
            raise taken(path)
        if name in rows and not temporary and file.stat().st_size:
            raise taken(path)


def taken(path: Path) -> UserError:
    """What to say of a folder that is something else already."""
    resume = command_line("--resume", path)
    return UserError(f"{path} exists", help=f"name another folder by --out, or go on with {resume}")
