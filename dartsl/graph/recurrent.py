"""The loop of a recurrent cell in the operation graph: what enters an element's step, what leaves it, and its masks.

An application of a scan layer stands for one element. `element` and `carry` are what enters a step; `sequence`, the
one application after the loop, is all elements' outputs, each of which is the next step's carry. That way back is no
edge, so that the graph has no cycle.
"""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx

from dartsl.graph.kinds import PRODUCT, kind_of
from dartsl.graph.operations import Application, application
from dartsl.graph.paths import Paths, safe
from dartsl.lang.plan.terms import CellLayer, Step
from dartsl.lang.records.primitives import owner


class Loop:
    """Builds what a scan layer has beside the applications of its cell.

    carry  the id of its `carry`, element that of its `element`
    node   the path of the node whose edges are being built, which owns shared matrices
    """

    def __init__(
        self, layer: CellLayer, sequence: str, add: Callable[[str, Application], str], paths: Paths
    ) -> None:
        if layer.scan is None:
            raise TypeError(f"{layer.name} does not run along a sequence")
        self._layer, self._scan = layer, layer.scan
        self._sequence = sequence
        self._add = add
        self._paths = paths
        self._masks: dict[tuple[str, int], str] = {}
        self._shared: dict[tuple[str, str], str] = {}
        self.carry = self.element = ""
        self.node = layer.name

    def enter(self) -> dict[str, str]:
        """The element and the carry, by the names that the cell gives them."""
        values = {}
        own = (("layer", self._layer.name),)  # those of one layer are not those of another
        for item, shape in zip(self._layer.cell.inputs, self._layer.input_shapes, strict=True):
            path = self._paths.claim(self._layer.name, safe(item.name))
            kind = "carry" if item.name == self._scan.carry else "element"
            inputs = () if kind == "carry" else (self._sequence,)
            values[item.name] = self._add(path, Application(kind, own, inputs, shape.dims, self._layer.name))
            if kind == "carry":
                self.carry = path
            else:
                self.element = path
        return values

    def leave(self, output: str) -> str:
        """The sequence of all outputs."""
        path = self._paths.claim(self._layer.name, "sequence")
        shape = self._layer.output.dims
        return self._add(path, Application("sequence", (), (output,), shape, self._layer.name))

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


def decoder_input(graph: nx.DiGraph, logits: str, head: str) -> str:
    """What enters the last linear layer in front of the logits; the logits themselves where the head has none."""
    node = logits
    while application(graph, node).layer == head:
        applied = application(graph, node)
        if kind_of(applied).has("matrix"):
            return applied.inputs[0]
        node = applied.inputs[0]
    return logits
