"""`--watch`: a command that runs again whenever a file of its specs, or of a run, changes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import click

from dartsl.cli.options import Command
from dartsl.cli.output import STDOUT, current, note, say_diagnostics, say_error
from dartsl.lang.codes.diagnostics import SpecError, UserError

PAUSE = 0.3  # seconds between two looks at the files
Stamp = tuple[int, int] | None  # of a file: when it was changed, and its bytes; None where it is not there


def watch_option(help: str) -> Callable[[Command], Command]:
    """`--watch`."""
    return click.option("--watch", "watching", is_flag=True, help=f"{help} Ctrl-C ends it.")


def require_watchable(ctx: click.Context, names: Iterable[str], *, runs: bool = False) -> None:
    """Raises UsageError for what cannot be watched: standard input, and folders but those of `runs`, where they may be
    given."""
    if current().json:
        raise click.UsageError("--watch prints again and again, which one JSON document cannot hold.", ctx)
    for name in names:
        if name == str(STDOUT) or (Path(name).is_dir() and not (runs and _of_run(Path(name))[0].exists())):
            what = "spec files and the folders of runs" if runs else "spec files"
            raise click.UsageError(f"--watch is for {what}, and '{name}' is none.", ctx)


def _of_run(folder: Path) -> list[Path]:
    """The files of a run that change as it goes on."""
    from dartsl.run.kinds import ALPHAS
    from dartsl.run.layout import HISTORY, RUN

    return [folder / name for name in (RUN, HISTORY, ALPHAS)]


def watch(names: Iterable[str], others: Iterable[Path], run: Callable[[], object]) -> None:
    """Run, and again after each change of the specs, of what they import or of `others`; for ever: Ctrl-C ends it.

    What a run says of a mistake is said, and the next change awaited. Raises UserError where there is no such spec at
    the start.
    """
    before = stamps({*others, *_files(names)})
    while True:
        try:
            run()
        except SpecError as fault:
            say_diagnostics(fault.diagnostics)
        except UserError as fault:
            say_error(fault.message, fault.help)
        try:
            files = {*others, *_files(names)}
        except UserError:  # a file is away, as while an editor saves it
            files = set(before)
        note("watching; Ctrl-C ends it")
        before = wait_for_change(stamps(files) | before)


def wait_for_change(before: Mapping[Path, Stamp]) -> dict[Path, Stamp]:
    """Wait until a file is another than it was; what the files are then."""
    while (now := stamps(before)) == before:
        _pause()
    return now


def _pause() -> None:
    time.sleep(PAUSE)


def stamps(files: Iterable[Path]) -> dict[Path, Stamp]:
    """What tells whether a file has changed."""
    return {path: _stamp(path) for path in files}


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _files(names: Iterable[str]) -> set[Path]:
    """The files of specs: their own, and those that they import, which need not be there yet; and of runs what changes.
    Raises UserError."""
    from dartsl.api.specs import source_of
    from dartsl.lang.checker import target_of
    from dartsl.lang.syntax.loader import load

    found: set[Path] = set()
    for name in names:
        if Path(name).is_dir():
            found.update(_of_run(Path(name)))
            continue
        try:
            source = source_of(name)
        except SpecError:  # not UTF-8
            found.add(Path(name))
            continue
        files = load(source).files
        found |= {path for path in (source.path, *(file.source.path for file in files)) if path is not None}
        targets = (target_of(file, item) for file in files for item in file.imports)
        found |= {path for path in targets if path is not None}
    return found
