"""Candidates that get more channels from one stage to the next (DrNAS, Chen et al., arXiv 2006.10355).

As in the authors' code (net2wider.py): the channels that were there stay the first ones, and each further one is a copy
of one of them, chosen at random. Nothing is divided by the number of copies: a batch norm follows. A batch norm
copies what the convolution before it copies, and a dense convolution as its inputs what it reads; where that says
nothing, as after the first part of an edge's channels, they choose for themselves. A depthwise convolution
always does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import networkx as nx
import torch
from torch import Tensor

from dartsl.graph.kinds import CONCAT
from dartsl.graph.operations import Application, application, info
from dartsl.lang.records.primitives import owner
from dartsl.lang.records.record import ModuleSpec
from dartsl.nn.draws import stream_seed
from dartsl.nn.supernet import Supernet


@dataclass(frozen=True)
class Copies:
    """Of each channel of a value the one, of `had` channels, that it is a copy of."""

    had: int
    of: tuple[int, ...]


@dataclass(frozen=True)
class Wider:
    """Of which channels those of a module are copies: what it gives and, of a dense one, what it takes."""

    gives: tuple[int, ...]
    takes: tuple[int, ...] | None = None

    def __call__(self, value: Tensor) -> Tensor:
        """A tensor of the module (gives, takes, ...) or (gives), or what an optimiser keeps for it, with the copies; a
        single number as it is."""
        if value.dim() == 0:
            return value
        value = value[list(self.gives)]
        return value if self.takes is None or value.dim() == 1 else value[:, list(self.takes)]


def widening(old: Supernet, new: Supernet, *key: int | str) -> dict[str, Wider]:
    """What becomes of the modules that have other widths in the new network, by their paths; draws are keyed."""
    return _Widening(old.graph, new.graph, key).run()


class _Widening:
    """One walk over the graph of the new network, in which every value follows those that it is made of."""

    def __init__(self, old: nx.DiGraph, new: nx.DiGraph, key: tuple[int | str, ...]) -> None:
        self._had: Mapping[str, ModuleSpec] = info(old).modules
        self._has: Mapping[str, ModuleSpec] = info(new).modules
        self._graph = new
        self._key = key
        self._copies: dict[str, Copies | None] = {}
        self._found: dict[str, Wider] = {}

    def run(self) -> dict[str, Wider]:
        for node in nx.topological_sort(self._graph):
            applied = application(self._graph, node)
            given = [self._copies[source] for source in applied.inputs]
            self._copies[node] = (
                self._module(applied, given) if applied.state else self._value(applied, given)
            )
        return self._found

    def _value(self, applied: Application, given: list[Copies | None]) -> Copies | None:
        """The copies in what has no parameters; None where nothing can be said."""
        known = [each for each in given if each is not None]
        if not known or len(known) < len(given):
            return None
        if applied.kind == CONCAT:
            starts = [sum(each.had for each in known[:place]) for place in range(len(known))]
            places = [start + at for start, each in zip(starts, known, strict=True) for at in each.of]
            return Copies(sum(each.had for each in known), tuple(places))
        alike = len(set(known)) == 1 and len(known[0].of) == applied.shape[0]
        return known[0] if alike else None

    def _module(self, applied: Application, given: list[Copies | None]) -> Copies:
        path = applied.state[0]
        before, after = self._had[path], self._has[path]
        read = given[0]
        if read is not None and (read.had, len(read.of)) != (before.in_shape[0], after.in_shape[0]):
            read = None
        record = owner(after.primitive)
        if record.has("batch_norm") and read is not None:
            gives, takes = read, None
        elif record.has("batch_norm", "depthwise", "filters"):
            gives, takes = self._drawn(path, "out", before.out_shape[0], after.out_shape[0]), None
        else:
            gives = self._drawn(path, "out", before.out_shape[0], after.out_shape[0])
            takes = read or self._drawn(path, "in", before.in_shape[0], after.in_shape[0])
        if before != after:
            self._found[path] = Wider(gives.of, None if takes is None else takes.of)
        return gives

    def _drawn(self, path: str, side: str, had: int, has: int) -> Copies:
        """The channels that were there, then those that each further one is a copy of."""
        generator = torch.Generator().manual_seed(stream_seed(*self._key, path, side))
        further = torch.randint(had, (max(has - had, 0),), generator=generator)
        return Copies(had, (*range(min(had, has)), *further.tolist()))
