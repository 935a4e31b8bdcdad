"""The selection: after a search, the best of many random architectures, by the weights that they share.

Source: Li and Talwalkar, "Random search and reproducibility for NAS" (UAI 2019, arXiv 1902.07638), and the authors'
code. Architectures are drawn evenly, and each is measured on some validation batches, in evaluation mode, where running
statistics normalise and nothing is dropped. The best of them are measured again, on the whole validation part, and the
best of these is found. All see the same batches; the authors' queue hands each the next ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import islice
from math import isfinite
from random import Random
from statistics import median
from typing import Any

from torch import Tensor

from dartsl.graph.tables import DECIDED
from dartsl.graph.uniform import drawn_rows
from dartsl.lang.settings.methods import SAMPLED
from dartsl.nn.draws import stream_seed
from dartsl.nn.projection import changed, decide
from dartsl.nn.supernet import Supernet
from dartsl.run.schema import Check, many, maybe, number, one_of, record, whole
from dartsl.searching.phase import Phase, Trial, cells_of, require_choices
from dartsl.step.batches import Outcome
from dartsl.step.tally import Figures, Tally

FINALISTS = 10  # architectures that are measured on the whole validation part: the authors' number

Rows = tuple[
    tuple[int, ...], ...
]  # of each table, of each of its rows: the column that it keeps, or LEFT_OUT


@dataclass(frozen=True)
class Drawn(Trial):
    """An architecture that is measured, by its place among those that were drawn; on the `whole` validation part."""

    place: int
    whole: bool


class Selection(Phase):
    """The one epoch after a search in which an architecture is selected.

    scores  of the architectures on some batches, in the order in which they were drawn: accuracies, or losses below 0;
            None of a loss that is no number
    finals  of the best of them, the best first, on all batches
    """

    key = "selection"
    trains = False
    evaluates = True
    epochs = 1

    def __init__(self, model: Supernet, seed: int, count: int, batches: int, whole: int) -> None:
        """`count` architectures are drawn, and measured on so many `batches` of the `whole`; 0: on all of them.

        Raises UserError for a node whose edges cannot all be left out.
        """
        self.ended: int | None = None
        self.scores: list[float | None] = []
        self.finals: list[float | None] = []
        self.counted = True
        self._open = False
        self._model, self._seed, self._count = model, seed, count
        self._batches = None if batches == 0 or batches >= whole else batches
        cells = cells_of(model.plan)
        for cell in cells.values():
            require_choices(cell, SAMPLED)
        self._cells = {table.name: cells[table.cell] for table in model.tables}
        self._known: dict[Rows, int] = {}

    @property
    def architectures(self) -> Mapping[Rows, int]:
        """Those that are drawn, each once, by the number of the draw, from 0. Number i is the same of any count."""
        if not self._known:
            for place in range(self._count):
                self._known.setdefault(self._draw(place), place)
        return self._known

    def _draw(self, place: int) -> Rows:
        return tuple(
            tuple(drawn_rows(cell, Random(stream_seed(self._seed, self.key, place, name))))
            for name, cell in self._cells.items()
        )

    @property
    def total(self) -> int:
        if not self._open:
            return 0
        drawn = len(self.architectures)
        return drawn if self._batches is None else drawn + min(drawn, FINALISTS)

    @property
    def done(self) -> int:
        return len(self.scores) + len(self.finals)

    def number(self, epoch: int) -> int:
        return int(self.ended is not None and epoch == self.ended)

    def phase(self, epoch: int) -> str:
        return f"selection of {self._count:,}" if self.number(epoch) else ""

    def enter(self, epoch: int, searched: bool) -> bool:
        first = searched and self.ended is None
        self.ended = epoch if first else self.ended
        self.scores, self.finals = [], []
        self._open = first
        return first

    def left(self) -> Iterator[Drawn]:
        while self.done < self.total:
            final = len(self.scores) == len(self.architectures)
            yield (
                Drawn(self._ranking()[len(self.finals)], whole=True)
                if final
                else Drawn(len(self.scores), whole=self._batches is None)
            )

    def measure(self, trial: Drawn, outcomes: Iterable[Outcome]) -> Figures | None:
        """Gives the figures of an architecture that is the best one so far of its round."""
        rows = list(self.architectures)[trial.place]
        found = self._measured(rows, islice(outcomes, None if trial.whole else self._batches))
        score = found.correct / found.count if self.counted else -found.loss / found.count
        scores = self.scores if len(self.scores) < len(self.architectures) else self.finals
        scores.append(score if isfinite(found.loss) else None)
        leads = _best(scores) == len(scores) - 1
        if self.done == self.total:
            for table, columns in self._by_table(list(self.architectures)[self._winner()]):
                _keep(columns, table)
        return found if leads else None

    def _measured(self, rows: Rows, outcomes: Iterable[Outcome]) -> Figures:
        """Sums over the batches with which an architecture is measured."""
        with ExitStack() as stack:
            for state, columns in self._by_table(rows):
                stack.enter_context(changed(state, partial(_keep, columns)))
            sums = None
            for outcome in outcomes:
                sums = Tally(outcome.loss.device) if sums is None else sums
                sums.add(outcome)
                self.counted = outcome.correct is not None
        if sums is None:
            raise ValueError("an architecture is measured on a batch or more")
        return sums.read()

    def _by_table(self, rows: Rows) -> list[tuple[Tensor, tuple[int, ...]]]:
        states = [self._model.get_buffer(f"{DECIDED}_{name}") for name in self._cells]
        return list(zip(states, rows, strict=True))

    def _ranking(self) -> list[int]:
        """The places of the architectures, the best first, of equals the earlier."""
        return sorted(range(len(self.scores)), key=lambda place: -_worth(self.scores[place]))

    def _winner(self) -> int:
        return self._ranking()[_best(self.finals)] if self.finals else _best(self.scores)

    # -------------------------------------------------------------------- record

    def row(self, epoch: int) -> dict[str, Any]:
        if not self.number(epoch):
            return {}
        ranked = [abs(score) for place in self._ranking() if (score := self.scores[place]) is not None]
        spread = {"best": ranked[0], "median": median(ranked), "worst": ranked[-1]} if ranked else None
        found = {
            "drawn": self._count,
            "different": len(self.architectures),
            "number": list(self.architectures.values())[self._winner()],
            "batches": self._batches,
            "accuracy" if self.counted else "loss": spread,
        }
        return {self.key: found}

    def closing(self, last: Mapping[str, Any]) -> list[str]:
        found = last[self.key]
        measure = "accuracy" if "accuracy" in found else "loss"
        spread = found[measure]
        if spread is None:
            return [f"selected    of {found['drawn']:,} random architectures, whose losses are no numbers"]
        of = (
            "all validation batches" if found["batches"] is None else f"{found['batches']} validation batches"
        )
        low, high = sorted((spread["best"], spread["worst"]))
        return [
            f"selected    number {found['number']} of {found['drawn']:,} random architectures, "
            f"{found['different']:,} of them different",
            f"            {measure} {low:.3f} to {high:.3f} on {of}, median {spread['median']:.3f}",
            f"            of what was selected {last[f'validation_{measure}']:.3f} on all of them",
        ]

    def state_dict(self) -> dict[str, Any]:
        return {
            "ended": -1 if self.ended is None else self.ended,
            "open": self._open,
            "counted": self.counted,
            "scores": list(self.scores),
            "finals": list(self.finals),
        }

    def schema(self) -> Check:
        flag, scores = one_of(True, False), many(maybe(number()))
        fields = {"ended": whole(-1), "open": flag, "counted": flag, "scores": scores, "finals": scores}
        return record(fields, closed=True)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.ended = None if state["ended"] < 0 else state["ended"]
        self._open, self.counted = state["open"], state["counted"]
        self.scores, self.finals = list(state["scores"]), list(state["finals"])
        if len(self.scores) > len(self.architectures):
            raise ValueError("more is measured than was drawn")


def _keep(columns: tuple[int, ...], state: Tensor) -> None:
    """Let a table's rows keep these columns."""
    for row, column in enumerate(columns):
        decide(state, row, column)


def _worth(score: float | None) -> float:
    return float("-inf") if score is None else score


def _best(scores: list[float | None]) -> int:
    """The place of the best score, of equals the first."""
    return max(range(len(scores)), key=lambda place: _worth(scores[place]))
