"""`dartsl check` and `dartsl explain`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from dartsl.cli.options import command, complete_spec, plugin_option
from dartsl.cli.output import WRONG_USE, answer, coloured, current, note, rewrite, say_diagnostics
from dartsl.cli.watch import require_watchable, watch, watch_option
from dartsl.lang.codes.diagnostics import SpecError, UserError


@command("check")
@click.argument("names", nargs=-1, required=True, shell_complete=complete_spec, metavar="SPEC...")
@plugin_option
@click.option(
    "--fix", "fixing", is_flag=True, help="Mend first what can have been meant in one way only, in the files."
)
@watch_option("Check again whenever one of the files, or what they import, changes.")
@click.pass_context
def check_command(
    ctx: click.Context, names: tuple[str, ...], plugins: tuple[Path, ...], fixing: bool, watching: bool
) -> None:
    """Check specs for errors.

    Names, the graph, shapes and settings are checked without building anything. With --plugin, the `extern op`s
    of specs without errors are also built and tried. `-` reads stdin. For the folder of a run, what it found is
    checked, or else its spec. The exit code is 1 if there is an error; warnings alone leave it at 0.

    --fix adds the imports of shipped specs that are missing, and corrects names that differ in case or underscores
    alone, or by one letter (too few, too many, another, or two swapped) where no other name of at least four letters is
    as near. It says of each other fault why it is left. Line ends and a byte-order mark stay.

    \b
    Examples:
      dartsl check mine.darts
      dartsl check --format json mine.darts other.darts
      dartsl check mine.darts --plugin my_ops.py
      dartsl check --fix mine.darts
      dartsl check --watch mine.darts
    """
    if watching:
        if fixing:
            raise click.UsageError("--watch and --fix do not go together: both would change a file.", ctx)
        require_watchable(ctx, names)
        watch(names, plugins, lambda: _check(names, plugins, fixing=False))
    ctx.exit(1 if _check(names, plugins, fixing) else 0)


def _check(names: tuple[str, ...], plugins: tuple[Path, ...], fixing: bool) -> int:
    """Print what is wrong with specs; how many errors they have."""
    from dartsl.api.specs import diagnose
    from dartsl.lang.codes.render import report

    files: list[dict[str, Any]] = []
    for name in names:
        fixed = fixing and _fix(name)
        found = diagnose(name, plugins=plugins)
        shown, faults = found.name, found.diagnostics
        errors = sum(fault.severity == "error" for fault in faults)
        counts = {"errors": errors, "warnings": len(faults) - errors, **asdict(found.size)}
        files.append({"file": shown, **counts, **({"fixed": fixed} if fixing else {})})
        if current().json:
            say_diagnostics(faults)
        answer(
            {"files": files},
            report(shown, faults, found.size, color=coloured(sys.stdout)),
        )
    return sum(file["errors"] for file in files)


def _fix(name: str) -> bool:
    """Mend a file; whether there was anything to mend. Raises UserError for what is no file of the user's."""
    from dartsl.api.specs import source_of
    from dartsl.lang.fixes import mended
    from dartsl.lang.syntax.loader import encode
    from dartsl.run.files import read_file

    if name == "-" or Path(name).is_dir():
        raise UserError(f"--fix rewrites files, and `{name}` is none", "name a .darts file", WRONG_USE)
    try:
        source = source_of(name)
    except SpecError:  # not UTF-8, which the check reports
        return False
    done = mended(source)
    if done.count:
        before = b"" if source.path is None else read_file(source.path)
        rewrite(source, name, encode(done.source.text, before))
        note(f"fixed {name}")
    for fault, fix, why in done.left:
        place = ":".join(map(str, (name, *fault.primary.span.position)))
        note(f"left {place}: " + (why if fix is None else f"{fix.title}? {why}"))
    return done.count > 0


@command("explain")
@click.argument("code", required=False)
def explain_command(code: str | None) -> None:
    """Explain a diagnostic's code, with an example.

    Without a code, all errors and warnings are listed.

    \b
    Examples:
      dartsl explain E0501
      dartsl explain
    """
    from dartsl.lang.codes.table import CODES, explain

    if code is None:
        known = sorted(CODES, key=lambda item: (item[1:], item[0]))
        titles = [{"code": name, "title": CODES[name].title} for name in known]
        lines = [f"{one['code']}  {one['title']}" for one in titles]
        lines += ["", "E is an error, W a warning, which a comment silences: `# dartsl: allow W0303`"]
        answer({"codes": titles}, "\n".join(lines))
        return
    text = explain(code)
    name = code.upper()
    answer({"codes": [{"code": name, "title": CODES[name].title, "text": text}]}, text)
