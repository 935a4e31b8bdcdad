"""The loop of a recurrent cell in the operation graph: what enters an element's step, what leaves it, and its masks.

An application of a scan layer stands for one element. `element` and each `carry` are what enters a step; `sequence`,
after the loop, is all elements' outputs, each of which is the next step's carry. Where there are several carries it
reads the next one of each, and `carried` is what such a carry is after the last element. That way back is no edge, so
that the graph has no cycle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import networkx as nx

from dartsl.graph.kinds import CONCAT, PRODUCT, kind_of
from dartsl.graph.operations import Application, Value, application
from dartsl.graph.paths import Paths, safe
from dartsl.lang.plan.terms import CellLayer, Plan, Step
from dartsl.lang.records.primitives import owner
from dartsl.lang.records.record import Merge


class Loop:
    """Builds what a scan layer has beside the applications of its cell.

    carries  the id of each `carry`, in order; element that of its `element`
    node     the path of the node whose edges are being built, which owns shared matrices
    """

    def __init__(
        self,
        layer: CellLayer,
        sequence: str,
        graph: nx.DiGraph,
        add: Callable[[str, Application], str],
        paths: Paths,
    ) -> None:
        if layer.scan is None:
            raise TypeError(f"{layer.name} does not run along a sequence")
        self._layer, self._scan = layer, layer.scan
        self._sequence = sequence
        self._graph = graph
        self._add = add
        self._paths = paths
        self._masks: dict[tuple[str, int], str] = {}
        self._shared: dict[tuple[str, str], str] = {}
        self._carries: dict[str, str] = {}
        self.element = ""
        self.node = layer.name

    @property
    def carries(self) -> list[str]:
        return [self._carries[name] for name in self._scan.carries]

    def enter(self) -> dict[str, str]:
        """The element and the carries, by the names that the cell gives them."""
        values = {}
        name, carries = self._layer.name, self._scan.carries
        for item, shape in zip(self._layer.cell.inputs, self._layer.input_shapes, strict=True):
            path = self._paths.claim(name, safe(item.name))
            # Those of one layer are not those of another.
            own: tuple[tuple[str, Value], ...] = (("layer", name),)
            inputs: tuple[str, ...] = (self._sequence,)
            if item.name in carries:
                place, inputs = carries.index(item.name), ()
                own = (*own, ("index", place)) if place else own
                self._carries[item.name] = path
            else:
                self.element = path
            kind = "element" if inputs else "carry"
            values[item.name] = self._add(path, Application(kind, own, inputs, shape.dims, name))
        return values

    def leave(self, outputs: tuple[str, ...]) -> list[str]:
        """The sequence of all first outputs, and what each further carry is after the last of them."""
        name, shape = self._layer.name, self._layer.output.dims
        path = self._paths.claim(name, "sequence")
        left = [self._add(path, Application("sequence", (), outputs, shape, name))]
        for place, carry in enumerate(self.carries[1:], start=1):
            end = self._paths.claim(carry, "carried")
            left.append(self._add(end, Application("carried", (("index", place),), (path,), shape[:1], name)))
        return left

    def entering(self, source: str, path: str) -> str:
        """`source` as it enters a matrix that is not shared: the element and the first carry under their masks, by
        themselves or joined by a `concat` (darts 2)."""
        if not self._scan.linears:
            return source
        applied = application(self._graph, source)
        if source == self.element:
            return self.masked(source, "x", path, applied.shape[0])
        if source == self.carries[0]:
            return self.masked(source, "h", path, applied.shape[0])
        as_it_is = kind_of(applied).has("identity") or isinstance(kind_of(applied), Merge)
        if not as_it_is or (len(applied.inputs) > 1 and applied.kind != CONCAT):
            return source
        inputs = tuple(self.entering(each, path) for each in applied.inputs)
        if inputs == applied.inputs or len(inputs) == 1:
            return source if inputs == applied.inputs else inputs[0]
        return self._add(self._paths.claim(path, "masked"), replace(applied, inputs=inputs))

    def masked(self, source: str, which: str, path: str, channels: int) -> str:
        """`source` times the mask of the element ("x") or of the carry ("h"); where that drops nothing, itself."""
        p = self._scan.dropout_x if which == "x" else self._scan.dropout_h
        if p == 0:
            return source
        key = (which, channels)
        if key not in self._masks:
            mask = self._paths.claim(self._layer.name, f"{which}_mask")
            attributes = (("p", p), ("channels", channels))
            applied = Application(
                "dropout_mask", attributes, (self._sequence,), (channels,), self._layer.name, random=mask
            )
            self._masks[key] = self._add(mask, applied)
        name = self._paths.claim(path, f"{which}_masked")
        inputs = (source, self._masks[key])
        return self._add(name, Application(PRODUCT, (), inputs, (channels,), self._layer.name))

    def shared(self, share: str) -> str:
        """The path of the node's matrix for a place in an operation, `gate.linear`."""
        first, *rest = share.split(".")
        key = (self.node, first)
        if key not in self._shared:
            self._shared[key] = self._paths.claim(self.node, safe(first))
        return ".".join((self._shared[key], *map(safe, rest)))


def tied(step: Step) -> bool:
    """Whether a linear layer takes the embedding's matrix."""
    return owner(step.primitive).has("matrix") and bool(dict(step.arguments).get("tie", ""))


def bundled(graph: nx.DiGraph, plan: Plan, given: Mapping[str, str], states: Sequence[str]) -> Application:
    """All that a network of text gives: logits, the last scan's outputs, what enters the head's matrix, states.

    `given` has the id of what each layer gives.
    """
    head = plan.layers[-1]
    logits = given[head.name]
    scans = [
        given[layer.name] for layer in plan.layers if isinstance(layer, CellLayer) and layer.scan is not None
    ]
    dropped = decoder_input(graph, logits, head.name)
    inputs = (logits, scans[-1] if scans else dropped, dropped, *states)
    return Application("bundle", (), inputs, head.output.dims, head.name)


def decoder_input(graph: nx.DiGraph, logits: str, head: str) -> str:
    """What enters the last linear layer in front of the logits; the logits themselves where the head has none."""
    node = logits
    while application(graph, node).layer == head:
        applied = application(graph, node)
        if kind_of(applied).has("matrix"):
            return applied.inputs[0]
        node = applied.inputs[0]
    return logits
