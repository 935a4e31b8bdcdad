"""Which values the parameters of primitives accept, and what to write in place of others."""

from __future__ import annotations

from fractions import Fraction

from dartsl.lang.records.record import ParameterKind
from dartsl.lang.records.widths import Symbolic

LARGEST_KERNEL = 255
LARGEST_WIDTH = 1_000_000


def kernel_help(value: object) -> str:
    """What to write in place of a kernel that is not accepted."""
    if isinstance(value, Fraction) and value.denominator == 1 and 2 <= value < 16:
        return f"write {value - 1} or {value + 1}"
    return "kernels are odd numbers such as 3, 5 and 7; the kernel is the first argument"


def wanted(kind: ParameterKind, value: object) -> str | None:
    """What would be accepted in place of `value`; None where it is fine (a symbol always is)."""
    if kind == "any" or isinstance(value, Symbolic):
        return None
    if kind == "boolean":
        return None if isinstance(value, bool) else "`true` or `false`"
    if kind in ("share", "tie"):
        accepted = {"share": "target", "tie": "stem"}[kind]
        return None if value in ("", accepted) else f'`"{accepted}"`'
    if kind == "rate":
        return None if isinstance(value, Fraction) and 0 <= value < 1 else "from 0 to less than 1"
    whole = isinstance(value, Fraction) and value.denominator == 1
    if kind in ("width", "divisor"):
        return (
            None
            if whole and 1 <= _int(value) <= LARGEST_WIDTH
            else f"a whole number from 1 to {LARGEST_WIDTH:,}"
        )
    if kind == "offset":
        return (
            None
            if whole and abs(_int(value)) <= LARGEST_KERNEL
            else f"a whole number within {LARGEST_KERNEL}"
        )
    if whole and 1 <= _int(value) <= LARGEST_KERNEL:
        return None
    return f"a whole number from 1 to {LARGEST_KERNEL}"


def _int(value: object) -> int:
    return int(value) if isinstance(value, Fraction) else 0
