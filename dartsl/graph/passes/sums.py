"""Terms that several nodes add, and that lie side by side in several stacks alike, are added as stacks.

The edges from all sources to the same nodes give stacks with the same parts for the same sums. So the stacks are added
whole, and taken apart once: instead of an addition for each part, each with rows as short as a part is wide, and, in
the backward pass, of the gradients of the parts put together anew for each stack.

A `run` is some neighbouring parts of a stack, each of which one sum alone reads, another sum each. Runs of the same
sums are added.

Exact: the same terms are added, in another order. No circle: each sum needed all of these stacks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import SUM, kind_of
from dartsl.graph.operations import Application, info
from dartsl.graph.passes.base import NOTHING, Pass
from dartsl.graph.passes.blend import add_piece
from dartsl.graph.passes.fold import entries_of
from dartsl.graph.rewrite import Applications, applications, assemble, fresh, users


@dataclass(frozen=True)
class _Run:
    """The parts from `start` on of a `split`, as many as there are targets."""

    split: str
    start: int
    targets: tuple[str, ...]


Parts = dict[str, dict[int, str]]  # of each split: its pieces by their places


@dataclass(frozen=True)
class Sums(Pass):
    """The graph with stacks of the same terms added as stacks."""

    name = "sums"
    requires = frozenset({"pure", "stacked"})
    ensures = NOTHING
    joins = True

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        before = applications(graph)
        parts: Parts = {}
        for node, applied in before.items():
            if applied.kind == "piece" and before[applied.inputs[0]].kind == "split":
                parts.setdefault(applied.inputs[0], {})[_index(applied)] = node
        chosen = _chosen(before, users(graph), parts)
        done = dict(before)
        terms: dict[_Run, str] = {}
        for split in dict.fromkeys(found.split for runs in chosen for found in runs):
            terms |= _divide(
                [found for runs in chosen for found in runs if found.split == split], parts[split], done
            )
        for runs in chosen:
            _add(runs, [terms[found] for found in runs], parts, before, done)
        return assemble(done, info(graph))


def _chosen(before: Applications, readers: Mapping[str, Sequence[str]], parts: Parts) -> list[list[_Run]]:
    """Runs of several sums, with those of the same sums that look alike."""
    alike: dict[tuple[object, ...], list[_Run]] = {}
    for split, pieces in parts.items():
        applied = before[split]
        targets = {place: _target(piece, before, readers) for place, piece in pieces.items()}
        for found in _runs(split, len(_sizes(applied)), targets):
            shapes = tuple(before[pieces[found.start + place]].shape for place in range(len(found.targets)))
            alike.setdefault((found.targets, shapes, applied.batch, applied.layer), []).append(found)
    return [runs for runs in alike.values() if len(runs) > 1]


def _target(piece: str, before: Applications, readers: Mapping[str, Sequence[str]]) -> str | None:
    """The one sum that reads a piece, without a weight, as an image of its own size."""
    if len(readers[piece]) != 1 or readers[piece][0] not in before:
        return None
    applied, given = before[readers[piece][0]], before[piece]
    if not kind_of(applied).has("adds"):
        return None
    if (applied.shape, applied.layer) != (given.shape, given.layer):
        return None
    return None if entries_of(applied)[applied.inputs.index(piece)] else readers[piece][0]


def _runs(split: str, count: int, targets: Mapping[int, str | None]) -> Iterator[_Run]:
    """The longest runs of a split, from its first part on; parts alone are none."""
    found: list[str] = []
    for place in range(count + 1):
        target = targets.get(place)
        if target is None or target in found:
            if len(found) > 1:
                yield _Run(split, place - len(found), tuple(found))
            found = []
        if target is not None:
            found.append(target)


def _divide(runs: Iterable[_Run], pieces: Mapping[int, str], done: Applications) -> dict[_Run, str]:
    """What gives each run of a split: the stack itself where it is one run, else a part of the split, as wide."""
    starts = {found.start: found for found in runs}
    (split,) = {found.split for found in starts.values()}
    applied, sizes = done[split], _sizes(done[split])
    given: dict[_Run, str] = {}
    widths: list[int] = []
    place = 0
    while place < len(sizes):
        found = starts.get(place)
        count = 1 if found is None else len(found.targets)
        if count == len(sizes) and found is not None:
            return {found: applied.inputs[0]}
        width = sum(sizes[place : place + count])
        if place in pieces:
            piece = replace(done[pieces[place]], attributes=(("index", len(widths)),))
            done[pieces[place]] = replace(piece, shape=(width, *applied.shape[1:]))
        if found is not None:
            given[found] = pieces[place]
        widths.append(width)
        place += count
    done[split] = replace(applied, attributes=(("sizes", tuple(widths)),))
    return given


def _add(
    runs: Sequence[_Run], terms: Sequence[str], parts: Parts, before: Applications, done: Applications
) -> None:
    """The sum of some runs, and its parts in place of theirs."""
    first = runs[0]
    given = before[first.split]
    sizes = _sizes(given)[first.start : first.start + len(first.targets)]
    whole = fresh(f"{first.targets[0]}.terms", done)
    shape = (sum(sizes), *given.shape[1:])
    done[whole] = replace(given, kind=SUM, attributes=(), inputs=tuple(terms), shape=shape)
    split = fresh(f"{whole}.split", done)
    done[split] = replace(given, attributes=(("sizes", sizes),), inputs=(whole,), shape=shape)
    for place, target in enumerate(first.targets):
        replaced = {parts[found.split][found.start + place] for found in runs}
        old = zip(done[target].inputs, entries_of(done[target]), strict=True)
        rest = [(source, entry) for source, entry in old if source not in replaced]
        add_piece(target, rest, split, place, done)


def _index(piece: Application) -> int:
    index = piece.attribute("index")
    if not isinstance(index, int):
        raise TypeError(f"the place of a piece is {index!r}")
    return index


def _sizes(split: Application) -> tuple[int, ...]:
    sizes = split.attribute("sizes")
    if not isinstance(sizes, tuple):
        raise TypeError(f"the sizes of a split are {sizes!r}")
    return tuple(size for size in sizes if isinstance(size, int))
