"""Kinds of values, the names in scope where an expression stands, and the faults that tell them apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from dartsl.lang.codes import e04_values
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span
from dartsl.lang.syntax.ast import Expr, Name


class ExprKind(Enum):
    """What an expression stands for; the value reads well after "expected"."""

    OPERATION = "an operation"
    NUMBER = "a number"
    STRING = "a string"
    BOOLEAN = "`true` or `false`"
    LITERAL = "a number, a string, `true` or `false`"  # what an extern op without a default takes
    ANY = "a value"  # not known yet, or of no matter

    def narrowed(self, want: ExprKind) -> ExprKind | None:
        """The kind of something of this kind where `want` is asked for; None if it does not fit."""
        if want is self or want is ExprKind.ANY:
            return self
        if self is ExprKind.ANY:
            return want
        literals = (ExprKind.NUMBER, ExprKind.STRING, ExprKind.BOOLEAN)
        if want is ExprKind.LITERAL and self in literals:
            return self
        return want if self is ExprKind.LITERAL and want in literals else None


@dataclass
class Local:
    """A parameter in the scope of its declaration. Its kind is learned from the first use that tells."""

    name: Name
    kind: ExprKind = ExprKind.ANY
    used: Span | None = None


Place = Literal["op", "edge", "node", "layer", "input", "stem", "head", "stage", "network", "default"]


@dataclass
class Scope:
    """Where an expression stands, which decides the names it may use.

    `C` and `stride` are known where an op's body stands (also an unnamed one: an edge, an input, an
    alternative of a choice). `mix_bn` is the span of a `mix_bn` met so far.
    """

    place: Place
    locals: dict[str, Local] = field(default_factory=dict)
    mix_bn: Span | None = None

    @property
    def is_body(self) -> bool:
        return self.place in ("op", "edge", "node", "layer", "input", "default")

    @property
    def calls_parameters(self) -> bool:
        """Whether a parameter that is an operation may be called, with `out` alone: those of operations."""
        return self.place in ("op", "default")

    @property
    def is_network(self) -> bool:
        return self.place in ("stem", "head", "stage", "network")

    @property
    def takes_mix_bn(self) -> bool:
        return self.place in ("op", "edge", "node", "layer", "default")


def mismatch(expr: Expr, want: ExprKind, is_: str, help: str | None = None) -> Diagnostic:
    """E0402: `is_` says what stands there instead."""
    return e04_values.expected(expr.span, want.value, is_, help)


def use(local: Local, name: Name, want: ExprKind) -> Diagnostic | None:
    """Use a parameter where `want` is asked for: learn its kind, or E0402 if it is used as two."""
    kind = local.kind.narrowed(want)
    if kind is None:
        first = Label(local.name.span, f"declared as {local.kind.value}")
        if local.used is not None:
            first = Label(local.used, f"used as {local.kind.value} here")
        return e04_values.two_kinds(name.span, name.id, local.kind.value, want.value, first)
    if kind is not local.kind or local.used is None:
        local.kind, local.used = kind, name.span
    return None
