"""Signatures of operations and of cells with parameters, and the arguments of a call (E0401)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from dartsl.lang.diagnostics import Diagnostic, Label
from dartsl.lang.kinds import Kind
from dartsl.lang.printer import print_expr
from dartsl.lang.resolve import MAX_SUGGESTIONS, close
from dartsl.lang.source import Span
from dartsl.lang.syntax import Argument, Call, Expr, Name, Parameter

SAMPLES = {Kind.NUMBER: "3", Kind.OPERATION: "relu", Kind.STRING: '""', Kind.BOOLEAN: "true"}


@dataclass(frozen=True)
class Signature:
    """What can be called: an operation, or a cell with parameters.

    `kinds` has the kind of every parameter as far as its uses tell; `mix_bn` is where the operation's body
    holds a `mix_bn`, its own or of an operation that it calls.
    """

    name: str
    parameters: tuple[Parameter, ...]
    span: Span
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    builtin: bool = False
    mix_bn: Span | None = None

    @property
    def required(self) -> tuple[Parameter, ...]:
        return tuple(p for p in self.parameters if p.default is None)

    def kind(self, parameter: str) -> Kind:
        return self.kinds.get(parameter, Kind.ANY)

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


@dataclass(frozen=True)
class Binding:
    """The values that a call gives to parameters (defaults left out) and the faults of its arguments.

    `stray` are arguments that belong to no parameter.
    """

    values: Mapping[str, Expr]
    stray: tuple[Argument, ...]
    faults: tuple[Diagnostic, ...]


def bind(signature: Signature, expr: Name | Call) -> Binding:
    """Match the arguments of a call, or of a bare name, with parameters."""
    arguments = expr.arguments if isinstance(expr, Call) else ()
    declared = (Label(signature.span, f"declared as {signature}"),)
    names = [p.name.id for p in signature.parameters]
    values: dict[str, Expr] = {}
    first: dict[str, Argument] = {}
    stray: list[Argument] = []
    faults: list[Diagnostic] = []
    extra: list[Argument] = []
    named = False
    for position, argument in enumerate(arguments):
        named = named or argument.name is not None
        if argument.name is None and named:
            faults.append(_behind_named(argument))
            stray.append(argument)
        elif argument.name is None and position >= len(names):
            extra.append(argument)
        elif argument.name is not None and argument.name.id not in names:
            seek = names if len(faults) < MAX_SUGGESTIONS else []
            faults.append(_unknown_argument(signature, argument, argument.name, seek, declared))
            stray.append(argument)
        else:
            name = argument.name.id if argument.name else names[position]
            if name in values:
                faults.append(_given_twice(name, argument, first[name]))
                stray.append(argument)
            else:
                values[name], first[name] = argument.value, argument
    if extra:
        faults.append(_too_many(signature, len(arguments), extra, declared))
    missing = [p.name.id for p in signature.required if p.name.id not in values]
    if missing and not faults:
        faults.append(_missing(signature, expr, missing, declared))
    return Binding(values, (*stray, *extra), tuple(faults))


def _behind_named(argument: Argument) -> Diagnostic:
    title = "an argument without a name stands behind a named one"
    return Diagnostic("E0401", title, Label(argument.span, "give it its name, or move it to the front"))


def _unknown_argument(
    signature: Signature, argument: Argument, name: Name, names: list[str], declared: tuple[Label, ...]
) -> Diagnostic:
    near = close(name.id, names)
    return Diagnostic(
        "E0401",
        f"`{signature.name}` has no argument `{name.id}`",
        Label(argument.span),
        declared,
        f"did you mean `{near}`?" if near else None,
    )


def _given_twice(name: str, again: Argument, first: Argument) -> Diagnostic:
    return Diagnostic(
        "E0401",
        f"`{name}` is given twice",
        Label(again.span, "given again here"),
        (Label(first.span, "first given here"),),
    )


def _too_many(
    signature: Signature, given: int, extra: list[Argument], declared: tuple[Label, ...]
) -> Diagnostic:
    takes = len(signature.parameters)
    most = "at most " if len(signature.required) < takes else ""
    accepted = f"{most}{takes} argument{'s' * (takes != 1)}, not {given}" if takes else "no arguments"
    return Diagnostic(
        "E0401",
        f"`{signature.name}` takes {accepted}",
        Label(extra[0].span, "one too many" if len(extra) == 1 else f"{len(extra)} too many"),
        declared,
    )


def _missing(
    signature: Signature, expr: Name | Call, missing: list[str], declared: tuple[Label, ...]
) -> Diagnostic:
    wanted = " and ".join(f"`{name}`" for name in missing)
    bare = not (isinstance(expr, Call) and expr.arguments)
    value = SAMPLES.get(signature.kind(missing[0]), "...")
    label = f"write `{signature.sample()}`" if bare else f"add `{missing[0]} = {value}`"
    values = "a value" if len(missing) == 1 else "values"
    return Diagnostic(
        "E0401", f"`{signature.name}` needs {values} for {wanted}", Label(expr.span, label), declared
    )


def defaults(parameters: Iterable[Parameter]) -> dict[str, Expr]:
    """The parameters that have a default, with it."""
    return {p.name.id: p.default for p in parameters if p.default is not None}
