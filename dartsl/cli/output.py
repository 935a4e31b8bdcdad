"""How the command line speaks: results to stdout, complaints to stderr, files whole or not at all."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

import click

from dartsl.lang.diagnostics import Diagnostic
from dartsl.run.torchrun import is_first


def coloured(stream: TextIO) -> bool:
    """Whether a stream wants colour: a terminal does, unless NO_COLOR is set (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def say_error(message: str, help: str | None, own: bool = False) -> None:
    """A mistake outside any spec, on stderr; of several processes the first one tells, or the one whose `own` it is."""
    if not (own or is_first()):
        return
    click.echo(f"{click.style('error', fg='red', bold=True)}: {message}", err=True)
    if help is not None:
        click.echo(f"  = help: {help}", err=True)


def say_diagnostics(diagnostics: Iterable[Diagnostic]) -> None:
    """Faults of a spec, on stderr; of several processes the first one tells."""
    if not is_first():
        return
    from dartsl.lang.render import render

    click.echo(render(tuple(diagnostics), color=coloured(sys.stderr)), err=True)


def say_json(value: Any) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(value, indent=2))


def deliver(text: str, path: Path | None) -> None:
    """Text to stdout, or atomically into a file."""
    if path is None:
        click.echo(text, nl=not text.endswith("\n"))
        return
    from dartsl.run.files import write_text

    write_text(path, text if text.endswith("\n") else text + "\n")
    click.echo(f"wrote {path}", err=True)
