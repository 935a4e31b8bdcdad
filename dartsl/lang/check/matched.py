"""The arguments of a call, matched with the names of parameters.

The check reports what does not fit, and the plan takes what does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dartsl.lang.syntax.ast import Argument, Call, Name

# What every operation takes by name from version 2 on, also where it declares no such parameter.
WIDTH = "out"

Reason = Literal["after named", "too many", "unknown", "twice"]


@dataclass(frozen=True)
class Matched:
    """The argument of each parameter that has one, in the order written, and those that fit none, with the reason."""

    given: Mapping[str, Argument]
    misfits: tuple[tuple[Argument, Reason], ...]


def matched(names: Sequence[str], expr: Name | Call, *, width: bool = False) -> Matched:
    """Match the arguments of a call, or of a bare name, with parameters: by place until one is named, then by name.

    With `width`, one named `out` fits without a parameter of that name.
    """
    given: dict[str, Argument] = {}
    misfits: list[tuple[Argument, Reason]] = []
    named = False
    for place, argument in enumerate(expr.arguments if isinstance(expr, Call) else ()):
        named = named or argument.name is not None
        if argument.name is None and named:
            misfits.append((argument, "after named"))
        elif argument.name is None and place >= len(names):
            misfits.append((argument, "too many"))
        else:
            name = argument.name.id if argument.name else names[place]
            if name not in names and not (width and name == WIDTH):
                misfits.append((argument, "unknown"))
            elif name in given:
                misfits.append((argument, "twice"))
            else:
                given[name] = argument
    return Matched(given, tuple(misfits))
