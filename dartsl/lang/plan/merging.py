"""Merges inside an op: what their branches must agree on, and what they give (language rule 3)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dartsl.lang.codes import e05
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.records.record import MERGES
from dartsl.lang.records.tensors import Pair, Tensor
from dartsl.lang.records.widths import Width, channels
from dartsl.lang.syntax.ast import Call

Branch = tuple[Tensor, Pair | None, bool]  # what it gives, its stride, whether no fault was found in it


@dataclass(frozen=True)
class Merged:
    """What a merge gives; `output` is None when it has no branch."""

    output: Tensor | None
    stride: Pair | None
    faults: tuple[Diagnostic, ...]


def merge_branches(expr: Call, branches: Sequence[Branch]) -> Merged:
    """The outcome of a merge in an op. A 1x1 branch broadcasts; all others have the same size and stride."""
    kind = expr.function.id
    faults = [*_arity(expr, kind), *_widths(expr, kind, branches), *_sizes(expr, kind, branches)]
    if not branches:
        return Merged(None, (1, 1), tuple(faults))
    tensor, stride, _ = _leading(branches)
    width = merged_width(kind, [branch[0].width for branch in branches])
    return Merged(tensor.to(width), stride, tuple(faults))


def merged_width(kind: str, widths: Sequence[Width]) -> Width:
    """The width of a merge: what its inputs have together for `concat`, what the first has for the others."""
    total = widths[0]
    if MERGES[kind].joins:
        for width in widths[1:]:
            total = total + width
    return total


def arity_fault(kind: str, count: int, label: Label, secondary: tuple[Label, ...] = ()) -> Diagnostic | None:
    """E0505 where a merge cannot take `count` inputs."""
    needed = MERGES[kind].inputs
    if count and needed in (None, count):
        return None
    wanted = "at least 1 input" if needed is None else f"{needed} inputs"
    help = {
        "lerp": "lerp(x, y, t) is x + t * (y - x)",
        "highway": "highway merges the element and the carry",
    }.get(kind)
    return e05.arity(kind, wanted, count, label, secondary, help)


def _arity(expr: Call, kind: str) -> Iterator[Diagnostic]:
    fault = arity_fault(kind, len(expr.arguments), Label(expr.span, f"this one has {len(expr.arguments)}"))
    if fault is not None:
        yield fault


def _leading(branches: Sequence[Branch]) -> Branch:
    """The branch that the others are held against: the first sound one that does not broadcast."""

    def rank(branch: Branch) -> tuple[bool, bool, bool]:
        return (not branch[2], branch[0].is_point, branch[1] is None)

    return min(branches, key=rank)


def _widths(expr: Call, kind: str, branches: Sequence[Branch]) -> Iterator[Diagnostic]:
    sound = [(a.value, b[0].width) for a, b in zip(expr.arguments, branches, strict=True) if b[2]]
    if MERGES[kind].joins or not sound:
        return
    first, width = sound[0]
    for value, other in sound[1:]:
        if other != width:
            one = Label(value.span, f"this one gives {channels(other)}")
            against = Label(first.span, f"this one gives {channels(width)}")
            yield e05.unlike_widths(f"the branches of `{kind}`", one, against)


def _sizes(expr: Call, kind: str, branches: Sequence[Branch]) -> Iterator[Diagnostic]:
    if not branches:
        return
    lead = _leading(branches)
    at = next(a.value.span for a, b in zip(expr.arguments, branches, strict=True) if b is lead)
    for argument, (tensor, stride, ok) in zip(expr.arguments, branches, strict=True):
        if not ok or (tensor.is_point and lead[0].is_map):
            continue
        if tensor.size != lead[0].size or (None not in (stride, lead[1]) and stride != lead[1]):
            one = Label(argument.value.span, f"this one gives {_size(tensor, stride)}")
            yield e05.unlike_sizes(kind, one, Label(at, f"this one gives {_size(lead[0], lead[1])}"))


def _size(tensor: Tensor, stride: Pair | None) -> str:
    text = tensor.size_text()
    if stride is None or stride == (1, 1):
        return text
    return f"{text}, by a stride of {stride[0] if stride[0] == stride[1] else f'{stride[0]}x{stride[1]}'}"
