"""Lists of node names: ranges (rule 6) and what they name in a cell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby

from dartsl.lang.codes import e02
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.limits import MAX_NODES, Budget, TooLargeError, too_large
from dartsl.lang.codes.source import Span
from dartsl.lang.codes.suggestions import close
from dartsl.lang.records.record import MERGES
from dartsl.lang.syntax import foreign
from dartsl.lang.syntax.ast import Name, Range

_NUMBERED = re.compile(r"(.*?)([0-9]+)")
_MAX_DIGITS = 9


@dataclass(frozen=True)
class Member:
    """One name of a list, with the piece of syntax that names it; `listed` is False where that is a range."""

    id: str
    span: Span
    listed: bool


def expand(
    names: tuple[Name | Range, ...], budget: Budget, limit: int = MAX_NODES
) -> list[Member] | Diagnostic:
    """The names of a list in order, `n0..n3` standing for n0 n1 n2 n3; or E0206.

    They are counted before they are written out. Raises TooLargeError above `limit` names.
    """
    members: list[Member] = []
    for name in names:
        if isinstance(name, Name):
            members.append(Member(name.id, name.span, True))
            continue
        bounds = _bounds(name)
        if isinstance(bounds, Diagnostic):
            return bounds
        prefix, first, last, width = bounds
        if len(members) + last - first + 1 > limit:
            raise TooLargeError(too_large(name.span, "nodes", len(members) + last - first + 1, limit))
        budget.take_names(last - first + 1, name.span)
        members += (Member(f"{prefix}{i:0{width}}", name.span, False) for i in range(first, last + 1))
    return members


def as_written(members: Iterable[Member], order: Mapping[str, int]) -> list[Member]:
    """A list in the order that it means: as it is written, where a range stands for its names by `order`, in which
    they are declared."""
    runs = groupby(members, key=lambda member: member.span)
    return [member for _, run in runs for member in sorted(run, key=lambda member: order[member.id])]


def _bounds(name: Range) -> tuple[str, int, int, int] | Diagnostic:
    """The prefix of a range, its first and last number, and the digits of each (0: as many as it takes)."""
    low, high = _NUMBERED.fullmatch(name.first.id), _NUMBERED.fullmatch(name.last.id)
    for end, matched in ((name.first, low), (name.last, high)):
        if matched is None:
            help = f"name them one by one, such as `{name.first.id}, {name.last.id}`; a range is `n0..n3`"
            return _bad(name, f"`{end.id}` does not end in a number", help)
    assert low is not None
    assert high is not None
    if low[1] != high[1]:
        return _bad(name, f"`{low[1]}` and `{high[1]}` differ")
    if max(len(low[2]), len(high[2])) > _MAX_DIGITS:
        return _bad(name, "these numbers are too long")
    padded = any(len(m[2]) > 1 and m[2].startswith("0") for m in (low, high))
    if padded and len(low[2]) != len(high[2]):
        return _bad(name, "numbers that start with 0 must be equally long")
    if int(low[2]) > int(high[2]):
        help = f"a range counts up: `{name.last.id}..{name.first.id}`"
        return _bad(name, f"{int(low[2])} is above {int(high[2])}", help)
    return low[1], int(low[2]), int(high[2]), len(low[2]) if padded else 0


def _bad(name: Range, label: str, help: str | None = None) -> Diagnostic:
    return e02.no_range(name.span, name.first.id, name.last.id, label, help)


def unknown_member(member: Member, declared: list[str], later: Span | None, cell: str) -> Diagnostic:
    """E0201 for a name that is no input or node of the cell above the place that names it; `declared` are those
    that may be meant."""
    if later is not None:
        return e02.declared_below(member.span, member.id, later, cell)
    near = close(member.id, declared)
    if member.id in MERGES:
        help = f"a merge names the nodes that it merges: `{member.id}({', '.join(declared[:2]) or 'a, b'})`"
    elif foreign.means_all(member.id):
        help = "`all` stands for all inputs and earlier nodes"
    elif near:
        help = f"did you mean `{near}`?"
    elif declared:
        shown = ", ".join(f"`{name}`" for name in declared[:8])
        help = f"this cell has {shown}" + (f" and {len(declared) - 8} more" if len(declared) > 8 else "")
    else:
        help = f"this cell declares no node: add `node {member.id} : sum` above its edges"
    label = "no input or node of this cell has that name"
    group = f"{cell} {member.id if declared else ''}"
    return e02.unknown(member.span, "node", member.id, label, help, group)
