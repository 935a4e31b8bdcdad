"""Texts for what stands where it may not: choices, `none`, `mix_bn`, `C`, `stride`, `/`, builtins, cells."""

from __future__ import annotations

from dataclasses import replace

from dartsl.lang.check.kinds import ExprKind, Scope, mismatch
from dartsl.lang.check.resolve import meaning
from dartsl.lang.codes import e02, e04, e04_values, e06
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span
from dartsl.lang.codes.suggestions import close
from dartsl.lang.records.record import MERGES
from dartsl.lang.syntax import foreign
from dartsl.lang.syntax.ast import Argument, Binary, Call, Chain, Choice, Expr, Match, Name, OpDecl, OpsDecl
from dartsl.lang.syntax.printer import print_expr

CELL_HELP = "cells are layers of a `stage`; they can be operations from `darts 2` on"
CHOICE_HELP = (
    "offer whole operations on the edge, `a > b | a > c`; choices inside one are reserved for a later version"
)

# From version 2 on:
OFFERED = "all that an edge, a node, a layer or an `ops` offers"
WHOLE_HELP = "offer whole operations, `a > b | a > c`"
OP_HELP = "give the op a parameter, and choose where it is used: `f(a | b)`"
END_HELP = "inputs, stems and heads are not searched: offer the choice on an edge, or in a layer"

RECURRENT = {
    "highway": "in a recurrent cell, a node merges its two inputs: `node s0 : highway`",
    "scan": 'it is a layer of a stage: `stage scan(cell, carry = "h") width H`',
    "tokens": "it is the input of a network: `input tokens(35)`",
}

PLACES = {
    "op": "in the body of an op",
    "edge": "inside an operation of an edge",
    "node": "inside an operation of a node",
    "layer": "inside an operation of a layer",
    "input": "on an input",
    "stem": "in a stem",
    "head": "in a head",
    "stage": "in a stage",
    "network": "in a network",
    "default": "in a default",
}


def choice(expr: Choice, scope: Scope) -> Diagnostic:
    """E0406 for `a | b` that is not at the top of an edge or in `ops` (darts 2: nor an argument of a call there)."""
    label, help = "a choice is allowed only at the top of an edge's operation and in `ops`", CHOICE_HELP
    if expr.span.source.version > 1:
        label = f"a choice is {OFFERED}, or an argument of a call there"
        help = _advice(scope) or WHOLE_HELP
    if scope.is_network:
        help = f"to chain operations, write `{' > '.join(print_expr(option) for option in expr.options)}`"
    return e04.choice_at(expr.span, _inside(expr, scope), label, help)


def choice_of_values(expr: Choice, scope: Scope) -> Diagnostic:
    """E0406 for a choice of numbers or of words that is not among the arguments of what is offered (darts 2)."""
    label = "values are chosen among the arguments of calls that an edge, a node, a layer or an `ops` offers"
    options = " or ".join(f"`{print_expr(option)}`" for option in expr.options)
    return e04.choice_at(expr.span, _inside(expr, scope), label, f"write one of them, {options}")


def choice_as_op(declaration: OpDecl, expr: Choice) -> Diagnostic:
    """E0406 for an `op` that is a choice and nothing else."""
    return e04.choice_as_op(expr.span, declaration.name.id)


def ops(name: Name, declaration: OpsDecl, scope: Scope) -> Diagnostic:
    """E0406 for the name of an `ops` that is not at the top of an edge or in `ops`."""
    label = f"`{name.id}` is a choice, which is allowed only at the top of an edge's operation and in `ops`"
    help = CHOICE_HELP
    if name.span.source.version > 1:
        label = f"`{name.id}` is a choice: it may be {OFFERED}"
        argument = f"{WHOLE_HELP}, or write the choice as an argument of a call: `f(a | b)`"
        help = _advice(scope) or argument
    declared = Label(declaration.name.span, "declared here")
    return e04.choice_at(name.span, _inside(name, scope), label, help, declared)


def _advice(scope: Scope) -> str | None:
    """What to do with a choice where none can be (darts 2)."""
    if scope.place in ("input", "stem", "head"):
        return END_HELP
    return OP_HELP if scope.place in ("op", "default") else None


def _inside(expr: Expr, scope: Scope) -> str:
    """Where a choice stands that cannot: from version 2 on a layer may be one."""
    layer = scope.place == "stage" and expr.span.source.version > 1
    return PLACES["layer" if layer else scope.place]


def none(name: Name, scope: Scope) -> Diagnostic:
    """E0407 for `none` that is not a candidate of its own."""
    offered = scope.place in ("edge", "node", "layer")
    where = "be part of an operation" if offered else f"be used {PLACES[scope.place]}"
    strides = "" if scope.place == "node" else f": it takes the stride of its {scope.place} by itself"
    alone = "as an option of an edge into a `sum`"
    if scope.place in ("node", "layer"):
        alone = "as an alternative of its own"
    help = f"write `none` alone{strides}" if offered else None
    return e04.none_at(name.span, where, f"`none` is allowed only {alone}", help)


def mix_bn(expr: Name | Call, found: Span, scope: Scope) -> Diagnostic:
    """E0408 for `mix_bn`, or an op that holds one, outside an edge's operation."""
    if found is expr.span:
        return e04.mix_bn_at(expr.span, PLACES[scope.place])
    function = expr.id if isinstance(expr, Name) else expr.function.id
    return e04.mix_bn_in(expr.span, function, PLACES[scope.place], found)


def width_or_stride(name: Name, scope: Scope) -> Diagnostic:
    """E0409 for `C` or `stride` where nobody asks for one."""
    if name.id == "C":
        help = "give the network a parameter, `network name(C = 16)`, or write a number"
        label = "in a network, `C` is a parameter; this network does not have it"
    elif name.id == "Cin":
        help = "write a number, or a parameter of the network"
        label = "only the body of an operation, an edge or an input has a width that reaches it"
    elif name.id == "shape":
        help = "write what the layer is"
        label = "only the body of an operation, an edge or an input keeps or changes its shape"
    else:
        help = "write a number"
        label = "only the body of an operation, an edge or an input has a `stride`"
    return e04.unasked(name.span, name.id, PLACES[scope.place], label, help, _group(name, scope))


def builtin(name: Name, want: ExprKind, scope: Scope) -> Diagnostic:
    """A reserved name where an expression stands."""
    if name.id == "scan" and scope.place == "layer":
        return replace(
            recurrent(name), help="a `scan` is a layer by itself: the edges of its cell offer choices"
        )
    if name.id in RECURRENT:
        return recurrent(name)
    if name.id in MERGES and ExprKind.OPERATION.narrowed(want) is not None:
        return e04_values.empty_merge(name.span, name.id)
    return mismatch(name, want, f"`{name.id}` is {meaning(name)}")


def recurrent(name: Name) -> Diagnostic:
    """E0607 for a part of recurrent cells at a wrong place."""
    return e06.misplaced(name.span, name.id, str(meaning(name)), RECURRENT[name.id])


def call_of_value(call: Call, what: str) -> Diagnostic:
    """E0402 for arguments given to something that takes none."""
    return e04_values.not_callable(call.span, call.function.id, what)


def empty_merge(call: Call) -> Diagnostic:
    return e04_values.empty_merge(call.span, call.function.id)


def named_branch(call: Call, argument: Argument) -> Diagnostic:
    return e04_values.named_branch(argument.span, call.function.id)


def unknown_value(name: Name, scope: Scope) -> Diagnostic:
    """E0201 where a number, string or boolean is asked for."""
    known = list(dict.fromkeys([*scope.locals, *(("C", "stride") if scope.is_body else ())]))
    near = close(name.id, known)
    label = "no parameter here has that name" if scope.locals else "nothing here has that name"
    help = f"did you mean `{near}`?" if near else None
    if help is None and known:
        help = "known here: " + ", ".join(f"`{k}`" for k in known)
        help += f"; add `{name.id} = 1` to give the network another" if scope.is_network else ""
    elif help is None and scope.is_network:
        help = f"give the network a parameter: `network name({name.id} = 1)`"
    if (literal := foreign.literal(name.id)) is not None:
        help = f"write `{literal}`"
    elif name.id == "Cin" and scope.is_body:  # in `darts 2` it is reserved, and never unknown
        help = "`Cin` needs `darts 2` at the top of the file"
    return e02.unknown(name.span, "name", name.id, label, help, _group(name, scope))


def _group(name: Name, scope: Scope) -> str:
    """The mistake that an unknown name of a network is part of: one for all in a network without parameters."""
    if not scope.is_network or name.id == "stride":
        return ""
    return f"parameter {name.id if scope.locals else ''} {id(scope.locals)}"


def subject(expr: Match) -> Diagnostic:
    later = expr.subject.span.source.version > 1
    label = f"only `stride` {'and `shape` ' if later else ''}can be matched"
    what = "`stride` or `shape`" if later else "`stride`"
    return e04_values.expected(expr.subject.span, what, label, "write `match stride { 1 => ..., 2 => ... }`")


def arithmetic(expr: Binary, *, turned: bool) -> Diagnostic:
    """E0402 for numbers where an operation is asked for; `turned` for `n * op`."""
    if turned:
        help = "a repetition is written `operation*times`"
        return mismatch(expr.left, ExprKind.OPERATION, "this is a number", help)
    if expr.operator in "+-":
        return mismatch(
            expr, ExprKind.OPERATION, f"`{expr.operator}` is arithmetic on numbers", _sum_help(expr)
        )
    return mismatch(expr, ExprKind.OPERATION, "this is a number")


def _sum_help(expr: Binary) -> str:
    left, right = print_expr(expr.left), print_expr(expr.right)
    if expr.operator == "-" and isinstance(expr.left, Name) and isinstance(expr.right, Name):
        return f"names are written with `_`: `{left}_{right}`"
    return f"results are added by `sum({left}, {right})`; operations are chained by `>`"


def stride(expr: Binary, is_ops: bool) -> Diagnostic | None:
    """E0410 for a `/` after something that it does not apply to; None where it may stand."""
    what = _strideless(expr.left, is_ops)
    if what is None:
        return None
    help = "write the stride after the step that strides" if isinstance(expr.left, Chain) else None
    if is_ops or isinstance(expr.left, Choice):
        help = "write the stride after each of the operations"
    if isinstance(expr.left, Binary):
        return e04.second_stride(expr.span, help)
    return e04.strideless(expr.span, what, help)


def _strideless(expr: Expr, is_ops: bool) -> str | None:
    match expr:
        case Chain():
            return "a chain"
        case Choice():
            return "a choice"
        case Match():
            return "a `match`"
        case Binary(operator="/"):
            return "a stride"
        case Call(function) if function.id in MERGES:
            return f"a `{function.id}`"
    return "a choice" if is_ops else None
