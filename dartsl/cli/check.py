"""`dartsl check` and `dartsl explain`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import click

from dartsl.cli.options import complete_spec, format_option, read_source
from dartsl.cli.output import coloured, say_json
from dartsl.lang.diagnostics import Diagnostic, SpecError


@click.command("check")
@click.argument("files", nargs=-1, required=True, shell_complete=complete_spec, metavar="SPEC...")
@format_option
@click.pass_context
def check_command(ctx: click.Context, files: tuple[str, ...], format_: str) -> None:
    """Look for every mistake in specs.

    Names, graph, shapes and settings are checked, without building anything. `-` reads stdin. The exit
    code is 1 where there is an error; warnings alone leave it 0.

    \b
    Examples:
      dartsl check mine.darts
      dartsl check --format json mine.darts other.darts
    """
    from dartsl.lang.render import report, to_json

    reports: list[dict[str, Any]] = []
    failed = False
    for name in files:
        shown, faults, edges = _diagnose(name)
        errors = sum(fault.severity == "error" for fault in faults)
        failed = failed or errors > 0
        if format_ == "text":
            click.echo(report(shown, faults, edges, color=coloured(sys.stdout)))
        reports.append(
            {
                "file": shown,
                "errors": errors,
                "warnings": len(faults) - errors,
                "edges": edges,
                "diagnostics": to_json(faults),
            }
        )
    if format_ == "json":
        say_json({"files": reports})
    ctx.exit(1 if failed else 0)


def _diagnose(name: str) -> tuple[str, Sequence[Diagnostic], int]:
    """What a spec is called, its faults and its edges; one that is no text at all has a fault too."""
    from dartsl.lang.check import diagnose

    try:
        source = read_source(name)
    except SpecError as fault:
        return name, fault.diagnostics, 0
    found = diagnose(source)
    return source.name, found.diagnostics, found.edges


@click.command("explain")
@click.argument("code", required=False)
def explain_command(code: str | None) -> None:
    """Tell what a diagnostic's code means, with an example.

    Without a code it lists them all.

    \b
    Examples:
      dartsl explain E0501
      dartsl explain
    """
    from dartsl.lang.codes import CODES, explain

    if code is None:
        for known in sorted(CODES, key=lambda item: (item[1:], item[0])):
            click.echo(f"{known}  {CODES[known].title}")
        return
    click.echo(explain(code), nl=False)
