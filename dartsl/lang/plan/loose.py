"""Cells that stand in no network: checked with their width a symbol, at stride 1 (language rule 10)."""

from __future__ import annotations

from collections.abc import Iterable

from dartsl.lang.check.model import Cell, Spec
from dartsl.lang.check.scans import merges_by_highway
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.plan.applied import Norms
from dartsl.lang.plan.cell_plan import CellPlanner, Feed, Use
from dartsl.lang.plan.cell_terms import CellTerms
from dartsl.lang.plan.elaborate import Elaborator
from dartsl.lang.records.tensors import Tensor, Unknown
from dartsl.lang.records.widths import symbol

_MAP = Tensor(symbol(), (Unknown("H"), Unknown("W")))
_VECTOR = Tensor(symbol(), ())


def loose_cells(spec: Spec, cells: Iterable[Cell]) -> list[Diagnostic]:
    """The faults of cells that no network uses.

    A cell with a highway is recurrent, and so is one of two inputs that fits vectors but not maps: nothing else
    says what a cell in no network is for. In darts 2, where vectors are also those of tables, and there are several
    carries, it may have any number of inputs.
    """
    found: list[Diagnostic] = []
    elaborator = _elaborator(spec, found)
    for cell in cells:
        before = len(found)
        if not merges_by_highway(cell):
            _check(elaborator, found, cell, _MAP)
            if len(found) == before:
                continue
        of_vectors: list[Diagnostic] = []
        _check(_elaborator(spec, of_vectors, shares=True), of_vectors, cell, _VECTOR)
        if merges_by_highway(cell):
            found += of_vectors
        elif (len(cell.inputs) == 2 or cell.span.source.version > 1) and not of_vectors:
            del found[before:]
            # What it said of an operation is said again for the next cell that uses it.
            elaborator = _elaborator(spec, found)
    return found


def _elaborator(spec: Spec, found: list[Diagnostic], shares: bool = False) -> Elaborator:
    within = CellTerms(spec.cells, found, mixing=True)
    norms = Norms(affine=False, mixing=True, shares=shares)
    return Elaborator(spec.operations, norms, found, within=within)


def _check(elaborator: Elaborator, found: list[Diagnostic], cell: Cell, tensor: Tensor) -> None:
    use = Use(cell.name, symbol(), 1, (Feed(tensor, (1, 1)),) * len(cell.inputs))
    CellPlanner(elaborator, found, cell, use).run()
