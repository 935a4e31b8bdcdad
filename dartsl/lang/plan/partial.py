"""The setting `partial`: plans whose edges mix one of several parts of their channels (PC-DARTS, arXiv 1907.05737).

An edge that offers a choice gives the first C / K of its C channels to its candidates, which are built for that width.
The other channels pass by, through a 2 x 2 max pool where the edge has stride 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction

from dartsl.lang.check.model import Edge, Spec
from dartsl.lang.codes import e06
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.limits import MAX_APPLICATIONS, too_large
from dartsl.lang.plan.applied import Norms
from dartsl.lang.plan.elaborate import Elaborator
from dartsl.lang.plan.parts import term, term_size
from dartsl.lang.plan.skips import entering
from dartsl.lang.plan.terms import CellLayer, Plan, Term
from dartsl.lang.records.tensors import Shape, tensor_of
from dartsl.lang.records.widths import channels

STRIDE = 2  # the one beside 1 that an edge may have: that of the pool of what passes by
OFF = "leave `partial` out"
WIDTH = f"let the edge and its candidates keep the width that they are asked for, or {OFF}"

Terms = tuple[Term, ...]


def narrowed(spec: Spec, plan: Plan, parts: int) -> tuple[Plan, list[Diagnostic]]:
    """A plan whose edges with a choice mix one of so many parts of their channels.

    And the faults with which it cannot be used: E0613, and those of an operation at the smaller width.
    """
    if plan.decided or parts == 1:
        return plan, []
    narrowing = _Narrowing(spec, parts)
    layers = tuple(narrowing.layer(layer) if isinstance(layer, CellLayer) else layer for layer in plan.layers)
    return replace(plan, layers=layers, partial=parts), narrowing.faults


@dataclass
class _Narrowing:
    """One walk over the cells of a network."""

    spec: Spec
    parts: int
    faults: list[Diagnostic] = field(default_factory=list)
    known: dict[int, tuple[Terms, ...]] = field(
        default_factory=dict
    )  # by the terms at full width, which alike share
    cost: int = 0

    def __post_init__(self) -> None:
        self.elaborator = Elaborator(self.spec.operations, Norms(affine=False, mixing=True), self.faults)

    def layer(self, layer: CellLayer) -> CellLayer:
        """A cell with the terms of its candidates at the smaller width."""
        key = id(layer.edges)
        if key not in self.known:
            edges = zip(layer.cell.edges, layer.edges, strict=True)
            holds = next(layer.within(), None) is not None  # which is refused, with a choice there or without
            self.known[key] = tuple(
                self.edge(layer, edge, terms) if edge.searched or holds else () for edge, terms in edges
            )
        found = self.known[key]
        self.cost += sum(term_size(each) for terms in found for each in terms)
        if self.cost > MAX_APPLICATIONS:
            self.faults.append(too_large(layer.cell.span, "operations", self.cost, MAX_APPLICATIONS))
        return replace(layer, narrow=found)

    def edge(self, layer: CellLayer, edge: Edge, whole: Terms) -> Terms:
        """The terms of an edge's candidates on the first part of its channels; none where that cannot be."""
        before, after = entering(whole[0]), whole[0].output
        from_input = edge.source in {item.name for item in layer.cell.inputs}
        stride = layer.stride if from_input else 1
        refused = self.refused(layer, before, after, stride)
        if refused is not None:
            self.report(layer, edge, *refused)
            return ()
        part_of = Shape(before.channels // self.parts, before.size)
        tensor, number, found = tensor_of(part_of), len(self.faults), []
        for candidate in edge.candidates:
            part = self.elaborator.run(candidate.expr, tensor, tensor.width, stride, candidate.label)
            if not part.ok:
                continue
            if part.output.width != tensor.width:
                gives = f"of {channels(tensor.width)}, `{candidate.label}` makes {part.output.width}"
                self.report(layer, edge, gives, WIDTH)
            else:
                found.append(term(part, part_of, candidate.span))
        self.faults[number:] = [self.placed(fault, layer, edge, part_of) for fault in self.faults[number:]]
        return tuple(found)

    def refused(self, layer: CellLayer, before: Shape, after: Shape, stride: int) -> tuple[str, str] | None:
        """Why an edge cannot have partial channels, and what helps; None where it can."""
        held = next((use.cell.name for use in layer.within()), None)
        if held is not None:
            return f"it stands in `{layer.cell.name}`, which holds the cell `{held}`", OFF
        if layer.scan is not None:
            return f"`{layer.cell.name}` runs along a sequence: its vectors have no maps to spare", OFF
        if {before.channels, after.channels} != {layer.width}:
            leads = f"it leads from {before.channels} to {channels(Fraction(after.channels))}"
            return f"{leads} where {layer.width} are asked for", WIDTH
        if before.channels % self.parts:
            return f"{channels(Fraction(before.channels))} are not {self.parts} equal parts", (
                f"take a width that {self.parts} divides, or another `partial`"
            )
        if stride not in (1, STRIDE):
            return f"it has stride {stride}, and what passes by is pooled by {STRIDE}", (
                f"use `{layer.cell.name}` with stride 1 or {STRIDE}, or {OFF}"
            )
        return None

    def report(self, layer: CellLayer, edge: Edge, why: str, help: str) -> None:
        group = f"partial {layer.cell.name} {help}"
        name, label = layer.cell.called(edge), f"{why} in `{layer.name}`"
        self.faults.append(e06.no_parts(edge.span, name, label, help, group))

    def placed(self, fault: Diagnostic, layer: CellLayer, edge: Edge, part: Shape) -> Diagnostic:
        """A fault of an operation, with the place where it is asked for this width."""
        if fault.code == "E0613":
            return fault
        some = f"`partial = {self.parts}` gives the candidates {channels(Fraction(part.channels))}"
        return replace(fault, secondary=(*fault.secondary, Label(edge.span, f"{some} in `{layer.name}`")))
