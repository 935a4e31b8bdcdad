"""What a pass is: a frozen dataclass whose fields are its options."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import networkx as nx

Property = Literal[
    "pure",  # no application writes over its input, so that whatever is equal may be merged, moved or put together
    "folded",  # the mixes of a node are terms of its sum, with weights
    "stacked",  # what may run side by side does
]
Properties = frozenset[Property]
NOTHING: Properties = frozenset()
PURE: Properties = frozenset({"pure"})
AS_BUILT = PURE


@dataclass(frozen=True)
class Pass(ABC):
    """A pass. `run` gives a new graph: the same outputs, gradients and running statistics from the same parameters.

    name      in the text of a pipeline
    requires  properties that the graph has before it
    ensures   those that it has after it as well
    ends      those that it need not have any more
    joins     whether it puts together what belongs to several candidates of an edge, or to several edges: not where a
              network computes one candidate of each edge
    """

    name: ClassVar[str]
    requires: ClassVar[Properties]
    ensures: ClassVar[Properties]
    ends: ClassVar[Properties] = NOTHING
    joins: ClassVar[bool] = False

    @abstractmethod
    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        """The graph after the pass; where it does not apply, the graph as it is."""

    def __str__(self) -> str:
        """As `parse` reads it, with all its options."""
        options = [f"{each.name}={str(getattr(self, each.name)).lower()}" for each in fields(self)]
        return f"{self.name}({', '.join(options)})" if options else self.name
