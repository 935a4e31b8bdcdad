"""How the command line answers: results to stdout, all else to stderr, files whole or not at all.

A command calls `answer` with its result, or `deliver` with what it wrote. Under `--format json` these are kept, with
all diagnostics, for one document that `finish` prints at the end (dartsl/cli/README.md describes it).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

from dartsl.lang.codes.diagnostics import Diagnostic, UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.paths import printable
from dartsl.run.interrupt import Interrupted
from dartsl.run.torchrun import is_first, let_the_first_speak

if TYPE_CHECKING:
    from rich.console import Console

Outcome = TypeVar("Outcome")
VERSION = 1  # of the JSON document
FAULT, WRONG_USE, INTERRUPTED = 1, 2, 130
STDOUT = Path("-")
LONGEST = 14_000  # bits of a whole number: Python refuses to write one of more than 4,300 digits


@dataclass
class Report:
    """What one call of the command line has to say.

    json         whether it is said as one JSON document
    fault        the exit code of a fault
    diagnostics  faults and warnings, as JSON has them
    result       what was asked for; None until the command has answered
    """

    json: bool = False
    fault: int = FAULT
    diagnostics: list[dict[str, Any]] = field(default_factory=list)
    result: Any = None


def current() -> Report:
    """The report of the command that runs."""
    found = click.get_current_context().find_root().obj
    assert isinstance(found, Report)
    return found


def asks_for_json(arguments: Iterable[str]) -> bool:
    """Whether a command line has `--format json`; read before it is parsed, which may fail."""
    chosen, before = "text", ""
    for argument in arguments:
        if argument == "--":
            break
        option, equals, value = argument.partition("=")
        if before == "--format":
            chosen = argument
        elif option == "--format" and equals:
            chosen = value
        before = argument
    return chosen == "json"


def answer(result: Any, text: str) -> None:
    """The result of a command: its `text` on stdout, or `result` in the JSON document."""
    report = current()
    report.result = result
    if text and not report.json:
        click.echo(text, nl=not text.endswith("\n"))


def note(text: str) -> None:
    """A line for the reader, on stderr; nothing under --format json, whose document says the same."""
    if not current().json:
        click.echo(text, err=True)


def deliver(content: str | bytes, output: Path | None, remark: str = "", **facts: str) -> None:
    """A file's content to stdout (where `output` is None or `-`), or atomically into a file.

    The reader's line about the file ends with `remark`; `facts` are lines of their own, and parts of the result.

    Raises UserError where it cannot be written, or is binary and would go into the JSON document.
    """
    if isinstance(content, str) and not content.endswith("\n"):
        content += "\n"
    if output is not None and output != STDOUT:
        from dartsl.run.files import encoded, write_bytes

        write_bytes(output, content if isinstance(content, bytes) else encoded(content))
        written([output], remark)
        current().result |= facts
    elif isinstance(content, str):
        answer({"text": content, **facts}, content)
    elif current().json:
        raise UserError("a binary file does not fit into JSON", "name a file by -o", WRONG_USE)
    else:
        current().result = facts
        sys.stdout.buffer.write(content)
    for name, fact in facts.items():
        note(f"{name} {fact}")


def rewrite(source: Source, name: str, data: bytes) -> None:
    """Replace what the file of a spec holds, atomically. Raises UserError for a spec that comes with dartsl."""
    from dartsl.run.files import write_bytes

    if source.path is None or not Path(name).is_file():
        raise UserError(f"`{name}` is a spec that comes with dartsl; it stays as it is", exit_code=WRONG_USE)
    write_bytes(source.path, data)


def written(paths: Iterable[Path], remark: str = "") -> None:
    """Say which files were written."""
    names = [str(path) for path in paths]
    current().result = {"written": names}
    note(f"wrote {names[0]}{remark}")


def console(quiet: bool = False) -> Console:
    """Where a run's progress goes: stdout, or stderr under --format json. A bar is for a terminal alone."""
    from rich.console import Console

    stream = sys.stderr if current().json else sys.stdout
    return Console(file=stream, force_terminal=stream.isatty(), quiet=quiet)


def outcome_of(run: Callable[[], Outcome]) -> tuple[Outcome, bool]:
    """What a run comes to, and whether Ctrl-C stopped it, which has then said so, and is saved."""
    try:
        return run(), False
    except Interrupted as stopped:
        return stopped.result, True


def say_error(message: str, help: str | None, own: bool = False) -> None:
    """A mistake outside any spec; of several processes the first one reports it, or the one whose `own` it is."""
    if not (own or is_first()):
        let_the_first_speak()
        return
    if current().json:
        add_fault(current(), message, help)
        return
    click.echo(f"{click.style('error', fg='red', bold=True)}: {_safe(message)}", err=True)
    if help is not None:
        click.echo(f"  = help: {_safe(help)}", err=True)


def _safe(message: str) -> str:
    """A message whose names cannot steer the terminal."""
    return "\n".join(map(printable, message.split("\n")))


def add_fault(report: Report, message: str, help: str | None = None) -> None:
    """A fault outside any spec, for the JSON document: one without a code or a place."""
    nowhere: dict[str, Any] = {"primary": None, "secondary": []}
    fault = {"code": None, "url": None, "severity": "error", "title": message, **nowhere, "help": help}
    report.diagnostics.append(fault)


def say_diagnostics(diagnostics: Iterable[Diagnostic], quiet: bool = False) -> None:
    """Faults and warnings of a spec; of several processes the first one reports them. `quiet`: in JSON alone."""
    if not is_first():
        return
    from dartsl.lang.codes.render import render, to_json

    found = tuple(diagnostics)
    if current().json:
        current().diagnostics += to_json(found)
    elif found and not quiet:
        click.echo(render(found, color=coloured(sys.stderr)), err=True)


def finish(report: Report) -> None:
    """Print the JSON document, where one was asked for and there is something to say."""
    if report.json and (report.result is not None or report.diagnostics) and is_first():
        document = {"version": VERSION, "diagnostics": report.diagnostics, "result": report.result}
        click.echo(json.dumps(_finite(document), indent=2))


def _finite(value: Any) -> Any:
    """A document with null in place of NaN and infinity, for which JSON has no numbers, and of absurdly long ones."""
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, int) and value.bit_length() > LONGEST:
        return None
    return None if isinstance(value, float) and not isfinite(value) else value


def colour() -> bool | None:
    """Whether to colour all output, or none; None where a terminal gets colour and nothing else does.

    NO_COLOR (no-color.org) goes before FORCE_COLOR (force-color.org), and that before TERM=dumb.
    """
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return False if os.environ.get("TERM") == "dumb" else None


def coloured(stream: TextIO) -> bool:
    """Whether to colour what goes to a stream."""
    chosen = colour()
    return stream.isatty() if chosen is None else chosen
