"""The faults of arguments and of values: E0401, E0402, E0405, and E0503 for a width."""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span

# ------------------------------------------------------------ E0401: the arguments of a call


def bad_scan_argument(argument: Span, help: str) -> Diagnostic:
    """E0401 for an argument that a `scan` does not have."""
    return Diagnostic(
        "E0401", "this argument does not fit `scan`", Label(argument, "not accepted here"), help=help
    )


def incomplete_scan(span: Span, missing: str, help: str) -> Diagnostic:
    """E0401."""
    return Diagnostic(
        "E0401", f"`scan` needs a value for `{missing}`", Label(span, "it is missing here"), help=help
    )


def input_arguments(span: Span, word: str, takes: str, form: str) -> Diagnostic:
    """E0401 for the arguments of a network's input; `takes` is, for example, "3 arguments, not 2"."""
    return Diagnostic("E0401", f"`{word}` takes {takes}", Label(span, f"write {form}"))


def after_named(argument: Span) -> Diagnostic:
    """E0401 for an argument by place after one by name."""
    label = Label(argument, "name it, or move it before the named ones")
    return Diagnostic("E0401", "a positional argument follows a named one", label)


def no_parameter(argument: Span, operation: str, name: str, declared: Label, help: str | None) -> Diagnostic:
    """E0401 for an argument with a name that no parameter has."""
    title = f"`{operation}` has no argument `{name}`"
    return Diagnostic("E0401", title, Label(argument, "no parameter has this name"), (declared,), help)


def given_twice(again: Span, name: str, first: Span) -> Diagnostic:
    """E0401."""
    before = (Label(first, "first given here"),)
    return Diagnostic(
        "E0401", f"`{name}` is given twice", Label(again, "given again here"), before, "remove one of them"
    )


def too_many(extra: Sequence[Span], operation: str, accepted: str, declared: Label, help: str) -> Diagnostic:
    """E0401; `accepted` is what the operation takes, for example "2 arguments, not 3"."""
    label = Label(extra[0], "one too many" if len(extra) == 1 else f"{len(extra)} too many")
    return Diagnostic("E0401", f"`{operation}` takes {accepted}", label, (declared,), help)


def missing(call: Span, operation: str, names: Sequence[str], label: str, declared: Label) -> Diagnostic:
    """E0401 for parameters without a default that a call leaves out."""
    wanted = " and ".join(f"`{name}`" for name in names)
    title = f"`{operation}` needs {'a value' if len(names) == 1 else 'values'} for {wanted}"
    return Diagnostic("E0401", title, Label(call, label), (declared,))


def empty_merge(span: Span, merge: str) -> Diagnostic:
    """E0401 for a merge in an operation that merges nothing."""
    label = Label(span, f"write `{merge}(a, b)`")
    return Diagnostic("E0401", f"`{merge}` needs the operations that it merges", label)


def named_branch(argument: Span, merge: str) -> Diagnostic:
    """E0401 for a name before an operation that a merge merges."""
    return Diagnostic(
        "E0401", f"`{merge}` takes no named arguments", Label(argument, "its operations have no names")
    )


# ------------------------------------------------------------ E0402: what kind of value


def expected(span: Span, what: str, label: str, help: str | None = None, *others: Label) -> Diagnostic:
    """E0402: something else stands where `what` is expected; the label says what it is."""
    return Diagnostic("E0402", f"expected {what}", Label(span, label), others, help)


def two_kinds(span: Span, name: str, first: str, second: str, used: Label) -> Diagnostic:
    """E0402 for a parameter that is used as two kinds of values."""
    title = f"`{name}` is used as {first} and as {second}"
    return Diagnostic("E0402", title, Label(span, f"expected {second}"), (used,))


def not_callable(call: Span, name: str, what: str) -> Diagnostic:
    """E0402 for arguments given to something that takes none."""
    return Diagnostic(
        "E0402", f"`{name}` cannot be called", Label(call, f"`{name}` is {what}, and takes no arguments")
    )


def must_be(span: Span, what: str, kind: str, is_: str, *others: Label) -> Diagnostic:
    """E0402: `what`, such as a parameter, must be a value of another kind than it is."""
    return Diagnostic("E0402", f"{what} must be {kind}", Label(span, f"this is {is_}"), others)


def missing_arm(subject: Span, arm: str, help: str) -> Diagnostic:
    """E0402 for an arm that a `match shape` lacks."""
    return Diagnostic(
        "E0402", "`match shape` has two arms", Label(subject, f"it has no arm `{arm}`"), help=help
    )


# ------------------------------------------------------------ E0405, E0503: which values


def bad_value(
    code: str,
    place: Span,
    operation: str,
    parameter: str,
    value: str,
    label: str,
    help: str | None,
    *others: Label,
) -> Diagnostic:
    """E0405, or another code by the kind of the parameter: a value that an operation cannot take."""
    title = f"`{operation}` cannot have {parameter} = {value}"
    return Diagnostic(code, title, Label(place, label), others, help)


def bad_width(place: Span, width: str, needed: str, *others: Label) -> Diagnostic:
    """E0503."""
    return Diagnostic("E0503", f"a width cannot be {width}", Label(place, f"this must be {needed}"), others)


def out_of_range(literal: Span, number: str, label: str) -> Diagnostic:
    """E0405 for a number whose exponent is out of reach."""
    return Diagnostic("E0405", f"the number {number} is out of range", Label(literal, label))


def too_long(span: Span) -> Diagnostic:
    """E0405 for a result that is too large to be worked out."""
    return Diagnostic("E0405", "this number is out of range", Label(span, "too long to be worked out"))


def bad_count(span: Span, what: str) -> Diagnostic:
    """E0405 for a repetition or a stride (`what` is done so often) by no whole number."""
    return Diagnostic("E0405", f"cannot {what}", Label(span, "this must be a whole number from 1"))


def not_whole(span: Span, what: str, value: str, low: int, *others: Label) -> Diagnostic:
    """E0405 for a count or a stride that is no whole number from `low`."""
    label = Label(span, f"this must be a whole number from {low}")
    return Diagnostic("E0405", f"{what} cannot be {value}", label, others)


def by_zero(span: Span) -> Diagnostic:
    """E0405."""
    return Diagnostic("E0405", "division by zero", Label(span, "this is 0"))


def no_stride(arm: Span) -> Diagnostic:
    """E0405 for an arm of `match stride` for stride 0."""
    return Diagnostic("E0405", "no operation has stride 0", Label(arm, "a stride is a whole number from 1"))
