"""What an operation comes to where a network uses it: shape, parameters, multiply-adds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dartsl.api import info
from dartsl.lang.check.model import Edge, Spec
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.parts import steps
from dartsl.lang.plan.terms import CellLayer, Plan, Term, TermLayer
from dartsl.lang.syntax import ast
from dartsl.lang.syntax.printer import print_expr
from dartsl.lsp.documents import Document


@dataclass(frozen=True)
class Placed:
    """An operation at one place of a network. In one that is not `decided`, its batch norms learn nothing: what is
    counted is what it has in the network that is found."""

    where: str
    term: Term
    decided: bool

    def text(self) -> str:
        """`normal of layer0: (8, 8, 8) to (8, 8, 8), 432 parameters, 27,648 multiply-adds`"""
        from dartsl.graph.count import term_cost

        parameters, multiply_adds = term_cost(self.term)
        first = next(steps(self.term), None)
        before = "" if first is None else f"{first.input.outer} to "
        once = "" if self.decided else " once found"
        counts = f"{parameters:,} parameters{once}, {multiply_adds:,} multiply-adds"
        return f"{self.where}: {before}{self.term.output.outer}, {counts}"


def placed(document: Document, span: Span) -> Placed | None:
    """The operation that is written at a place, where it first stands in a network; None where it stands in none, or is
    no more than a part of one whose shape is not known from the place alone."""
    for plan in document.plans:
        for where, own, term in _terms(plan):
            found = term if own == span else next((step for step in steps(term) if step.span == span), None)
            if found is not None:
                return Placed(where, found, plan.decided)
    return None


def first_use(document: Document, operation: str) -> Placed | None:
    """Where an operation is first a candidate of a network; None where it is none."""
    for plan in document.plans:
        for where, expr, term in _candidates(plan):
            name = expr.function if isinstance(expr, ast.Call) else expr
            if isinstance(name, ast.Name) and name.id == operation:
                return Placed(f"`{print_expr(expr)}` {where}", term, plan.decided)
    return None


def _terms(plan: Plan) -> Iterator[tuple[str, Span | None, Term]]:
    """Each operation that is written in a cell or a network, with its place in the network, and that in the text."""
    for layer in plan.layers:
        if isinstance(layer, TermLayer):
            yield f"in {layer.name} of {plan.network.name}", None, layer.term
    for where, expr, term in _candidates(plan):
        yield where, expr.span, term


def _candidates(plan: Plan) -> Iterator[tuple[str, ast.Expr, Term]]:
    for layer in plan.layers:
        if isinstance(layer, TermLayer):
            continue
        place = f"{layer.cell.name}, {layer.name} of {plan.network.name}"
        for entry, before in zip(layer.cell.inputs, layer.inputs, strict=True):
            if entry.operation is not None and before is not None:
                yield f"on the input {entry.name} of {place}", entry.operation, before
        for edge, terms in zip(layer.cell.edges, layer.edges, strict=True):
            for candidate, term in zip(edge.candidates, terms, strict=True):
                yield f"on {edge.source} -> {edge.target} of {place}", candidate.expr, term


def candidates(document: Document, edge: Edge, cell: str) -> list[Placed] | None:
    """What each candidate of an edge comes to where its cell first stands in a network; None where it is in none."""
    for plan in document.plans:
        for layer in plan.layers:
            if isinstance(layer, CellLayer) and layer.cell.name == cell:
                for other, terms in zip(layer.cell.edges, layer.edges, strict=True):
                    if (other.source, other.target, other.twin) == (edge.source, edge.target, edge.twin):
                        where = f"in {layer.name} of {plan.network.name}"
                        return [Placed(where, term, plan.decided) for term in terms]
    return None


def network_cost(document: Document, network: str) -> str | None:
    """What a network costs, in words; None where that is not known."""
    if network not in document.costs:
        document.costs[network] = _cost(document.spec, network)
    return document.costs[network]


def _cost(spec: Spec | None, network: str) -> str | None:
    if spec is None or network not in spec.networks:
        return None
    try:
        found = info(spec, network, memory="none")
    except (SpecError, UserError):
        return None
    return f"{found.parameters:,} parameters, {found.multiply_adds:,} multiply-adds per {found.unit}"
