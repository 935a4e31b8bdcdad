"""What follows a search: epochs of the run in which it is decided what is found. Nothing, in most searches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from dartsl.lang.check.model import Cell, Edge
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.terms import Plan
from dartsl.run.schema import Check, record
from dartsl.step.batches import Outcome
from dartsl.step.tally import Figures


class Trial:
    """What is measured in the place of a step."""


class Phase:
    """The phase after a search. This one has no epochs; others say what theirs are.

    key         what a checkpoint, the history and what is drawn call it
    trains      whether weights and alphas go on being trained in it
    evaluates   whether networks are measured in evaluation mode
    ended       the epochs of the search before it; None while that goes on
    epochs      how many it takes
    total, done the trials of the epoch in hand, and how many of them are measured
    """

    key: str = ""
    trains: bool = True
    evaluates: bool = False
    ended: int | None = None

    @property
    def epochs(self) -> int:
        return 0

    @property
    def total(self) -> int:
        return 0

    @property
    def done(self) -> int:
        return 0

    def searched(self, epoch: int) -> int:
        """The epochs of the search among so many of the run."""
        return epoch if self.ended is None else self.ended

    def like(self, epoch: int) -> int:
        """The epoch of the search, from 0, whose schedules hold: of the phase the last one."""
        return epoch if self.ended is None else self.ended - 1

    def rate(self, highest: float, scheduled: float) -> float:
        """The weights' learning rate, given the highest one and that of the schedule."""
        return scheduled

    def over(self, epoch: int) -> bool:
        """Whether all is done, after so many epochs of the run."""
        return not self.epochs or (self.ended is not None and epoch >= self.ended + self.epochs)

    def number(self, epoch: int) -> int:
        """Which part of it the epoch after so many of the run has, from 1; 0 in the search."""
        return 0

    def phase(self, epoch: int) -> str:
        """The same in words; nothing in the search."""
        return ""

    def enter(self, epoch: int, searched: bool) -> bool:
        """Make ready for the epoch after so many of the run; whether it is the first of the phase.

        `searched`: the search is over.
        """
        return False

    def left(self) -> Iterator[Any]:
        """The trials of this epoch that are not measured."""
        return iter(())

    def measure(self, trial: Any, outcomes: Iterable[Outcome]) -> Figures | None:
        """Measure the next trial: `outcomes` are those of all validation batches, which it is taken over as they are
        asked for. Gives what the epoch's figures are from now on; None where they stay those of its steps."""
        raise ValueError("nothing is measured where nothing follows")

    def row(self, epoch: int) -> dict[str, Any]:
        """What the history says of the epoch after so many of the run; nothing in the search."""
        return {}

    def closing(self, last: Mapping[str, Any]) -> list[str]:
        """What to say at the end of the run, whose last row of the history is given: lines."""
        return []

    def state_dict(self) -> dict[str, Any]:
        """How far it has come, for a checkpoint."""
        return {}

    def schema(self) -> Check:
        """What `state_dict` must be."""
        return record({}, closed=True)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave, once the model has its state."""


def cells_of(plan: Plan) -> dict[str, Cell]:
    """The cells of a plan by name."""
    return {cell.name: cell for cell in plan.cells()}


def require_choices(cell: Cell, rule: str) -> None:
    """Raises UserError for a node whose edges cannot all be left out by a derivation that decides edge by edge: those
    that offer one operation have no row of their own."""
    for node in cell.nodes:
        edges: Sequence[Edge] = cell.incoming(node.name)
        fixed = [edge for edge in edges if not edge.searched]
        if node.keep is not None and node.keep < len(edges) and fixed:
            raise UserError(
                f"derive = {rule} leaves out edge by edge, and cell `{cell.name}` has edges into its node "
                f"`{node.declared}` that offer one operation",
                "another rule derives such cells: --derive argmax",
            )
