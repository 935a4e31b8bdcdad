"""What an edge offers: choices and `ops` flattened to candidates, each checked, none twice (E0404)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from math import prod

from dartsl.lang.check.arguments import bind
from dartsl.lang.check.expressions import Checker
from dartsl.lang.check.identity import Identities
from dartsl.lang.check.kinds import ExprKind, Scope, use
from dartsl.lang.check.model import Candidate
from dartsl.lang.check.signatures import Signature
from dartsl.lang.codes import e04
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.limits import too_large
from dartsl.lang.codes.source import Span
from dartsl.lang.syntax.ast import Binary, Call, Chain, Choice, Expr, Name, OpsDecl
from dartsl.lang.syntax.printer import print_expr

MAX_SPREAD = 10_000  # candidates of one expression with choices among the arguments of its calls


@dataclass(frozen=True)
class Option:
    """A candidate and the place that offers it: itself, or the name of the `ops` that it comes from.

    `key` is shared by options that are the same operation. `is_open` marks the parameter of a cell.
    """

    candidate: Candidate
    at: Span
    key: int
    is_open: bool = False


@dataclass(frozen=True)
class Offer:
    """All that one statement offers. `sound` says that nothing in it was wrong."""

    options: tuple[Option, ...]
    sound: bool

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return tuple(option.candidate for option in self.options)

    @property
    def is_choice(self) -> bool:
        return len(self.options) > 1 or any(option.is_open for option in self.options)

    @property
    def only_none(self) -> Option | None:
        """The `none` of an edge that offers nothing else."""
        lone = self.sound and len(self.options) == 1 and self.options[0].candidate.is_none
        return self.options[0] if lone else None


class Offers:
    """Reads offers. `choices` must hold every `ops` that one can name."""

    def __init__(self, checker: Checker, identities: Identities) -> None:
        self.checker = checker
        self.identities = identities
        self.faulty: set[str] = set()  # operations in which something is wrong
        self._unsound = False  # whether a choice or an operation is named in which something is wrong
        self.choices: dict[str, Offer] = {}

    def read(self, expr: Expr, scope: Scope) -> Offer:
        """The candidates of an expression at the top of an edge, of an `ops`, or given to a cell."""
        faults = self.checker.faults
        before = len(faults)
        self._unsound = False
        found: dict[int, Option] = {}
        for option in self._flat(expr, scope):
            first = found.setdefault(option.key, option)
            if first is not option:
                faults.append(_offered_twice(option, first))
        return Offer(tuple(found.values()), len(faults) == before and not self._unsound)

    def _spread(self, expr: Expr) -> Iterator[Expr]:
        """What an expression with choices among the arguments of its calls offers; nothing, with E0310, if too many."""
        count = _ways(expr, False)
        if count > MAX_SPREAD:
            self.checker.report(too_large(expr.span, "candidates", count, MAX_SPREAD))
            return
        yield from _spread(expr, False)

    def _flat(self, expr: Expr, scope: Scope) -> Iterator[Option]:
        if isinstance(expr, Choice):
            for option in expr.options:
                yield from self._flat(option, scope)
            return
        if offers_in_arguments(expr):
            for each in self._spread(expr):
                yield from self._flat(each, scope)
            return
        name = expr if isinstance(expr, Name) else expr.function if isinstance(expr, Call) else None
        if isinstance(expr, Name) and expr.id in scope.locals:
            self.checker.report(use(scope.locals[expr.id], expr, ExprKind.OPERATION))
            yield Option(
                Candidate(expr.id, expr, expr.span), expr.span, self.identities.of(expr), is_open=True
            )
        elif name is not None and isinstance(declared := self.checker.symbols.find(name), OpsDecl):
            if isinstance(expr, Call):
                binding = bind(Signature(name.id, (), declared.name.span), expr)
                self.checker.faults += binding.faults
            offer = self.choices.get(name.id, Offer((), False))
            self._unsound = self._unsound or not offer.sound
            yield from (replace(option, at=name.span) for option in offer.options)
        elif name is not None and name.id == "none" and not (isinstance(expr, Call) and expr.arguments):
            lone = Name("none", span=name.span)
            yield Option(Candidate("none", lone, expr.span), expr.span, self.identities.of(lone))
        elif self.checker.check(expr, ExprKind.OPERATION, scope):
            self._unsound = self._unsound or (name is not None and name.id in self.faulty)
            yield Option(Candidate(print_expr(expr), expr, expr.span), expr.span, self.identities.of(expr))


def offers_in_arguments(expr: Expr) -> bool:
    """Whether a choice stands among the arguments of a call, at any depth (darts 2): each is a candidate more."""
    return expr.span.source.version > 1 and _ways(expr, False) > 1


def _ways(expr: Expr, within: bool) -> int:
    """How many candidates an expression stands for; `within` says that it is an argument of a call."""
    match expr:
        case Choice(options) if within:
            return sum(_ways(option, True) for option in options)
        case Call(_, arguments):
            return prod(_ways(argument.value, True) for argument in arguments)
        case Chain(steps):
            return prod(_ways(step, within) for step in steps)
        case Binary(_, left, right):
            return _ways(left, within) * _ways(right, within)
    return 1


def _spread(expr: Expr, within: bool) -> Iterator[Expr]:
    """The candidates that an expression stands for, the last written choice running fastest."""
    match expr:
        case Choice(options) if within:
            for option in options:
                yield from _spread(option, True)
        case Call(_, arguments):
            for values in product(*(tuple(_spread(argument.value, True)) for argument in arguments)):
                pairs = zip(arguments, values, strict=True)
                yield replace(expr, arguments=tuple(replace(each, value=value) for each, value in pairs))
        case Chain(steps):
            for parts in product(*(tuple(_spread(step, within)) for step in steps)):
                yield replace(expr, steps=parts)
        case Binary(_, left, right):
            for one, other in product(tuple(_spread(left, within)), tuple(_spread(right, within))):
                yield replace(expr, left=one, right=other)
        case _:
            yield expr


def _offered_twice(option: Option, first: Option) -> Diagnostic:
    return e04.offered_twice(option.at, option.candidate.label, first.at)
