"""Signatures of operations and of cells with parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from dartsl.lang.check.kinds import ExprKind
from dartsl.lang.check.matched import WIDTH
from dartsl.lang.codes.source import Span
from dartsl.lang.records.primitives import PRIMITIVES
from dartsl.lang.syntax.ast import Expr, Parameter
from dartsl.lang.syntax.printer import print_expr

SAMPLES = {ExprKind.NUMBER: "3", ExprKind.OPERATION: "relu", ExprKind.STRING: '""', ExprKind.BOOLEAN: "true"}


@dataclass(frozen=True)
class Signature:
    """What can be called: an operation, or a cell with parameters.

    `kinds` has the kind of every parameter as far as its uses tell; `mix_bn` is where the operation's body
    holds a `mix_bn`, its own or of an operation that it calls. `width` says that a call may say the width of
    the body by `out`, whatever the parameters are.
    """

    name: str
    parameters: tuple[Parameter, ...]
    span: Span
    kinds: Mapping[str, ExprKind] = field(default_factory=dict)
    builtin: bool = False
    mix_bn: Span | None = None
    width: bool = False

    def at(self, version: int) -> Signature:
        """What a file of a version may call: later ones add parameters to primitives, and `out` to all operations."""
        if not self.builtin:
            return self if version == 1 else replace(self, width=True)
        known = {each.name for each in PRIMITIVES[self.name].signature if each.since <= version}
        parameters = tuple(p for p in self.parameters if p.name.id in known)
        return replace(self, parameters=parameters, width=version > 1)

    def since(self, parameter: str) -> int:
        """The version from which on a primitive has a parameter; 1 for what no version has."""
        theirs = PRIMITIVES[self.name].signature if self.builtin else ()
        return next((each.since for each in theirs if each.name == parameter), 1)

    @property
    def required(self) -> tuple[Parameter, ...]:
        return tuple(p for p in self.parameters if p.default is None)

    def kind(self, parameter: str) -> ExprKind:
        unknown = ExprKind.NUMBER if self.width and parameter == WIDTH else ExprKind.ANY
        return self.kinds.get(parameter, unknown)

    def sample(self) -> str:
        """A call that would be accepted."""
        return (
            f"{self.name}({', '.join(SAMPLES.get(self.kind(p.name.id), p.name.id) for p in self.required)})"
        )

    def __str__(self) -> str:
        if not self.parameters:
            return self.name
        return f"{self.name}({', '.join(_parameter(p) for p in self.parameters)})"


def _parameter(parameter: Parameter) -> str:
    name = parameter.name.id
    return name if parameter.default is None else f"{name} = {print_expr(parameter.default)}"


def defaults(parameters: Iterable[Parameter]) -> dict[str, Expr]:
    """The parameters that have a default, with it."""
    return {p.name.id: p.default for p in parameters if p.default is not None}
