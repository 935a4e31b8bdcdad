"""What an operation comes to where a network uses it: shape, parameters, multiply-adds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dartsl.api.describing import counts
from dartsl.lang.check.model import Edge, Spec
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.parts import steps
from dartsl.lang.plan.terms import CellLayer, Plan, Term, TermLayer, held
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

        first = next(steps(self.term), None)
        before = "" if first is None else f"{first.input.outer} to "
        if (
            next(held(self.term), None) is not None
        ):  # a cell: what it costs is not settled before its own choices are
            return f"{self.where}: {before}{self.term.output.outer}"
        parameters, multiply_adds = term_cost(self.term)
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
    for name, use in _uses(plan):
        place = f"{use.cell.name}, {name} of {plan.network.name}"
        for entry, before in zip(use.cell.inputs, use.inputs, strict=True):
            if entry.operation is not None and before is not None:
                yield f"on the input {entry.name} of {place}", entry.operation, before
        for edge, terms in zip(use.cell.edges, use.edges, strict=True):
            for candidate, term in zip(edge.candidates, terms, strict=True):
                yield f"on {edge.name} of {place}", candidate.expr, term


def _uses(plan: Plan) -> Iterator[tuple[str, CellLayer]]:
    """Each place where a cell stands, with the name of the layer."""
    for layer in plan.layers:
        if isinstance(layer, CellLayer):
            yield from ((layer.name, use) for use in (layer, *layer.within()))


def candidates(document: Document, edge: Edge, cell: str) -> list[Placed] | None:
    """What each candidate of an edge comes to where its cell first stands in a network; None where it is in none."""
    for plan in document.plans:
        for name, use in _uses(plan):
            for other, terms in zip(use.cell.edges, use.edges, strict=True):
                if use.cell.name == cell and other == edge:
                    where = f"in {name} of {plan.network.name}"
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
        parameters, multiply_adds, unit = counts(spec, network)
    except (SpecError, UserError):
        return None
    return f"{parameters:,} parameters, {multiply_adds:,} multiply-adds per {unit}"
