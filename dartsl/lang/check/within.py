"""Cells that stand as operations (darts 2): which can, where they may, and which cells a cell holds."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping

from dartsl.lang.check.constants import names
from dartsl.lang.check.kinds import Scope
from dartsl.lang.check.misplaced import PLACES
from dartsl.lang.check.model import Candidate, Cell
from dartsl.lang.check.outline import Outline
from dartsl.lang.check.signatures import Signature
from dartsl.lang.codes import e03, e04
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.syntax.ast import AliasDecl, Call, CellDecl, Expr, Name, OpsDecl

MAX_CELLS = 30  # within one another; an alias of one, and an `ops` that names one, count too
PLACE_HELP = (
    "a cell may stand on an edge or after a merge, as or within a candidate, and in the choice of a layer"
)


def cells_in(expr: Expr, cells: Container[str]) -> list[Name]:
    """The names of cells in an expression, in order."""
    return [name for name in names(expr) if name.id in cells]


def held(cell: Cell, cells: Container[str]) -> Iterator[Name]:
    """The names of cells in all that the edges of a cell offer; those of one statement once."""
    offers: dict[int, tuple[Candidate, ...]] = {id(edge.candidates): edge.candidates for edge in cell.edges}
    for candidates in offers.values():
        for candidate in candidates:
            yield from cells_in(candidate.expr, cells)


def closed(first: Iterable[str], cells: Mapping[str, Cell]) -> tuple[str, ...]:
    """Some cells and all that stand within them, each once, in order of first use."""
    found: dict[str, None] = {}
    waiting = list(first)[::-1]
    while waiting:
        name = waiting.pop()
        if name not in found and name in cells:
            found[name] = None
            waiting += [each.id for each in held(cells[name], cells)][::-1]
    return tuple(found)


def cell_uses(
    declared: Mapping[str, CellDecl | AliasDecl],
    choices: Mapping[str, OpsDecl],
    shapes: Mapping[str, Outline],
) -> dict[str, dict[str, Name]]:
    """Which cells and `ops` each of them names, but as a parameter of its own; `shapes` are those of all cells that are
    written out."""
    found: dict[str, dict[str, Name]] = {}
    for name, declaration in {**declared, **choices}.items():
        own = set[str]()
        if isinstance(declaration, CellDecl):
            own = {parameter.name.id for parameter in declaration.parameters}
            shape = shapes[name]
            expressions = [item.operation for item in shape.edge_items]
            expressions += shape.after.values()
            expressions += [each.default for each in declaration.parameters if each.default is not None]
        else:
            expressions = [declaration.value if isinstance(declaration, AliasDecl) else declaration.body]
        # In version 1 a cell is no operation, so only an alias names another.
        named = [
            each
            for expr in expressions
            if expr.span.source.version > 1
            for each in names(expr)
            if each.id not in own
        ]
        if isinstance(declaration, AliasDecl):
            value = declaration.value
            named.insert(0, value if isinstance(value, Name) else value.function)
        found[name] = {each.id: each for each in reversed(named) if each.id in declared or each.id in choices}
    return found


def too_deep(order: Iterable[str], uses: Mapping[str, Mapping[str, Name]]) -> Diagnostic | None:
    """E0310 for the first cell that holds too many within one another; `order` has each after what it uses."""
    depths: dict[str, int] = {}
    for name in order:
        deepest = max(uses[name], key=lambda used: depths.get(used, 0), default=None)
        depths[name] = 1 if deepest is None else depths.get(deepest, 0) + 1
        if deepest is not None and depths[name] > MAX_CELLS:
            return e03.cells_too_nested(uses[name][deepest].span, MAX_CELLS)
    return None


def use_faults(
    uses: Iterable[Name | Call], cells: Mapping[str, Cell], opened: Mapping[str, Signature]
) -> Iterator[Diagnostic]:
    """E0414 for each cell that stands as an operation and cannot: it is open, or has not one input and one output."""
    for expr in uses:
        name = expr if isinstance(expr, Name) else expr.function
        cell = cells.get(name.id)
        if name.id in opened:
            yield _open(expr, opened[name.id])
        elif cell is not None and cell.further:
            label = Label(name.span, f"it has {len(cell.outputs)} outputs, and an operation has one")
            yield _fault(
                name, label, (Label(cell.span, "declared here"),), "join them, `output concat(a, b)`"
            )
        elif cell is not None and len(cell.inputs) != 1:
            label = Label(name.span, f"it has {len(cell.inputs)} inputs, and an operation has one")
            yield _fault(name, label, (Label(cell.span, "declared here"),), "use it as a layer of a `stage`")


def _open(expr: Name | Call, signature: Signature) -> Diagnostic:
    wanted = ", ".join(parameter.name.id for parameter in signature.parameters)
    help = f"write `cell mine = {signature.name}({wanted})`, and use `mine` here"
    name = expr if isinstance(expr, Name) else expr.function
    declared = (Label(signature.span, f"declared as {signature}"),)
    return _fault(name, Label(expr.span, "it has parameters: name it first"), declared, help)


def misplaced_cell(name: Name, scope: Scope) -> Diagnostic:
    """E0414 for a cell in the body of an operation, on an input, in a stem or a head."""
    help = PLACE_HELP
    if scope.place == "stage":
        help = "give it a cell of its own, with one edge that has this operation, and use that as the layer"
    return e04.cell_at(name.span, name.id, PLACES[scope.place], help, scope.place)


def scanned_cells(cell: Cell, cells: Mapping[str, Cell]) -> Iterator[Diagnostic]:
    """E0414 for the cells within a cell that runs along a sequence."""
    for name in held(cell, cells):
        label = Label(name.span, f"`{cell.name}` runs along a sequence, step by step")
        yield _fault(name, label, (), "write what it does as operations on the edges")


def _fault(name: Name, label: Label, more: tuple[Label, ...], help: str) -> Diagnostic:
    return e04.cell_as_operation(name.id, label, more, help)
