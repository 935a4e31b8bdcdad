"""Operations that do not give the width asked of them (E0502; into a `concat`, W0502)."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from dartsl.lang.check.constants import names
from dartsl.lang.check.model import CellInput
from dartsl.lang.codes import e05
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.parts import Part
from dartsl.lang.records.widths import Width, channels, shown
from dartsl.lang.syntax.ast import Expr

SHOWN = 4  # of the steps that decide a width


def means_its_width(part: Part) -> bool:
    """Whether a part keeps the width that reaches it, or gives one that is written out as the `out` of one step.

    In a recurrent cell that is no fault: vectors there may have any width, as long as the output has that of the
    carry.
    """
    return not part.given or (len(part.given) == 1 and part.given[0].written)


def width_fault(text: str, span: Span, part: Part, asked: Width, warns: bool = False) -> Diagnostic:
    """E0502 for an operation, called `text`, at `span`; W0502 where it only `warns`."""
    gives, help = channels(part.output.width), _help(text, part, asked)
    fault = e05.other_width(span, text, channels(asked), gives, _steps(part, span), help)
    return e05.as_warning(fault) if warns else fault


def argument_fault(name: str, call: Span, part: Part, asked: Width) -> Diagnostic:
    """E0502 for a call that says its width by `out` of an operation, called `name`, that has another."""
    gives = channels(part.output.width)
    help = f"`{name}` keeps the width of its input: leave `out` out"
    if part.given:
        help = f"`{name}` gives {gives} whatever is asked of it: let its last step give C channels"
    text = " ".join(call.text.split())
    return e05.other_width(call, text, channels(asked), gives, _steps(part, call), help)


def raw_input(
    item: CellInput, text: str, span: Span, part: Part, asked: Width, warns: bool = False
) -> Diagnostic:
    """The same where the operation keeps the width of an input that nothing prepares: the input is to be mended."""
    keeps = Label(span, f"`{text}` keeps the width of its input")
    fault = e05.raw_input(item.span, item.name, channels(asked), channels(part.output.width), keeps)
    return e05.as_warning(fault) if warns else fault


def bad_width(what: str, expr: Expr, value: Fraction, needed: str, known: Mapping[str, object]) -> Diagnostic:
    """E0503 for a width that a network asks for; `known` has the parameters of the network."""
    used = [
        f"`{name}` is {known[name]}" for name in dict.fromkeys(n.id for n in names(expr)) if name in known
    ]
    help = f"{' and '.join(used)} here: choose numbers that come out whole" if used else None
    return e05.bad_width(expr.span, what, shown(value), needed, help)


def _steps(part: Part, whole: Span) -> tuple[Label, ...]:
    """The steps that decide the width, where they are not the operation itself."""
    steps = [step for step in part.given if step.span != whole]
    return tuple(Label(step.span, f"this gives {channels(step.width)}") for step in steps[:SHOWN])


def _help(text: str, part: Part, asked: Width) -> str:
    whole, some = ("conv(1)", "conv(1, out = ...)") if part.output.is_map else ("linear", "linear(out = ...)")
    if not part.given:
        return f"`{text}` keeps the width of its input; `{whole}` after it gives C channels"
    sure = (step for step in part.given if not (step.keeps or step.written))
    full = next((step for step in sure if step.width == asked), None)
    if full is not None:  # one of several that are concatenated
        name = " ".join(full.span.text.split())
        return f"`{name}` gives C channels, whatever reaches it; `{some}` after it gives some of them"
    if len(part.given) > 1:
        return f"the widths of the branches add up: `{whole}` after the `concat` gives C channels"
    return f"let its last step give C channels, as `{whole}` does"
