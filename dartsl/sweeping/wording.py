"""How figures of a sweep are written: test errors in percent, their differences in points, perplexities as they are."""

from __future__ import annotations

from dartsl.sweeping.evidence import Table
from dartsl.sweeping.lookups import COLUMN
from dartsl.sweeping.plan import AT_COST
from dartsl.sweeping.results import ERROR, TABLE_ERROR, TABLE_FIGURE
from dartsl.sweeping.statistics import Interval

NONE = "-"  # in a table, of what cannot be computed


def arm_name(name: str) -> str:
    """What an arm is called in a text."""
    return "random at equal cost" if name == AT_COST else name


def share(measure: str) -> bool:
    """Whether what is compared is a part of one."""
    return measure in (ERROR, TABLE_ERROR)


def looked_up(measure: str) -> bool:
    """Whether figures come from a table."""
    return measure in (TABLE_ERROR, TABLE_FIGURE)


def measured(measure: str) -> str:
    """What has been done with an architecture that has a figure."""
    return "looked up" if looked_up(measure) else "trained"


def of_a_training(measure: str) -> str:
    """What gives one figure."""
    return "lookup" if looked_up(measure) else "training"


def recipe_title(table: Table) -> str:
    """What stands above the tables of a recipe, or of a column; nothing of the only one."""
    if not table.recipe:
        return ""
    if set(table.settings) == {COLUMN}:
        return f"Column {table.settings[COLUMN]}"
    settings = ", ".join(f"{name} {value}" for name, value in table.settings.items())
    return f"Recipe {table.recipe} ({settings})"


def axis(measure: str) -> str:
    """What stands at an axis of such figures."""
    return f"{measure}, %" if share(measure) else measure


def figure(value: float | None, measure: str) -> str:
    """As `2.76 %`, or `61.234`."""
    return NONE if value is None else f"{number(value, measure)}{' %' if share(measure) else ''}"


def number(value: float, measure: str, sign: str = "") -> str:
    """As `2.76`, or `61.234`: of an error the percent; `sign` is `+` where one is shown of each."""
    text = f"{100 * value:{sign}.2f}" if share(measure) else f"{value:{sign}.3f}"
    return text if text.strip("+-0.") else text.lstrip("+-")  # no `-0.00`


def difference(value: float | None, measure: str, sign: str = "+") -> str:
    """As `-0.70 points`, or `-1.234`."""
    return NONE if value is None else f"{number(value, measure, sign)}{' points' if share(measure) else ''}"


def interval(bounds: Interval | None, measure: str, sign: str = "+") -> str:
    """As `-1.20 to -0.20`."""
    if bounds is None:
        return NONE
    return f"{number(bounds.low, measure, sign)} to {number(bounds.high, measure, sign)}"


def spread(mean: float | None, error: float | None, measure: str) -> str:
    """As `2.76 ± 0.10 %`; the standard error is left out where there is none."""
    if mean is None or error is None:
        return figure(mean, measure)
    return f"{number(mean, measure)} ± {number(error, measure)}{' %' if share(measure) else ''}"


def probability(p: float | None) -> str:
    """As `0.012`, or `< 0.001`."""
    if p is None:
        return NONE
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def large(value: float | None) -> str:
    """As `12,345`, `1.23 M`, `4.5 G`, `6.7 T`."""
    if value is None:
        return NONE
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value:,.0f}"


def clock(seconds: float) -> str:
    """As `12.3 s`, `4 min 05 s`, `2 h 03 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"
