"""`dartsl fmt`."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from dartsl.cli.options import command, complete_spec, output_option
from dartsl.cli.output import answer, deliver, note, rewrite
from dartsl.lang.codes.source import Source


@command("fmt")
@click.argument("files", nargs=-1, required=True, shell_complete=complete_spec, metavar="FILE...")
@click.option(
    "--check", "check_only", is_flag=True, help="Change nothing; exit with 1 if a file would change."
)
@click.option("--diff", "show_diff", is_flag=True, help="Change nothing; show what would change.")
@click.option(
    "--upgrade", is_flag=True, help="Also to the latest version of the language, with the same meaning."
)
@output_option("Where to write the text of one FILE, which then stays as it is.")
@click.pass_context
def fmt_command(
    ctx: click.Context,
    files: tuple[str, ...],
    check_only: bool,
    show_diff: bool,
    upgrade: bool,
    output: Path | None,
) -> None:
    """Format specs; comments are kept.

    Files are rewritten in place, with line feeds as line ends and without a byte-order mark. `-` reads stdin and
    writes to stdout. With --upgrade a file that the latest version of the language refuses, such as one that defines a
    name which that keeps for itself, stays as it is. Upgrade a file before those that it imports: an import may be
    older than what imports it, never newer.

    \b
    Examples:
      dartsl fmt mine.darts
      dartsl fmt --check --diff specs/*.darts
      cat mine.darts | dartsl fmt -
      dartsl fmt --upgrade mine.darts
    """
    from dartsl.api.specs import fmt, source_of
    from dartsl.lang.syntax.grammar import VERSIONS
    from dartsl.run.files import encoded

    if output is not None and (len(files) > 1 or check_only or show_diff):
        raise click.UsageError("--output takes the text of one FILE, without --check or --diff.", ctx)
    done: list[dict[str, object]] = []
    for name in files:
        source = source_of(name)
        text = fmt(source, upgrade=upgrade)
        differs = not _is_written(source, text)
        if output is not None:
            deliver(text, output)
            return
        entry: dict[str, object] = {"file": name, "changed": differs}
        shown = ""
        if show_diff:
            entry["diff"] = shown = _difference(source, text, name)
        elif check_only:
            shown = f"would reformat {name}" if differs else ""
        elif source.path is None:
            entry["text"] = shown = text
        elif differs:
            rewrite(source, name, encoded(text))
            newer = upgrade and source.version < VERSIONS[-1]
            note(f"upgraded {name} to darts {VERSIONS[-1]}" if newer else f"reformatted {name}")
        done.append(entry)
        answer({"files": done}, shown)
    ctx.exit(1 if check_only and any(file["changed"] for file in done) else 0)


def _is_written(source: Source, text: str) -> bool:
    """Whether the text stands there byte for byte: without a mark at its start, with bare line ends."""
    return text == source.text if source.path is None else text.encode() == source.path.read_bytes()


def _difference(source: Source, text: str, name: str) -> str:
    lines = difflib.unified_diff(
        source.text.splitlines(keepends=True), text.splitlines(keepends=True), name, f"{name}, formatted"
    )
    return "".join(line if line.endswith("\n") else line + "\n" for line in lines)
