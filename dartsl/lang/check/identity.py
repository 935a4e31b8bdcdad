"""When two expressions are the same operation with the same arguments (E0404)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable

from dartsl.lang.check.constants import fold, number
from dartsl.lang.check.matched import matched
from dartsl.lang.syntax.ast import (
    Binary,
    Boolean,
    Call,
    Chain,
    Choice,
    Expr,
    Match,
    Name,
    Number,
    Parameter,
    Range,
    String,
)


class Identities:
    """Gives expressions a number that they share exactly when they are the same operation.

    Arguments are filled in and constants computed, so `f(3)`, `f(k = 3)` and `f(k = 1 + 2)` are the same; two
    operations with different names never are. An operation must be declared before expressions that call it.
    """

    def __init__(self) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._parameters: dict[str, tuple[tuple[str, int | None], ...]] = {}

    def declare(self, name: str, parameters: Iterable[Parameter]) -> None:
        """Take note of an operation's parameters and their defaults."""
        self._parameters[name] = tuple(
            (p.name.id, None if p.default is None else self.of(p.default)) for p in parameters
        )

    def of(self, expr: Expr) -> int:
        """The number of an expression that was checked to be sound."""
        value = fold(expr)
        return self._intern(self._key(expr) if value is None else value)

    def _intern(self, key: Hashable) -> int:
        return self._numbers.setdefault(key, len(self._numbers))

    def _key(self, expr: Expr) -> Hashable:
        match expr:
            case Name(id):
                return ("call", id, self._filled(id, expr))
            case Call(function):
                return ("call", function.id, self._filled(function.id, expr))
            case Boolean(flag):
                return ("boolean", flag)
            case String(text):
                return ("string", text)
            case Number(lexeme):
                return ("number", lexeme)
            case Range(first, last):
                return ("range", first.id, last.id)
            case Binary(operator, left, right):
                return (operator, self.of(left), self.of(right))
            case Match(_, arms):
                return ("match", tuple((self._of_arm(arm.value), self.of(arm.body)) for arm in arms))
            case Chain(steps):
                return ("chain", *(self.of(step) for step in flat(steps)))
            case Choice(options):
                return ("choice", *(self.of(option) for option in options))

    def _of_arm(self, value: Number | Name) -> Hashable:
        return number(value) if isinstance(value, Number) else value.id

    def _filled(self, function: str, expr: Name | Call) -> Hashable:
        parameters = self._parameters.get(function)
        if parameters is None:
            arguments = expr.arguments if isinstance(expr, Call) else ()
            return tuple((a.name.id if a.name else None, self.of(a.value)) for a in arguments)
        given = matched([name for name, _ in parameters], expr, width=True).given
        return tuple(
            {**dict(parameters), **{name: self.of(each.value) for name, each in given.items()}}.items()
        )


def flat(steps: tuple[Expr, ...]) -> list[Expr]:
    """The steps of a chain whose steps may be chains."""
    return [inner for step in steps for inner in (flat(step.steps) if isinstance(step, Chain) else [step])]
