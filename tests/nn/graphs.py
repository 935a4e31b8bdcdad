"""Small operation graphs written down by hand, so that the lowering is tested without the front end."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx

from dartsl.graph.operations import Application, GraphInfo
from dartsl.graph.tables import AlphaTable
from dartsl.lang.plan.terms import Argument
from dartsl.lang.records.record import ModuleSpec


class Sketch:
    """Adds applications to an operation graph one by one."""

    def __init__(self, image: tuple[int, int, int]) -> None:
        self.graph = nx.DiGraph()
        self.modules: dict[str, ModuleSpec] = {}
        self.layers: list[tuple[str, str | None]] = []
        self.add("image", Application("input", (), (), image, "image"))

    def add(self, node: str, applied: Application) -> str:
        self.graph.add_node(node, op=applied)
        self.graph.add_edges_from((source, node) for source in applied.inputs)
        return node

    def shape(self, node: str) -> tuple[int, ...]:
        found: Application = self.graph.nodes[node]["op"]
        return found.shape

    def layer(self, name: str, cell: str | None = None) -> None:
        self.layers.append((name, cell))

    def call(
        self,
        node: str,
        kind: str,
        *inputs: str,
        shape: tuple[int, ...] | None = None,
        attributes: Mapping[str, Argument | tuple[int, ...]] | None = None,
        random: bool = False,
    ) -> str:
        """A parameter-free application; the shape is that of the first input unless one is given."""
        applied = Application(
            kind,
            tuple((attributes or {}).items()),
            inputs,
            self.shape(inputs[0]) if shape is None else shape,
            node.split(".")[0],
            random=node if random else None,
        )
        return self.add(node, applied)

    def module(
        self,
        node: str,
        primitive: str,
        source: str,
        *,
        shape: tuple[int, ...] | None = None,
        stride: tuple[int, int] = (1, 1),
        **arguments: Argument,
    ) -> str:
        """An application with a module of its own at the path of its id."""
        before = self.shape(source)
        after = before if shape is None else shape
        spec = ModuleSpec(primitive, tuple(arguments.items()), stride, before, after)
        self.modules[node] = spec
        layer = node.split(".")[0]
        return self.add(
            node,
            Application(primitive, (*spec.arguments, ("stride", stride)), (source,), after, layer, (node,)),
        )

    def finish(self, output: str, alphas: tuple[AlphaTable, ...] = ()) -> nx.DiGraph:
        self.graph.graph["info"] = GraphInfo(
            "tiny", "image", output, tuple(self.layers), self.modules, alphas
        )
        return self.graph


def half(size: int) -> int:
    return -(-size // 2)


def mixed(height: int = 7, width: int = 6, *, ragged: bool = False, noise: bool = False) -> nx.DiGraph:
    """A stem, a reduction cell with two mixed edges (none, pool > bn, conv > bn, noise), a head of 5 classes.

    With `ragged` the second edge offers two candidates, fewer than the first.
    """
    sketch = Sketch((3, height, width))
    small = (4, half(height), half(width))
    sketch.layer("stem0")
    sketch.module("stem0.conv", "conv", "image", shape=(4, height, width), k=3, dilation=1)
    stem = sketch.module("stem0.bn", "bn", "stem0.conv", affine=True)
    sketch.layer("layer0", "normal")
    sizes = []
    for row, source in enumerate((stem, stem)):
        edge = f"layer0.n0.c{row}"
        strided: dict[str, Argument | tuple[int, ...]] = {"k": 3, "stride": (2, 2)}
        ends = [sketch.call(f"{edge}.none", "none", source, shape=small, attributes={"stride": (2, 2)})]
        pool = sketch.call(
            f"{edge}.max_pool_3x3.max_pool", "max_pool", source, shape=small, attributes=strided
        )
        ends.append(sketch.module(f"{edge}.max_pool_3x3.mix_bn", "mix_bn", pool))
        if not (ragged and row == 1):
            relu = sketch.call(f"{edge}.relu_conv_bn_3.relu", "relu", source)
            conv = sketch.module(
                f"{edge}.relu_conv_bn_3.conv", "conv", relu, shape=small, stride=(2, 2), k=3, dilation=1
            )
            ends.append(sketch.module(f"{edge}.relu_conv_bn_3.bn", "bn", conv, affine=False))
        if noise:
            strided = {"stride": (2, 2)}
            ends.append(
                sketch.call(f"{edge}.noise", "noise", source, shape=small, attributes=strided, random=True)
            )
        sketch.call(edge, "mix", *ends, attributes={"table": "normal", "row": row})
        sizes.append(len(ends))
    sketch.call("layer0.n0", "sum", "layer0.n0.c0", "layer0.n0.c1")
    sketch.call("layer0.output", "concat", "layer0.n0", "layer0.n0", shape=(8, *small[1:]))
    sketch.layer("head")
    pooled = sketch.call("head.global_avg_pool", "global_avg_pool", "layer0.output", shape=(8, 1, 1))
    logits = sketch.module("head.linear", "linear", pooled, shape=(5,), bias=True)
    return sketch.finish(logits, (AlphaTable("normal", "normal", tuple(sizes), ("n0", "n0")),))
