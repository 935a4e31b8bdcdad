"""What an edge offers: choices and `ops` flattened to candidates, each checked, none twice (E0404)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dartsl.lang.check.arguments import bind
from dartsl.lang.check.expressions import Checker
from dartsl.lang.check.identity import Identities
from dartsl.lang.check.kinds import ExprKind, Scope, use
from dartsl.lang.check.model import Candidate
from dartsl.lang.check.signatures import Signature
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span
from dartsl.lang.syntax.ast import Call, Choice, Expr, Name, OpsDecl
from dartsl.lang.syntax.printer import print_expr


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

    def _flat(self, expr: Expr, scope: Scope) -> Iterator[Option]:
        if isinstance(expr, Choice):
            for option in expr.options:
                yield from self._flat(option, scope)
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


def _offered_twice(option: Option, first: Option) -> Diagnostic:
    return Diagnostic(
        "E0404",
        f"`{option.candidate.label}` is offered twice",
        Label(option.at, "again here"),
        (Label(first.at, "already offered here"),),
        "remove one of them",
    )
