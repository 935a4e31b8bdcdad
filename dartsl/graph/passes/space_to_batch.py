"""Dilated depthwise convolutions run undilated, on the phases of the image moved into the batch.

A kernel of dilation d reads pixels d apart alone: the image falls into d x d phases, pixel (y, x) into the phase
(y mod d, x mod d), and on each phase the kernel is an undilated one, whose padding is (k - 1) / 2. So the phases go
into the batch (`space_to_batch`, once for each source), the plain convolution runs, and the images come back
(`batch_to_space`). What looks at one pixel at a time, batch norm included, whose statistics do not see the order of
pixels, follows into the phases; terms of one sum are added there first. So there is one way back for each target.

* The height and the width must be multiples of d, else the convolution stays.
* With a stride that divides d, only the first phase of as many is read: the image is subsampled first (once for each
  source), and the dilation that is left is d / stride. Any size will do.
* A 1 x 1 kernel has no dilation.

Exact: pixels move, and the same products are added. A target may leave the pass out: a library's dilated
depthwise convolution may be many times slower than its plain one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import networkx as nx

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application, Value, application
from dartsl.graph.passes.base import NOTHING, PURE, Pass
from dartsl.graph.passes.fold import Entry, combined, entries_of
from dartsl.graph.rewrite import Applications, fresh, rewrite, users


@dataclass(frozen=True)
class SpaceToBatch(Pass):
    """The graph with dilated depthwise convolutions in phase space."""

    name = "space_to_batch"
    requires = PURE
    ensures = NOTHING

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        plan = {node: how for node in graph if (how := _dilated(application(graph, node))) is not None}
        if not plan:
            return graph
        return rewrite(graph, _Moving(plan, users(graph)).step)


@dataclass(frozen=True)
class _Dilated:
    """How a dilated depthwise convolution is to run: subsampled by `stride`, in `factor` x `factor` phases."""

    k: int
    stride: int
    factor: int
    dilation: int  # that is left to the kernel, where there are no phases


def _dilated(applied: Application) -> _Dilated | None:
    """What becomes of an application; None where it stays as it is."""
    if not kind_of(applied).has("depthwise") or applied.batch != 1:
        return None
    attributes = dict(applied.attributes)
    k, dilation, stride = attributes["k"], attributes["dilation"], attributes["stride"]
    if not (isinstance(k, int) and isinstance(dilation, int) and isinstance(stride, tuple)) or k % 2 == 0:
        return None
    down, across = stride
    if dilation == 1 or not isinstance(down, int) or down != across or dilation % down:
        return None
    left = 1 if k == 1 else dilation // down
    if any(size % left for size in applied.shape[1:]):
        return _Dilated(k, down, 1, left) if down > 1 else None
    return _Dilated(k, down, left, 1)


@dataclass
class _Moving:
    """One walk over the graph. An application that is moved stands as `batch_to_space` under its id."""

    plan: Mapping[str, _Dilated]
    readers: Mapping[str, Sequence[str]]

    def step(self, node: str, applied: Application, done: Applications) -> Application:
        """What stands under an id."""
        if node in self.plan:
            return self.convolution(node, applied, self.plan[node], done)
        kind = kind_of(applied)
        if kind.has("pointwise") and kind.inputs != 1:  # pixel by pixel where all inputs have one size
            return self.merge(node, applied, done)
        if kind.has("pointwise") or (kind.has("kernel") and _is_one_pixel(applied)):
            (source,) = applied.inputs
            if self.moves(source, done):
                return self.moved(node, applied, applied.inputs, done)
        return applied

    def convolution(self, node: str, applied: Application, how: _Dilated, done: Applications) -> Application:
        """A dilated convolution as a plain one, on phases where there is more than one."""
        (source,) = applied.inputs
        if how.stride > 1:
            source = _shared(
                source, "subsample", ("stride", (how.stride, how.stride)), applied, applied.shape, 1, done
            )
        factor = (how.factor, how.factor)
        if how.factor > 1:
            source = _phases(source, factor, applied, done)
        padding = (how.k - 1) // 2 * how.dilation
        attributes: tuple[tuple[str, Value], ...] = (
            ("stride", (1, 1)),
            ("padding", (padding, padding)),
            ("dilation", (how.dilation, how.dilation)),
            ("groups", applied.shape[0]),
        )
        plain = replace(
            applied,
            kind="convolution",
            attributes=attributes,
            inputs=(source,),
            shape=done[source].shape,
            batch=done[source].batch,
        )
        return plain if how.factor == 1 else _back(node, plain, factor, done)

    def merge(self, node: str, applied: Application, done: Applications) -> Application:
        """A merge in phase space, where all its inputs are there; of a sum, those that are."""
        groups: dict[tuple[Value, tuple[int, ...]], list[int]] = {}
        for place, source in enumerate(applied.inputs):
            if self.moves(source, done):
                groups.setdefault((done[source].attribute("factor"), done[source].shape[1:]), []).append(
                    place
                )
        for places in groups.values():
            if len(places) == len(applied.inputs):
                return self.moved(node, applied, applied.inputs, done)
        if not kind_of(applied).has("adds"):
            return applied
        for (_, size), places in groups.items():
            if len(places) > 1 and size == applied.shape[1:]:
                applied = self.part(node, applied, [applied.inputs[place] for place in places], done)
        return applied

    def part(
        self, node: str, applied: Application, sources: Sequence[str], done: Applications
    ) -> Application:
        """A sum with the terms of phase space added there, and brought back as one."""
        chosen = set(sources)
        terms = list(zip(applied.inputs, entries_of(applied), strict=True))
        table = dict(applied.attributes).get("table")
        inner = [(source, entry) for source, entry in terms if source in chosen]
        outer = [(source, entry) for source, entry in terms if source not in chosen]
        name = fresh(f"{node}.images", done)
        done[name] = self.moved(name, _sum(applied, inner, table), [source for source, _ in inner], done)
        return _sum(applied, [*outer, (name, ())], table)

    def moves(self, source: str, done: Applications) -> bool:
        """Whether what alone reads `source` as an image may read its phases.

        Convolutions with the same phases read them as they are, so that they do not count.
        """
        given = done[source]
        if given.kind != "batch_to_space" or source not in self.readers:
            return False
        factor = given.attribute("factor")
        others = [reader for reader in self.readers[source] if not self.reads_phases(reader, factor)]
        return len(others) == 1

    def reads_phases(self, reader: str, factor: Value) -> bool:
        how = self.plan.get(reader)
        return how is not None and how.stride == 1 and (how.factor, how.factor) == factor

    def moved(
        self, node: str, applied: Application, sources: Sequence[str], done: Applications
    ) -> Application:
        """An application whose inputs are all brought back from phases: applied to the phases, then brought back."""
        first = done[sources[0]]
        factor = first.attribute("factor")
        phases = [done[source].inputs[0] for source in sources]
        shape = (applied.shape[0], *done[phases[0]].shape[1:])
        inner = replace(applied, inputs=tuple(phases), shape=shape, batch=done[phases[0]].batch)
        return _back(node, inner, factor, done)


def _is_one_pixel(applied: Application) -> bool:
    attributes = dict(applied.attributes)
    return attributes["k"] == 1 and attributes["stride"] == (1, 1)


def _sum(applied: Application, terms: Sequence[tuple[str, Entry]], table: Value | None) -> Application:
    found = combined(applied, tuple(source for source, _ in terms), [entry for _, entry in terms], table)
    if isinstance(found, str):
        raise TypeError(f"a sum of {found} alone")
    return found


def _phases(source: str, factor: tuple[int, int], reader: Application, done: Applications) -> str:
    """The id of the phases of an image: as they are where it was brought back from them."""
    given = done[source]
    if given.kind == "batch_to_space" and given.attribute("factor") == factor:
        return given.inputs[0]
    shape = (given.shape[0], given.shape[1] // factor[0], given.shape[2] // factor[1])
    return _shared(source, "space_to_batch", ("factor", factor), reader, shape, factor[0] * factor[1], done)


def _shared(
    source: str,
    kind: str,
    attribute: tuple[str, Value],
    reader: Application,
    shape: tuple[int, ...],
    batch: int,
    done: Applications,
) -> str:
    """The id of an application without state on `source`, added where there is none yet."""
    wanted = f"{source}.{kind}_{attribute[1][0] if isinstance(attribute[1], tuple) else attribute[1]}"
    if wanted not in done:
        done[wanted] = Application(kind, (attribute,), (source,), shape, reader.layer, batch=batch)
    return wanted


def _back(node: str, phases: Application, factor: Value, done: Applications) -> Application:
    """`phases` under a new id, and what brings its images back."""
    name = fresh(f"{node}.phases", done)
    done[name] = phases
    if not isinstance(factor, tuple) or not all(isinstance(each, int) for each in factor):
        raise TypeError(f"a factor of {factor!r}")
    down, across = (each for each in factor if isinstance(each, int))
    shape = (phases.shape[0], phases.shape[1] * down, phases.shape[2] * across)
    return Application("batch_to_space", (("factor", factor),), (name,), shape, phases.layer, batch=1)
