"""Horizontal fusion: depthwise convolutions that do not depend on each other run as one, and what follows them too.

All edges that leave a node offer the same operations, and the nodes that a cell reads do not depend on each other: so a
layer falls into levels of chains that look alike. Depthwise convolutions of one level, with equal geometry and shapes,
become one grouped `convolution` of their inputs side by side; the 1 x 1 convolutions, batch norms (without affine) and
ReLUs after them stay side by side for as long as they too are equal. `split` takes a stack apart where something reads
a part of it; a `piece` is a part, a view.

* The level of an application is the number of such applications before it on the longest path in its layer.
* Only readers of one value, or of one stack, go together, unless `across` says otherwise: to put values side by side
  costs a copy of them, which on a CPU is more than what fewer calls save.
* A stack reads and has at most `limit` numbers per image: larger ones fall out of the cache and cost time.

Exact: channels of a depthwise convolution, groups of a grouped one, and channels of a batch norm are independent. What
runs together does not depend on each other, since what depends on an application in its layer has a higher level.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby, pairwise
from math import prod
from typing import Literal

import networkx as nx

from dartsl.graph.kinds import CONCAT, IDENTITY, is_plain_norm, kind_of
from dartsl.graph.operations import Application, GraphInfo, Value, info
from dartsl.graph.passes.base import PURE, Pass
from dartsl.graph.rewrite import Applications, applications, assemble, fresh

Attributes = tuple[tuple[str, Value], ...]
Role = Literal["separable", "depthwise", "pointwise", "norm", "elementwise"]


@dataclass(frozen=True)
class Stack(Pass):
    """The graph with equal, independent depthwise chains side by side."""

    name = "stack"
    requires = PURE
    ensures = frozenset({"stacked"})
    joins = True
    limit: int = 32768
    across: bool = False

    def run(self, graph: nx.DiGraph) -> nx.DiGraph:
        return _Stacking(applications(graph), info(graph), self.limit, self.across).run()


@dataclass
class _Stacking:
    before: Applications
    record: GraphInfo
    limit: int
    across: bool
    done: Applications = field(default_factory=dict)
    place: dict[str, tuple[str, int]] = field(default_factory=dict)  # a member's stack, and its place in it
    once: dict[tuple[str, ...], str] = field(default_factory=dict)  # a layer's sources side by side
    width: dict[str, int] = field(default_factory=dict)  # of each member of a stack, in channels
    rank: dict[str, int] = field(default_factory=dict)  # of the stacks, as they were made
    read: dict[str, set[tuple[int, int]]] = field(
        default_factory=dict
    )  # the parts of a stack that stacks read

    def run(self) -> nx.DiGraph:
        """Stacks level by level, then what takes them apart."""
        self.done = dict(self.before)
        levels: dict[int, list[str]] = {}
        depth: dict[str, int] = {}
        for node, applied in self.before.items():
            inside = [source for source in applied.inputs if self.before[source].layer == applied.layer]
            known = self.geometry(applied) is not None
            depth[node] = max((depth[source] for source in inside), default=0) + known
            if known:
                levels.setdefault(depth[node], []).append(node)
        for level in sorted(levels):
            for members in self.groups(levels[level]):
                self.stack(members)
        self.take_apart()
        return assemble(self.done, self.record)

    def geometry(self, applied: Application) -> tuple[Role, str, Attributes] | None:
        """How an application may be stacked, the kind that it then is, its attributes but for the groups; else None."""
        attributes, kind = dict(applied.attributes), kind_of(applied)
        if len(applied.shape) != 3 or len(applied.inputs) != 1:
            return None
        width = self.before[applied.inputs[0]].shape[0]
        if kind.has("elementwise"):
            return "elementwise", applied.kind, applied.attributes
        if applied.kind in ("separable", "scaled_separable"):
            own = ("sources", "entries")
            rest = tuple((name, value) for name, value in applied.attributes if name not in own)
            return "separable", applied.kind, rest
        if len(applied.state) != 1:
            return None
        if applied.kind == "convolution" and attributes["groups"] == width == applied.shape[0]:
            rest = tuple((name, value) for name, value in applied.attributes if name != "groups")
            return "depthwise", "convolution", rest
        if kind.has("depthwise"):
            k, dilation = attributes["k"], attributes.get("dilation", 1)
            if isinstance(k, int) and isinstance(dilation, int):
                stride = attributes.get("stride", (1, 1))
                return "depthwise", "convolution", _convolution(stride, (k - 1) // 2 * dilation, dilation)
        if kind.has("kernel") and attributes["k"] == 1 and attributes.get("stride", (1, 1)) == (1, 1):
            return "pointwise", "convolution", _convolution((1, 1), 0, 1)
        if applied.kind == "scaled_bn":
            return "norm", "scaled_bn_stack", (("table", attributes["table"]),)
        if is_plain_norm(applied, self.record):
            return "norm", "bn_stack", ()
        return None

    def groups(self, nodes: Sequence[str]) -> Iterable[list[str]]:
        """What of one level may run side by side, in the order in which its inputs lie."""
        found: dict[tuple[Value, ...], list[str]] = {}
        for node in nodes:
            applied = self.before[node]
            (source,) = applied.inputs
            what = self.geometry(applied)
            if what is None or (what[0] not in ("separable", "depthwise") and source not in self.place):
                continue
            modules = [self.record.modules[path].arguments for path in applied.state]
            kernels: Value = 0
            if what[0] == "separable":  # and whether their batch norms have parameters
                kernels = tuple(modules)
            elif what[0] == "depthwise":
                kernels = dict(modules[0]).get("k", 0)
            # A ReLU or a batch norm moves nothing: it is worth it only for what lies side by side already.
            alone = self.across and what[0] not in ("elementwise", "norm")
            stack = "" if alone else self.origin(node)
            shape = self.before[source].shape
            layer = applied.layer
            key = (layer, *what, kernels, stack, shape, applied.shape, applied.batch)
            found.setdefault(key, []).append(node)
        for members in found.values():
            members.sort(key=self.where)
            first = self.before[members[0]]
            given = self.before[first.inputs[0]]
            numbers = max(prod(each.shape) * each.batch for each in (first, given))
            yield from self.bounded(members, max(1, self.limit // numbers))

    @cached_property
    def order(self) -> dict[str, int]:
        """The place of each application of the graph."""
        return {node: number for number, node in enumerate(self.before)}

    def where(self, node: str) -> tuple[int, int, int]:
        """What members of a stack are sorted by: the place of the input, then their own."""
        (source,) = self.before[node].inputs
        stack, place = self.place.get(source, (source, 0))
        return self.rank.get(stack, self.order.get(stack, 0)), place, self.order[node]

    def bounded(self, members: Sequence[str], size: int) -> Iterable[list[str]]:
        """At most `size` at a time; what reads one input or one stack is kept together where it fits."""
        group: list[str] = []
        for _, unit in groupby(members, key=self.origin):
            nodes = list(unit)
            if group and len(group) + len(nodes) > size:
                yield group
                group = []
            while len(nodes) > size:
                yield nodes[:size]
                nodes = nodes[size:]
            group += nodes
        if group:
            yield group

    def origin(self, node: str) -> str:
        (source,) = self.before[node].inputs
        return self.place.get(source, (source, 0))[0]

    def entry(self, node: str) -> Value:
        """The place of the mixing weight that a member takes."""
        attributes = dict(self.before[node].attributes)
        entries = attributes.get("entries")
        return entries[0] if isinstance(entries, tuple) else (attributes["row"], attributes["column"])

    # ------------------------------------------------------------------ stacks

    def stack(self, members: Sequence[str]) -> None:
        """One application for all members, where there are several."""
        if len(members) < 2:
            return
        first = self.before[members[0]]
        what = self.geometry(first)
        if what is None:
            return
        role, kind, attributes = what
        if role in ("depthwise", "pointwise"):
            groups = len(members) * (first.shape[0] if role == "depthwise" else 1)
            attributes = (*attributes, ("groups", groups))
        elif (role == "norm" and attributes) or kind == "scaled_separable":
            attributes = (*attributes, ("entries", tuple(map(self.entry, members))))
        sources = [self.before[node].inputs[0] for node in members]
        if role == "separable":
            once = tuple(dict.fromkeys(sources))
            attributes = (*attributes, ("sources", tuple(map(once.index, sources))))
            key = (first.layer, *once)
            if key not in self.once:
                self.once[key] = self.side_by_side(members, once)
            given = self.once[key]
        else:
            given = self.side_by_side(members, sources)
        name = fresh(f"{members[0]}.stack", self.done)
        self.done[name] = replace(
            first,
            kind=kind,
            attributes=attributes,
            inputs=(given,),
            shape=(len(members) * first.shape[0], *first.shape[1:]),
            state=tuple(path for node in members for path in self.before[node].state),
        )
        self.width[name] = first.shape[0]
        self.rank[name] = len(self.before) + len(self.rank)
        for place, node in enumerate(members):
            self.place[node] = (name, place)

    def side_by_side(self, members: Sequence[str], sources: Sequence[str]) -> str:
        """The id of what the members read, channels of one source after those of another."""
        given = self.before[sources[0]]
        runs: list[str] = []
        start = 0
        while start < len(sources):
            stop = start + 1
            stack, place = self.place.get(sources[start], ("", 0))
            if stack:
                while stop < len(sources) and self.place.get(sources[stop]) == (stack, place + stop - start):
                    stop += 1
                runs.append(self.part(stack, place, place + stop - start))
            else:
                while stop < len(sources) and sources[stop] == sources[start]:
                    stop += 1
                runs.append(self.repeated(sources[start], stop - start, self.before[members[0]].layer))
            start = stop
        if len(runs) == 1:
            return runs[0]
        name = fresh(f"{members[0]}.inputs", self.done)
        shape = (len(sources) * given.shape[0], *given.shape[1:])
        layer = self.before[members[0]].layer
        self.done[name] = Application(CONCAT, (), tuple(runs), shape, layer, batch=given.batch)
        return name

    def part(self, stack: str, start: int, stop: int) -> str:
        """The id of some members of a stack: what it is follows when all its readers are known."""
        if (stop - start) * self.width[stack] == self.done[stack].shape[0]:
            return stack
        self.read.setdefault(stack, set()).add((start, stop))
        return f"{stack}.{start}_{stop}"

    def repeated(self, source: str, times: int, layer: str) -> str:
        if times == 1:
            return source
        name = f"{source}.times_{times}"
        if name not in self.done:
            given = self.before[source]
            shape = (times * given.shape[0], *given.shape[1:])
            attributes = (("times", times),)
            self.done[name] = Application("repeat", attributes, (source,), shape, layer, batch=given.batch)
        return name

    # -------------------------------------------------------------------- parts

    def take_apart(self) -> None:
        """The splits and pieces that readers of parts of stacks need."""
        used = {
            source
            for node, applied in self.done.items()
            if node not in self.place
            for source in applied.inputs
        } | {self.record.output}
        alone: dict[str, dict[int, str]] = {}
        for node, (stack, place) in self.place.items():
            if node in used:
                alone.setdefault(stack, {})[place] = node
            else:
                del self.done[node]
        for stack in dict.fromkeys([*self.read, *alone]):
            self.split(stack, self.read.get(stack, set()), alone.get(stack, {}))

    def split(self, stack: str, ranges: set[tuple[int, int]], alone: Mapping[int, str]) -> None:
        applied, width = self.done[stack], self.width[stack]
        count = applied.shape[0] // width
        cuts = {0, count, *(cut for each in ranges for cut in each)}
        cuts |= {cut for place in alone for cut in (place, place + 1)}
        bounds = sorted(cuts)
        sizes = tuple((stop - start) * width for start, stop in pairwise(bounds))
        name = fresh(f"{stack}.split", self.done)
        self.done[name] = Application(
            "split", (("sizes", sizes),), (stack,), applied.shape, applied.layer, batch=applied.batch
        )
        pieces: dict[int, str] = {}
        for index, start in enumerate(bounds[:-1]):
            single = start in alone
            pieces[start] = alone[start] if single else fresh(f"{stack}.piece_{index}", self.done)
            shape = (sizes[index], *applied.shape[1:])
            self.done[pieces[start]] = Application(
                "piece", (("index", index),), (name,), shape, applied.layer, batch=applied.batch
            )
        for start, stop in ranges:
            parts = tuple(pieces[bound] for bound in bounds if start <= bound < stop)
            shape = ((stop - start) * width, *applied.shape[1:])
            self.done[f"{stack}.{start}_{stop}"] = Application(
                CONCAT if len(parts) > 1 else IDENTITY,
                (),
                parts,
                shape,
                applied.layer,
                batch=applied.batch,
            )


def _convolution(stride: Value, padding: int, dilation: int) -> Attributes:
    return (
        ("stride", stride),
        ("padding", (padding, padding)),
        ("dilation", (dilation, dilation)),
    )
