"""The loop of a recurrent cell: which of a scan layer's applications stand within it, and the loop itself.

What depends neither on the element nor on a carry is the same at every step and is computed once a pass. What
depends on elements alone is computed for the whole sequence at once, where it treats each vector on its own. The
rest is the layer's GraphModule, which is called once a time step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import Application
from dartsl.nn.lowered import Lowered
from dartsl.nn.recompute import recomputed


@dataclass(frozen=True)
class ScanParts:
    """The applications of a scan layer (ids, in order).

    outside   computed once a pass, for all steps or for the whole sequence
    inside    computed at each step
    elements  what a step takes of each sequence that lies outside, in order
    invariant what a step takes as it is
    bodies    the outputs of a step, the next one of each carry; carried: what has the further ones after the loop
    """

    outside: tuple[str, ...]
    inside: tuple[str, ...]
    elements: tuple[str, ...]
    invariant: tuple[str, ...]
    element: str | None
    bodies: tuple[str, ...]
    carried: tuple[str, ...]
    sequence: str


def scan_parts(applied: Mapping[str, Application]) -> ScanParts:
    """The parts of a scan layer, from its applications, inputs first."""
    place: dict[str, str] = {}  # constant, wide (a whole sequence) or inner
    element = sequence = None
    carried: list[str] = []
    for node, each in applied.items():
        sources = {place.get(source, "constant") for source in each.inputs}
        if each.kind == "carry":
            place[node] = "carry"
        elif each.kind == "carried":
            carried.append(node)
        elif each.kind == "element":
            element, place[node] = node, "wide"
        elif each.kind == "sequence":
            sequence = node
        elif sources <= {"constant"}:
            place[node] = "constant"
        elif sources <= {"constant", "wide"} and kind_of(each).has("vectorwise") and each.batch == 1:
            place[node] = "wide"
        else:
            place[node] = "inner"
    if sequence is None:
        raise TypeError("a scan layer without a sequence")
    bodies = applied[sequence].inputs
    inside = [node for node, where in place.items() if where == "inner"]
    read = [source for node in inside for source in applied[node].inputs] + [*bodies]
    return ScanParts(
        outside=tuple(
            node
            for node, where in place.items()
            if where in ("wide", "constant") and applied[node].kind != "element"
        ),
        inside=tuple(inside),
        elements=_once(source for source in read if place.get(source) == "wide"),
        invariant=_once(source for source in read if place.get(source, "constant") == "constant"),
        element=element,
        bodies=bodies,
        carried=tuple(sorted(carried, key=lambda node: _index(applied[node]))),
        sequence=sequence,
    )


def _index(carried: Application) -> int:
    """The place of a carry among those of its cell."""
    index = carried.attribute("index")
    assert isinstance(index, int)
    return index


def _once(nodes: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(nodes))


def scan(
    layer: nn.Module,
    sequences: Sequence[Tensor],
    carries: tuple[Tensor, ...],
    invariants: Sequence[Any],
    low_memory: bool = False,
) -> Tensor | tuple[Tensor, ...]:
    """The outputs (T, B, H) of `layer`, called once a time step with an element of each sequence (T, B, C).

    What it gives are the next step's carries (B, H), the first of which is its output. Of several carries the others
    follow the outputs, as they are after the last step. The invariants, among them the pass, are the same at every
    step. With `low_memory` autograd keeps only the carries, and a step is computed again in the backward pass.
    """
    outputs = []
    call = layer.chosen() if isinstance(layer, Lowered) and not low_memory else layer
    for elements in zip(*(sequence.unbind(0) for sequence in sequences), strict=True):
        inputs = (*elements, *carries, *invariants)
        given = recomputed(layer, *inputs) if low_memory else call(*inputs)
        carries = given if isinstance(given, tuple) else (given,)
        outputs.append(carries[0])
    return (torch.stack(outputs), *carries[1:]) if len(carries) > 1 else torch.stack(outputs)


def recompute_steps(network: fx.GraphModule) -> None:
    """Make a lowered network keep only the carries of its loops."""
    for node in network.graph.nodes:
        if node.target is scan:
            node.kwargs = {"low_memory": True}
    network.recompile()
