"""What a search says at its end: the cells, how clearly each edge won, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.flow import CONSTANT_OUTPUT
from dartsl.run.commands import command_line
from dartsl.searching.connected import Derivation
from dartsl.searching.discretise import DerivedCell, KeptEdge
from dartsl.searching.emit import edge_text


def found_report(
    cells: Sequence[DerivedCell], run: Path, closing: Sequence[str] = (), opening: Sequence[str] = ()
) -> str:
    """The report as plain text. Margins are differences of mixing weights, which lie in 0 .. 1, those over
    edges times the weights of edges where there are any.

    `opening` are lines about what is to be known first, `closing` lines of the session's own, about how far it came.
    """
    picture = "found.svg" if (run / "found.svg").exists() else "found.dot"
    blocks = [cell_report(cell) for cell in cells if not cell.cell.layer]
    layers = [(each.cell.name, each.edges[0]) for each in cells if each.cell.layer]
    if layers:
        blocks.append(_table("layers", [(f"{name} : {kept.candidate.label}", kept) for name, kept in layers]))
    ending = [
        "weight: the mixing weight of the operation; margins: its lead over the next operation on the edge,",
        "and over the strongest edge into the node that was left out",
        "",
        *closing,
        *([""] if closing else []),
        f"run folder  {run}",
        f"found       {run / 'found.darts'}, drawn in {run / picture}",
        f"next        {command_line('dartsl', 'info', run / 'found.darts')}",
    ]
    first = ["", *opening] if opening else []
    return "\n".join([*first, "", *blocks, *ending])


def first_words(found: str, derivation: Derivation) -> list[str]:
    """What is to be known first of a found spec: that its output is a constant, or what was changed lest it be;
    and what else is to be known."""
    lines = [
        f"warning: {fault.title}"
        for fault in check(Source("found.darts", found)).warnings
        if fault.code == CONSTANT_OUTPUT
    ]
    if derivation.changes:
        lines += [
            "by the strongest operations the output would not depend on the input; changed, at the least cost:"
        ]
        lines += [f"  {change.text()}" for change in derivation.changes]
    return [*lines, *(f"note: {note}" for note in derivation.notes)]


def cell_report(cell: DerivedCell) -> str:
    """One cell: one edge per line, with its weight and margins."""
    return _table(f"cell {cell.cell.name}", [(edge_text(kept), kept) for kept in cell.edges])


def _table(title: str, rows: Sequence[tuple[str, KeptEdge]]) -> str:
    width = max((len(text) for text, _ in rows), default=0)
    lines = [title, f"  {'':<{width}}  weight  over operation  over edge"]
    for text, kept in rows:
        lines.append(f"  {text:<{width}}  {kept.weight_text or '-':>6}  {_margins(kept)}")
    return "\n".join([*lines, ""])


def _margins(kept: KeptEdge) -> str:
    return f"{_signed(kept.over_operation):>14}  {_signed(kept.over_edge):>9}"


def _signed(margin: float | None) -> str:
    return "-" if margin is None else f"{margin:+.4f}"
