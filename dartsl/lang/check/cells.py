"""Cells: their structure with operations filled in, aliases, and cells with parameters (rules 6 to 9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from dartsl.lang.check.arguments import bind
from dartsl.lang.check.catalogue import ordered, recursion
from dartsl.lang.check.cell_faults import cell_faults
from dartsl.lang.check.constants import substitute
from dartsl.lang.check.kinds import ExprKind, Local, Scope
from dartsl.lang.check.model import Candidate, Cell, Edge, Node
from dartsl.lang.check.offers import Offer, Offers
from dartsl.lang.check.outline import Outline, outline
from dartsl.lang.check.resolve import noun
from dartsl.lang.check.scans import highway_faults
from dartsl.lang.check.signatures import Signature, defaults
from dartsl.lang.check.within import cell_uses, too_deep, use_faults
from dartsl.lang.codes import e02, e04_values
from dartsl.lang.codes.diagnostics import Label
from dartsl.lang.codes.limits import Budget
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.ast import AliasDecl, CellDecl, Expr, Name, OpsDecl


@dataclass
class Cells:
    """The cells of a spec. `cells` has those without open parameters in which nothing was wrong."""

    cells: dict[str, Cell] = field(default_factory=dict)
    open: dict[str, Signature] = field(default_factory=dict)
    edges: dict[str, int] = field(default_factory=dict)  # of every cell, by name, also of faulty ones


class CellReader:
    """Reads all cells of a spec; faults go to the checker's."""

    def __init__(self, offers: Offers, budget: Budget) -> None:
        self.offers = offers
        self.checker = offers.checker
        self.symbols = offers.checker.symbols
        self.budget = budget
        self.result = Cells()
        self.outlines: dict[str, Outline] = {}  # of sound cells with parameters
        self.shapes: dict[str, Outline] = {}  # of all cells that are written out

    def read(self) -> Cells:
        """Every cell, those that others are made from first. Raises TooLargeError."""
        declared = {n: d for n, d in self.symbols.names.items() if isinstance(d, CellDecl | AliasDecl)}
        for name, declaration in declared.items():
            if isinstance(declaration, CellDecl):
                self._declared(name, declaration)
        for name in self._alias_order(declared):
            alias = declared[name]
            if isinstance(alias, AliasDecl):
                self._alias(name, alias)
        self.result.cells = {n: self.result.cells[n] for n in declared if n in self.result.cells}
        self.checker.faults += use_faults(self.checker.cells, self.result.cells, self.result.open)
        self.checker.cells.clear()
        return self.result

    def _alias_order(self, declared: Mapping[str, CellDecl | AliasDecl]) -> list[str]:
        """Cells after those that they stand for or hold; those in a loop are reported and left out."""
        choices = {n: d for n, d in self.symbols.names.items() if isinstance(d, OpsDecl)}
        uses = cell_uses(declared, choices, self.shapes)
        order, loops = ordered(uses)
        self.checker.faults += [recursion(part, uses) for part in loops if part & declared.keys()]
        self.checker.report(too_deep(order, uses))
        return [name for name in order if name in declared]

    # ------------------------------------------------------------------ cells that are written out

    def _declared(self, name: str, declaration: CellDecl) -> None:
        before = len(self.checker.faults)
        shape = outline(declaration, self.budget)
        self.checker.faults += shape.faults
        self.shapes[name] = shape
        self.result.edges[name] = len(shape.pairs)
        known: dict[str, Local] = {}
        for parameter in declaration.parameters:
            if parameter.default is not None:
                self._value(parameter.default, Scope("default"))
            known.setdefault(parameter.name.id, Local(parameter.name))
        cell = self._fill(name, declaration.name, shape, {}, known)
        inputs = {given.name for given in shape.inputs}
        idle = [local.name for name, local in known.items() if name in inputs and local.used is None]
        if idle:
            names = [name.span for name in idle]
            self.checker.report(e02.inputs_as_parameters(names, idle[0].id, declaration.name.id))
        sound = not any(fault.severity == "error" for fault in self.checker.faults[before:])
        if declaration.parameters and len(idle) < len(known):
            kinds = {local: known[local].kind for local in known}
            self.result.open[name] = Signature(name, declaration.parameters, declaration.name.span, kinds)
            if sound:
                self.outlines[name] = shape
        elif sound and cell is not None:
            self.result.cells[name] = cell

    def _value(self, value: Expr, scope: Scope) -> None:
        """Check what a parameter of a cell is given, whatever it is for."""
        if self.checker.kind_of(value, scope) is ExprKind.OPERATION:
            self.offers.read(value, Scope("edge", scope.locals))
        else:
            self.checker.check(value, ExprKind.ANY, scope)

    def _fill(
        self, name: str, at: Name, shape: Outline, values: Mapping[str, Expr], known: dict[str, Local]
    ) -> Cell | None:
        """A cell from its structure, its parameters replaced by `values` or, where none are given, open."""
        errors = len(self.checker.faults)
        scope = Scope("edge", known)
        read: list[Offer] = []
        for item in shape.edge_items:
            read.append(self.offers.read(substitute(item.operation, values), scope))
        self.budget.take_candidates(sum(len(read[p.item].options) for p in shape.pairs), at.span)
        inputs = {
            id(item.operation): substitute(item.operation, values)
            for item in shape.input_items
            if item.operation is not None
        }
        for operation in inputs.values():
            self.checker.check(operation, ExprKind.OPERATION, Scope("input", known))
        after = {
            node: self.offers.read(substitute(expr, values), Scope("node", known))
            for node, expr in shape.after.items()
        }
        self.budget.take_edges(len(after), at.span)
        self.budget.take_candidates(sum(len(offer.options) for offer in after.values()), at.span)
        self.checker.faults += cell_faults(shape, read)
        if any(fault.severity == "error" for fault in self.checker.faults[errors:]) or not shape.outputs:
            return None
        spans = [item.span for item in shape.edge_items]
        offered = [offer.candidates for offer in read]
        cell = Cell(
            name,
            tuple(replace(given, operation=inputs.get(id(given.operation))) for given in shape.inputs),
            tuple(shape.nodes),
            tuple(
                Edge(p.source, p.target, p.twin, offered[p.item], spans[p.item], (p.item, p.place))
                for p in shape.pairs
            ),
            shape.outputs[0],
            at.span,
            further=tuple(shape.outputs[1:]),
        )
        cell = _with_operations(cell, {node: offer.candidates for node, offer in after.items()})
        if known:  # candidates are open: each cell that fills them in is judged
            return cell
        self.checker.faults += highway_faults(cell)
        return cell

    # ------------------------------------------------------------------ cells that stand for others

    def _alias(self, name: str, alias: AliasDecl) -> None:
        target = _target(alias)
        declaration = self.symbols.find(target)
        if declaration is None:
            self.checker.report(self.symbols.unknown(target, "cell", (CellDecl, AliasDecl)))
            return
        if not isinstance(declaration, CellDecl | AliasDecl):
            label = f"`{target.id}` is declared as an operation or a choice"
            declared = Label(declaration.name.span, f"{noun(declaration)} `{target.id}`")
            self.checker.report(e04_values.expected(target.span, "a cell", label, None, declared))
            return
        count = self.result.edges.get(target.id, 0)
        self.result.edges[name] = count
        self.budget.take_edges(count, alias.span)
        signature = self.result.open.get(target.id, Signature(target.id, (), declaration.name.span))
        binding = bind(signature, alias.value)
        self.checker.faults += binding.faults
        if binding.faults:
            for value in [*binding.values.values(), *(a.value for a in binding.stray)]:
                self._value(value, Scope("edge"))
        elif target.id in self.result.open:
            self._instance(name, alias, signature, binding.values)
        elif target.id in self.result.cells:
            self.result.cells[name] = replace(self.result.cells[target.id], name=name, span=alias.name.span)

    def _instance(self, name: str, alias: AliasDecl, signature: Signature, given: Mapping[str, Expr]) -> None:
        for parameter, value in given.items():
            if signature.kind(parameter) is ExprKind.ANY:
                self._value(value, Scope("edge"))
        shape = self.outlines.get(signature.name)
        if shape is None:
            return
        values = {**defaults(signature.parameters), **given}
        cell = self._fill(name, alias.name, shape, values, {})
        if cell is not None:
            self.result.cells[name] = cell


def _target(alias: AliasDecl) -> Name:
    return alias.value if isinstance(alias.value, Name) else alias.value.function


def count_edges(cells: Cells, offers: Offers, root: Source) -> int:
    """The edges that a summary line counts: of cells without parameters, and of the root file's others."""
    names = offers.checker.symbols.names
    return sum(
        count
        for name, count in cells.edges.items()
        if name not in cells.open or names[name].span.source is root
    )


def _with_operations(cell: Cell, after: Mapping[str, tuple[Candidate, ...]]) -> Cell:
    """A cell in which each node of `after` goes through what it offers there once its edges are merged (darts 2).

    It is two nodes then, with what it offers as the edge between them; the one that merges has a name that cannot be
    written. The rows of nodes follow all rows of edges, in order of the nodes.
    """
    if not after:
        return cell
    merging = {node.name: f"{node.name}.{node.merge}" for node in cell.nodes if node.name in after}
    edges = [replace(edge, target=merging.get(edge.target, edge.target)) for edge in cell.edges]
    last = len(cell.edges)  # a statement after all others
    for node in cell.nodes:
        if node.name in after:
            offered = after[node.name]
            edges.append(Edge(merging[node.name], node.name, 0, offered, node.item_span, (last, 0)))
    return replace(
        cell, nodes=tuple(part for node in cell.nodes for part in _parts(node, merging)), edges=tuple(edges)
    )


def _parts(node: Node, merging: Mapping[str, str]) -> Iterator[Node]:
    if node.name in merging:
        yield replace(node, name=merging[node.name], of=node.name)
        yield replace(node, merge="sum", mix_bn=False, keep=None)
    else:
        yield node
