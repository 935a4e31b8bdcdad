"""The projection: after a search, each edge keeps what the network loses most without (DARTS-PT).

Source: Wang et al., "Rethinking architecture selection in differentiable NAS" (ICLR 2021, arXiv 2108.04392), and the
authors' code. The search goes on; every so many epochs one edge of each table, drawn among those that are undecided,
is decided: each of its candidates is left out in turn, without bringing the other weights to a sum of 1, and the one
stays without which the network does worst on all that trains the alphas. Once all edges are, the nodes with `keep k`
are: each edge into one is left out alone, and those k stay without which it does worst.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor

from dartsl.graph.tables import DECIDED, LEFT_OUT, AlphaTable
from dartsl.lang.check.model import Cell, Edge
from dartsl.lang.settings.methods import PERTURBATION
from dartsl.nn.draws import stream_seed
from dartsl.nn.projection import changed, decide
from dartsl.nn.supernet import Supernet
from dartsl.run.schema import Check, many, number, record, text, whole
from dartsl.searching.phase import Phase, Trial, cells_of, require_choices
from dartsl.step.batches import Outcome
from dartsl.step.tally import Tally


@dataclass(frozen=True)
class Variant(Trial):
    """A network that is measured: a table's without a candidate of an edge, or without the edge (LEFT_OUT)."""

    table: str
    row: int
    column: int


@dataclass(frozen=True)
class Decision:
    """What an edge keeps (`row`, its column), or which edges stay of those into a node (`rows`).

    scores  how well the network did without each of what was left out: its accuracy, or minus its loss
    measure which of the two, "accuracy" or "loss"
    """

    table: str
    rows: list[int]
    options: list[int]  # columns of the row, or rows into the node
    kept: list[int]
    scores: list[float]
    measure: str


@dataclass
class Projection(Phase):
    """What is to be decided, and how far that has come.

    interval  epochs from one decision to the next
    at        tables of which this epoch's decision is made, or for which there is none
    scores    of the variants of the decision that is being made
    made      the decisions of this epoch
    """

    key = "projection"
    model: Supernet
    interval: int
    ended: int | None = None
    at: int = 0
    scores: list[float] = field(default_factory=list)
    made: list[Decision] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Raises UserError for a node whose edges cannot all be left out."""
        tables, cells = self.model.tables, cells_of(self.model.plan)
        self._tables = tables
        self._cells = {table.name: cells[table.cell] for table in tables}
        for cell in self._cells.values():
            require_choices(cell, PERTURBATION)
        self._nodes = {table.name: _contested(self._cells[table.name], table) for table in tables}
        self.count = max(len(table.sizes) + len(self._nodes[table.name]) for table in tables)
        self.at = len(tables)

    @property
    def epochs(self) -> int:
        """One after the last decision, `interval` after each other one."""
        return self.interval * (self.count - 1) + 1

    def rate(self, highest: float, scheduled: float) -> float:
        """The weights' learning rate: in the phase a tenth of the highest, as the authors have it."""
        return scheduled if self.ended is None else highest / 10

    def number(self, epoch: int) -> int:
        """Which decision the epoch after so many of the run has, from 1; 0 in the search."""
        ended = self.ended
        return 0 if ended is None or epoch < ended else (epoch - ended) // self.interval + 1

    def phase(self, epoch: int) -> str:
        number = self.number(epoch)
        return f"projection {number} of {self.count}" if number else ""

    def enter(self, epoch: int, searched: bool) -> bool:
        first = searched and self.ended is None
        self.ended = epoch if first else self.ended
        decides = self.ended is not None and (epoch - self.ended) % self.interval == 0
        self.at = 0 if decides and not self.over(epoch) else len(self._tables)
        self.scores, self.made = [], []
        self._pass_over()
        return first

    # ------------------------------------------------------------------ variants

    @property
    def done(self) -> int:
        """Variants of this epoch that are measured."""
        return sum(len(each.scores) for each in self.made) + len(self.scores)

    @property
    def total(self) -> int:
        """Variants of this epoch."""
        made = sum(len(each.scores) for each in self.made)
        return made + sum(len(self._options(table)[1]) for table in self._tables[self.at :])

    def left(self) -> Iterator[Variant]:
        """The variants of this epoch that are not measured."""
        while self.at < len(self._tables):
            table = self._tables[self.at]
            rows, options = self._options(table)
            option = options[len(self.scores)]
            yield (
                Variant(table.name, rows[0], option)
                if len(rows) == 1
                else Variant(table.name, option, LEFT_OUT)
            )

    def measure(self, variant: Variant, outcomes: Iterable[Outcome]) -> None:
        """Where nobody counts right predictions the loss says how well it does."""

        def leave(state: Tensor) -> None:
            if variant.column == LEFT_OUT:
                state[:, variant.row] = 0
            else:
                state[:, variant.row, variant.column] = 0

        state, counted = self._state(variant.table), True
        sums = Tally(state.device)
        with changed(state, leave):
            for outcome in outcomes:
                sums.add(outcome)
                counted = outcome.correct is not None
        found = sums.read()
        self.scores.append((found.correct if counted else -found.loss) / found.count)
        self._decide("accuracy" if counted else "loss")

    def _decide(self, measure: str) -> None:
        """Decide, once all is measured that there is to decide between."""
        table = self._tables[self.at]
        rows, options = self._options(table)
        if len(self.scores) < len(options):
            return
        ranked = sorted(
            range(len(options)), key=lambda place: self.scores[place]
        )  # stable: the earlier of equals
        if len(rows) == 1:
            kept = [options[ranked[0]]]
            decide(self._state(table.name), rows[0], kept[0])
        else:
            keep = _keep(self._cells[table.name], table.targets[rows[0]])
            kept = sorted(options[place] for place in ranked[:keep])
            for row in set(rows) - set(kept):
                decide(self._state(table.name), row, LEFT_OUT)
        self.made.append(Decision(table.name, rows, options, kept, self.scores, measure))
        self.scores, self.at = [], self.at + 1
        self._pass_over()

    def _pass_over(self) -> None:
        """Go on to the next table of which something is undecided."""
        while self.at < len(self._tables) and not self._options(self._tables[self.at])[1]:
            self.at += 1

    def _options(self, table: AlphaTable) -> tuple[list[int], list[int]]:
        """What is next to be decided of a table: an edge's row and its candidates, or a node's rows, twice."""
        decided, edges = self.model.decided()[table.name], self._cells[table.name].searched_edges
        rows = [row for row, kept in enumerate(decided) if kept is None]
        if rows:
            row = rows[self._drawn(table, len(rows), len(table.sizes) - len(rows))]
            able = _able(self._cells[table.name], edges[row])
            return [row], able
        nodes = [
            rows
            for rows, keep in self._nodes[table.name]
            if sum(decided[row] != LEFT_OUT for row in rows) > keep
        ]
        if not nodes:
            return [], []
        found = nodes[
            self._drawn(table, len(nodes), len(table.sizes) + len(self._nodes[table.name]) - len(nodes))
        ]
        return found, found

    def _drawn(self, table: AlphaTable, count: int, before: int) -> int:
        """Which of those that are left is next, after so many decisions."""
        generator = torch.Generator().manual_seed(
            stream_seed(self.model.seed, "projection", table.name, before)
        )
        return int(torch.randint(count, (), generator=generator))

    def _state(self, table: str) -> Tensor:
        return self.model.get_buffer(f"{DECIDED}_{table}")

    # -------------------------------------------------------------------- record

    def row(self, epoch: int) -> dict[str, Any]:
        number = self.number(epoch)
        if not number:
            return {}
        made = {"decided": [self._words(each) for each in self.made]} if self.made else {}
        return {"projection": {"number": number, "of": self.count, **made}}

    def _words(self, decision: Decision) -> dict[str, Any]:
        cell = self._cells[decision.table]
        edges = cell.searched_edges
        if len(decision.rows) == 1:
            edge = edges[decision.rows[0]]
            labels = [edge.candidates[column].label for column in decision.options]
            kept: Any = edge.candidates[decision.kept[0]].label
            what = {"edge": edge.name}
        else:
            labels = [edges[row].name for row in decision.options]
            kept = [edges[row].name for row in decision.kept]
            what = {"node": edges[decision.rows[0]].node}
        scores = [abs(score) for score in decision.scores]
        without = {f"{decision.measure}_without": dict(zip(labels, scores, strict=True))}
        return {"cell": cell.name, **what, "kept": kept, **without}

    def state_dict(self) -> dict[str, Any]:
        return {
            "ended": -1 if self.ended is None else self.ended,
            "at": self.at,
            "scores": list(self.scores),
            "made": [asdict(each) for each in self.made],
        }

    def schema(self) -> Check:
        places = many(whole(0))
        made = {
            "table": text,
            "rows": places,
            "options": places,
            "kept": places,
            "scores": many(number()),
            "measure": text,
        }
        return record(
            {
                "ended": whole(-1),
                "at": whole(0, len(self._tables)),
                "scores": many(number()),
                "made": many(record(made, closed=True)),
            },
            closed=True,
        )

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.ended = None if state["ended"] < 0 else state["ended"]
        self.at, self.scores = state["at"], list(state["scores"])
        self.made = [Decision(**each) for each in state["made"]]


def _keep(cell: Cell, name: str) -> int | None:
    return next(node.keep for node in cell.nodes if node.name == name)


def _able(cell: Cell, edge: Edge) -> list[int]:
    """The candidates that an edge may keep: `none` only into a node without `keep`."""
    free = _keep(cell, edge.target) is None
    return [column for column, each in enumerate(edge.candidates) if free or not each.is_none]


def _contested(cell: Cell, table: AlphaTable) -> list[tuple[list[int], int]]:
    """Of each node that keeps fewer edges than lead to it, in order, their rows, and how many it keeps."""
    rows = {
        node.name: [row for row, target in enumerate(table.targets) if target == node.name]
        for node in cell.nodes
    }
    return [
        (rows[node.name], node.keep)
        for node in cell.nodes
        if node.keep is not None and node.keep < len(rows[node.name])
    ]
