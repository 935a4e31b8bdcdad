"""The auxiliary head of a network that is trained: a second classifier after the middle of the network.

It reads the first cell of the last stage (without a cell there: its first layer) and is, as in DARTS: ReLU, mean over
windows down to a 2x2 map, convolution 1x1 to 128 channels, batch norm, ReLU, convolution 2x2 to 768 channels
without padding, batch norm, ReLU, linear. (Liu, Simonyan and Yang, ICLR 2019, and the authors' implementation.)

The reference knows maps of 8x8 (windows of 5, stride 3) and of 7x7 (5, stride 2; there it has no second batch norm).
The rule for any side H of the map that gives both: windows of ceil(5 H / 8), at most H - 1, at the distance that
makes the last one end at the border. A map with a side of 1 is pooled to 1x1, and the second convolution is 1x1.
"""

from __future__ import annotations

from dataclasses import replace

import networkx as nx

from dartsl.graph.kinds import CONCAT
from dartsl.graph.operations import Application, Value, application, info
from dartsl.lang.plan.terms import Argument, CellLayer, Plan
from dartsl.lang.records.record import ModuleSpec

LAYER = "auxiliary"
NARROW, WIDE = 128, 768
WITHOUT_SECOND_BN = (7, 7)


def with_auxiliary(graph: nx.DiGraph, plan: Plan) -> nx.DiGraph:
    """The graph of a plan whose output is (2 * classes,): the logits of the head, then of the auxiliary one."""
    graph = graph.copy()
    record = info(graph)
    layer = auxiliary_layer(plan)
    source = graph.graph["layers"][layer]
    modules = dict(record.modules)
    node = source
    for name, kind, state, attributes, shape in _steps(application(graph, source).shape, plan.classes):
        path = f"{LAYER}.{name}"
        if state is not None:
            before = application(graph, node).shape
            modules[path] = ModuleSpec(state[0], state[1], (1, 1), before, shape)
        paths = (path,) if state is not None else ()
        graph.add_node(path, op=Application(kind, attributes, (node,), shape, LAYER, paths))
        graph.add_edge(node, path)
        node = path
    both = f"{LAYER}.concat"
    inputs = (record.output, node)
    graph.add_node(both, op=Application(CONCAT, (), inputs, (2 * plan.classes,), LAYER))
    graph.add_edges_from((source, both) for source in inputs)
    layers = (*record.layers, (LAYER, None))
    graph.graph["info"] = replace(record, output=both, layers=layers, modules=modules)
    return graph


def auxiliary_layer(plan: Plan) -> str:
    """The name of the layer that the auxiliary head reads."""
    names = [layer.name for layer in plan.layers]
    last = plan.layers[names.index(plan.stages[-1]) : -1]
    return next((layer.name for layer in last if isinstance(layer, CellLayer)), last[0].name)


State = tuple[str, tuple[tuple[str, Argument], ...]]
Step = tuple[str, str, State | None, tuple[tuple[str, Value], ...], tuple[int, ...]]


def _steps(shape: tuple[int, ...], classes: int) -> list[Step]:
    """(name, kind, module, attributes, shape after it) of each application."""
    channels, height, width = shape
    (down, step_down), (across, step_across) = (windows(side) for side in (height, width))
    side = 2
    if min(height, width) < 2:
        side, down, across, step_down, step_across = 1, height, width, 1, 1
    bn: State = ("bn", (("affine", True),))
    affine: tuple[tuple[str, Value], ...] = (("affine", True),)
    geometry: tuple[tuple[str, Value], ...] = (
        ("stride", (1, 1)),
        ("padding", (0, 0)),
        ("dilation", (1, 1)),
        ("groups", 1),
    )
    pool: tuple[tuple[str, Value], ...] = (
        ("kernel", (down, across)),
        ("stride", (step_down, step_across)),
    )
    one, two = (NARROW, side, side), (WIDE, 1, 1)
    narrow: State = ("conv", (("k", 1), ("out", NARROW), ("dilation", 1)))
    wide: State = ("conv", (("k", side), ("out", WIDE), ("dilation", 1)))
    linear: State = ("linear", (("out", classes), ("bias", True)))
    steps: list[Step] = [
        ("relu", "relu", None, (), shape),
        ("pool", "window_pool", None, pool, (channels, side, side)),
        ("conv", "convolution", narrow, geometry, one),
        ("bn", "bn", bn, affine, one),
        ("relu_2", "relu", None, (), one),
        ("conv_2", "convolution", wide, geometry, two),
    ]
    if (height, width) != WITHOUT_SECOND_BN:
        steps.append(("bn_2", "bn", bn, affine, two))
    steps.append(("relu_3", "relu", None, (), two))
    steps.append(("linear", "linear", linear, linear[1], (classes,)))
    return steps


def windows(side: int) -> tuple[int, int]:
    """Length and stride of the two windows along a side of the map; (1, 1) where there is no room for two."""
    if side < 2:
        return 1, 1
    length = min(-(-5 * side // 8), side - 1)
    return length, side - length
