"""How a node or an output merges (rules 7, 10, 11): `sum`, `sum > mix_bn`, `concat(n0..n3)`."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dartsl.lang.check.members import Member, expand
from dartsl.lang.check.misplaced import recurrent
from dartsl.lang.codes import e03
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.limits import Budget
from dartsl.lang.codes.source import Span
from dartsl.lang.codes.suggestions import close
from dartsl.lang.records.record import MERGES
from dartsl.lang.syntax import foreign
from dartsl.lang.syntax.ast import Binary, Call, Chain, Choice, Expr, Name, NodeItem, Range, String
from dartsl.lang.syntax.printer import print_expr

SHOWN = "`sum`, `concat`, `mean`, `product`, `lerp` and, in recurrent cells, `highway`"


@dataclass(frozen=True)
class NodeMerge:
    merge: str
    mix_bn: bool
    span: Span  # of the merge's name
    after: Expr | None = None  # the operations after it, a body or a choice (darts 2)


@dataclass(frozen=True)
class OutputForm:
    merge: str | None
    members: tuple[Member, ...]
    mix_bn: bool


def _before_mix_bn(expr: Expr) -> tuple[Expr, bool]:
    """`a > mix_bn` as a and True; anything else as itself and False."""
    if isinstance(expr, Chain) and len(expr.steps) == 2:
        last = expr.steps[1]
        if isinstance(last, Name) and last.id == "mix_bn":
            return expr.steps[0], True
    return expr, False


def _unwanted(chain: Chain) -> Span:
    """Where the steps begin that may not stand after a merge."""
    first = chain.steps[1]
    allowed = isinstance(first, Name) and first.id == "mix_bn" and len(chain.steps) > 2
    return chain.steps[2 if allowed else 1].span.to(chain.steps[-1].span)


def read_merge(item: NodeItem) -> NodeMerge | Diagnostic:
    """The merge of a `node` statement; or E0309."""
    merge, mix_bn = _before_mix_bn(item.merge)
    if isinstance(merge, Name) and merge.id in MERGES:
        return NodeMerge(merge.id, mix_bn, merge.span)
    if isinstance(merge, Chain) and item.span.source.version > 1:
        first, *steps = merge.steps if not mix_bn else item.merge.steps  # type: ignore[union-attr]
        if isinstance(first, Name) and first.id in MERGES:
            return _with_operations(first, steps)
    help = f"the merges are {SHOWN}"
    name = merge if isinstance(merge, Name) else merge.function if isinstance(merge, Call) else None
    meant = None if name is None else _meant(name)
    if isinstance(merge, Name) and meant is not None:
        help = f"write `{meant}`; {help}"
    elif isinstance(merge, String) and merge.value in MERGES:
        help = f"write `{merge.value}`, without quotes"
    elif name is not None:
        help += "; operations belong on edges"
    if isinstance(merge, Chain):
        first = merge.steps[0]
        if isinstance(first, Name) and first.id in MERGES:
            return e03.after_merge(_unwanted(merge))
    if isinstance(merge, Choice) and (whole := _in_brackets(merge)) is not None:
        help = f"write the choice in brackets: `{whole}`"
    if isinstance(merge, Call) and merge.function.id in MERGES:
        return e03.merge_arguments(merge.span, merge.function.id)
    return e03.no_merge(merge.span, help)


def _in_brackets(choice: Choice) -> str | None:
    """A merge and the choice that follows it, where the choice lacks its brackets (darts 2)."""
    first = choice.options[0]
    if choice.span.source.version == 1 or not isinstance(first, Chain):
        return None
    merge, *steps = map(print_expr, first.steps)
    rest = map(print_expr, choice.options[1:])
    return f"{merge} > ({' | '.join([' > '.join(steps), *rest])})" if merge in MERGES else None


def _with_operations(merge: Name, steps: list[Expr]) -> NodeMerge:
    """A merge and what follows it, the `mix_bn` that may stand there first aside."""
    mixes = isinstance(steps[0], Name) and steps[0].id == "mix_bn"
    left = steps[1:] if mixes else steps
    after = left[0] if len(left) == 1 else Chain(tuple(left), span=left[0].span.to(left[-1].span))
    return NodeMerge(merge.id, mixes, merge.span, after)


def _meant(name: Name) -> str | None:
    """The merge that a name was probably meant for."""
    return foreign.merge(name.id) or close(name.id, MERGES, cutoff=0.8)


def read_output(expr: Expr, budget: Budget) -> OutputForm | Diagnostic:
    """A value of an `output` statement; or E0307 (E0206, E0607). Raises TooLargeError."""
    value, mix_bn = _before_mix_bn(expr)
    if isinstance(value, Name) and not mix_bn:
        return OutputForm(None, (Member(value.id, value.span, True),), False)
    help = "write a node, `output n3`, or one merge of nodes, `output concat(n0..n3)`"
    meant = _meant(value.function) if isinstance(value, Call) else None
    if isinstance(value, Call) and meant not in (None, value.function.id):
        help = f"write `output {print_expr(replace(value, function=replace(value.function, id=meant)))}`"
    elif isinstance(value, Range):
        help = f"write `output concat({print_expr(value)})`"
    elif isinstance(value, Binary) and value.operator == "+":
        help = "nodes are added by a merge, `output sum(a, b)`, and joined by `output concat(a, b)`"
    if isinstance(value, Call) and value.function.id in MERGES:
        if value.function.id == "highway":
            return recurrent(value.function)
        names: list[Name | Range] = []
        for argument in value.arguments:
            if argument.name is not None or not isinstance(argument.value, Name | Range):
                return e03.output_of_no_node(argument.span, help)
            names.append(argument.value)
        if not names:
            return e03.output_of_nothing(value.span, value.function.id, help)
        members = expand(tuple(names), budget)
        if isinstance(members, Diagnostic):
            return members
        return OutputForm(value.function.id, tuple(members), mix_bn)
    if not isinstance(value, Chain):
        words = "`mix_bn` may follow a merge only" if mix_bn else "neither a node nor a merge of nodes"
        return e03.bad_output(expr.span, words, help)
    return e03.after_output(_unwanted(value), help)
