"""Random architectures of a space, written as found ones are. No torch.

Each is drawn evenly from all that the network's cells stand for, as `dartsl info` counts them, and by itself: number
`i` of a seed is the same however many are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from random import Random

from dartsl.graph.count import space_size
from dartsl.graph.isomorphic import Form, Forms
from dartsl.graph.tables import LEFT_OUT
from dartsl.graph.uniform import drawn_columns
from dartsl.lang.check.model import Candidate, Cell, Edge, Network, Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.layer_choices import shown
from dartsl.searching.discretise import DerivedCell, KeptEdge
from dartsl.searching.emit import comments, decided_text

Choice = tuple[tuple[tuple[str, str, int, str], ...], ...]  # the edges of each cell
MOST_TRIES = 1000  # draws in a row that give nothing new, after which no more are looked for


@dataclass(frozen=True)
class Drawing:
    """Where a drawn file comes from. `command` is as it can be typed."""

    version: str
    source: str
    spec_hash: str
    seed: int
    command: str

    def lines(self, number: int) -> list[str]:
        """One comment line a fact, of architecture `number`."""
        facts = [
            f"Drawn at random by dartsl {self.version}, seed {self.seed}, number {number}.",
            f"source   {self.source}",
            f"sha256   {self.spec_hash}",
            f"command  {self.command}",
        ]
        return comments(facts)


def drawn_cell(cell: Cell, random: Random) -> DerivedCell:
    """One of the cells that a cell stands for, each as likely as any other."""
    columns = {id(edge): column for edge, column in zip(cell.edges, drawn_columns(cell, random), strict=True)}
    kept: list[KeptEdge] = []
    for node in cell.nodes:
        chosen = [
            (edge, edge.candidates[columns[id(edge)]])
            for edge in cell.incoming(node.name)
            if columns[id(edge)] != LEFT_OUT
        ]
        kept += (KeptEdge(edge, candidate, 1.0) for edge, candidate in _staying(chosen, node.merge))
    return DerivedCell(cell, tuple(kept))


def _staying(chosen: list[tuple[Edge, Candidate]], merge: str) -> list[tuple[Edge, Candidate]]:
    """Of the edges into a node those that a found file lists: into a `sum` not those of `none`, where another is."""
    if merge != "sum":
        return chosen
    return [(edge, candidate) for edge, candidate in chosen if not candidate.is_none] or chosen[:1]


def drawn_texts(
    spec: Spec, network: Network, parameters: Mapping[str, Fraction], drawing: Drawing, unique: bool = False
) -> Iterator[str]:
    """Decided specs without end, drawn by `drawing.seed`. `parameters` are all of the network's, as used.

    With `unique` no two of them are isomorphic; once no other is found, it raises UserError with how many there were.
    """
    forms, seen, drawn = Forms(), set[Form](), set[Choice]()
    number, since = 0, 0
    for each in count():
        random = Random(f"{drawing.seed}/{each}")  # a text seeds by SHA-512, the same on all machines
        cells = [drawn_cell(spec.cells[name], random) for name in network.cells]
        choice = _choice(cells)
        new = choice not in drawn  # one that was drawn before need not be read to be known
        if new or not unique:
            text = decided_text(spec, network, parameters, cells, drawing.lines(number))
        if unique:
            drawn.add(choice)
            form = _form(text, forms) if new else None
            if form is None or form in seen:
                since += 1
                if since == MOST_TRIES:
                    raise _too_few(spec, network, len(seen))
                continue
            seen.add(form)
            since = 0
        number += 1
        yield text


def _choice(cells: Sequence[DerivedCell]) -> Choice:
    """What was drawn, as it is, names of nodes included."""
    return tuple(
        tuple(
            (kept.edge.source, kept.edge.target, kept.edge.twin, kept.candidate.label) for kept in cell.edges
        )
        for cell in cells
    )


def _form(text: str, forms: Forms) -> Form:
    found = shown(check(Source("drawn.darts", text)))
    return forms.of_spec(found, found.cells)


def require_enough(spec: Spec, network: Network, count: int) -> None:
    """Raises UserError where a space has fewer than `count` architectures."""
    space = space_size(spec.cells[name] for name in network.cells)
    if count > space:
        raise UserError(
            f"the space has {_many(space)}: {count:,} different ones cannot be drawn", exit_code=2
        )


def _too_few(spec: Spec, network: Network, found: int) -> UserError:
    space = space_size(spec.cells[name] for name in network.cells)
    return UserError(
        f"once {_many(found)} were found, {MOST_TRIES:,} draws gave none that is not isomorphic to one of them",
        f"the space has {_many(space)} with isomorphic ones: ask for at most {found:,}",
    )


def _many(number: int) -> str:
    return f"{number:,} architecture" + "s" * (number != 1)
