"""Cells that stand as operations (darts 2), planned where they stand; and a planned cell as a term, or as a layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from dartsl.lang.check.model import Cell
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.cell_plan import CellPlanner, Feed, Planned, Use
from dartsl.lang.plan.elaborate import Elaborator
from dartsl.lang.plan.parts import Given, Part
from dartsl.lang.plan.terms import CellLayer, CellTerm, Scan
from dartsl.lang.records.tensors import Tensor
from dartsl.lang.records.widths import Width


class CellTerms:
    """Plans the cells that stand within others; faults are appended to `faults`, which the elaborator shares.

    `mixing` says that the network has choices. Two equal uses are planned once.
    """

    def __init__(self, cells: Mapping[str, Cell], faults: list[Diagnostic], mixing: bool) -> None:
        self._cells = cells
        self._faults = faults
        self._mixing = mixing
        self._known: dict[Use, tuple[Planned, bool]] = {}  # and whether it is sound

    def __contains__(self, name: str) -> bool:
        return name in self._cells

    def part(
        self, elaborator: Elaborator, name: str, span: Span, tensor: Tensor, width: Width, stride: int
    ) -> tuple[Part, int]:
        """What a cell is, asked for `width` and `stride` as in a stage, and of how many operations.

        Its input is read at stride 1, and the edges that leave it stride.
        """
        cell = self._cells[name]
        use = Use(name, width, stride, (Feed(tensor, (1, 1)),), span)
        if use not in self._known:
            before = len(self._faults)
            planned = CellPlanner(elaborator, self._faults, cell, use).run()
            sound = all(fault.severity != "error" for fault in self._faults[before:])
            self._known[use] = planned, sound
        planned, sound = self._known[use]
        part = Part((), planned.output, (stride, stride), sound, given=(Given(span, planned.output.width),))
        shape = tensor.shape()
        layer = cell_layer("", cell, use, ("",), planned, planned.output, mixing=self._mixing)
        if shape is not None and layer is not None and sound:
            part = replace(part, terms=(CellTerm(layer, shape, planned.steps, span),))
        return part, planned.steps


def cell_layer(
    name: str,
    cell: Cell,
    use: Use,
    reads: tuple[str, ...],
    planned: Planned,
    output: Tensor,
    *,
    mixing: bool,
    scan: Scan | None = None,
) -> CellLayer | None:
    """A planned cell at its place; None where a shape is not known."""
    shapes = [tensor.shape() for tensor in (*planned.input_tensors, *planned.node_tensors, output)]
    known = [shape for shape in shapes if shape is not None]
    if len(known) < len(shapes):
        return None
    return CellLayer(
        name,
        cell,
        int(use.width) if isinstance(use.width, Fraction) else 0,
        use.stride,
        reads,
        planned.inputs,
        tuple(known[: len(cell.inputs)]),
        planned.edges,
        tuple(known[len(cell.inputs) : -1]),
        tuple(node.mix_bn and mixing for node in cell.nodes),
        tuple(output.mix_bn and mixing for output in cell.outputs),
        known[-1],
        scan,
    )
