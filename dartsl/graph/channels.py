"""Edges with partial channels (PC-DARTS, Xu et al., arXiv 1907.05737): some channels are mixed, the others pass by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dartsl.graph.kinds import SHUFFLE
from dartsl.graph.operations import Application, Value
from dartsl.graph.paths import Paths
from dartsl.lang.plan.partial import STRIDE

Place = tuple[str, int, int]  # of a mixing weight: table, row, column
Dims = tuple[int, ...]


@dataclass(frozen=True)
class Channels:
    """What stands around the mixture of one edge, at its `path`; `mixed` of all channels go through it.

    add, paths   of the graph that is built
    """

    path: str
    layer: str
    mixed: int
    add: Callable[[str, Application], str]
    paths: Paths

    def divide(self, source: str, shape: Dims) -> tuple[str, str]:
        """The ids of the channels of a value that are mixed, and of the others."""
        channels, *size = shape
        sizes = (self.mixed, channels - self.mixed)
        parts = self._applied("split", (("sizes", sizes),), (source,), shape)
        first, rest = (
            self._applied("piece", (("index", index),), (parts,), (width, *size))
            for index, width in enumerate(sizes)
        )
        return first, rest

    def join(self, mixture: str, rest: str, before: Dims, after: Dims, share: Place | None) -> str:
        """The mixture and what passes by, through a pool where the edge strides; times `share`, if there is one.

        `before` and `after` are the shapes of all channels in front of the edge and after it.
        """
        shape = (before[0] - self.mixed, *after[1:])
        if before[1:] != after[1:]:
            pool = (("k", STRIDE), ("stride", (STRIDE, STRIDE)))
            rest = self._applied("max_pool", pool, (rest,), shape)
        if share is not None:
            table, *entry = share
            rest = self._applied("combine", (("table", table), ("entries", (tuple(entry),))), (rest,), shape)
        return self._applied(SHUFFLE, (), (mixture, rest), after)

    def _applied(
        self,
        kind: str,
        attributes: tuple[tuple[str, Value], ...],
        inputs: tuple[str, ...],
        shape: Dims,
    ) -> str:
        name = self.paths.claim(self.path, kind)
        return self.add(name, Application(kind, attributes, inputs, shape, self.layer))
