"""What may help where a step fails: only what the run does not have already."""

from __future__ import annotations

from collections.abc import Iterable

from dartsl.lang.plan.terms import Plan

WIDTHS = ("C", "H")  # what specs call the width of a network


def one_of(options: Iterable[str | None]) -> str:
    """The options that are there, in a list: `a, b, or c`."""
    *before, last = [option for option in options if option is not None]
    if not before:
        return last
    return f"{', '.join(before)}{',' if len(before) > 1 else ''} or {last}"


def finite(options: Iterable[str | None]) -> str:
    """Where a number is not finite: a run goes on with its own settings, so another one is needed."""
    return f"start again with {one_of(options)}"


def clipping(clip: float, usual: float) -> str:
    """A tighter clip; where there is none, DARTS's."""
    return "a lower clip" if clip > 0 else f"--clip {usual:g}"


def of_chance(perplexity: float, symbols: int, what: str) -> list[str]:
    """A warning where a perplexity is above the number of words (or characters), which all being as likely gives."""
    if perplexity <= symbols:
        return []
    return [
        f"warning: a validation perplexity above {symbols:,}, the number of different {what}, is worse than chance: "
        "the learning rate may be too high (a lower --lr)"
    ]


def narrower(plan: Plan) -> str:
    """A network of less width, by the parameter that says it."""
    name = next((name for name in WIDTHS if name in plan.parameters), None)
    return "a narrower network" if name is None else f"a narrower network (--set {name}=...)"
