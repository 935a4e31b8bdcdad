"""What the figures of a sweep allow to be said, in words: never more than a confidence interval shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dartsl.sweeping.design import plural
from dartsl.sweeping.evidence import Row, Table
from dartsl.sweeping.plan import RANDOM, SEARCH
from dartsl.sweeping.results import Results
from dartsl.sweeping.statistics import Interval, all_equal
from dartsl.sweeping.wording import (
    arm_name,
    difference,
    figure,
    interval,
    measured,
    of_a_training,
    probability,
)

LEVEL = 0.05  # a claim needs a corrected p value below it, and intervals without zero


def verdicts(table: Table, measure: str, comparisons: int) -> Iterator[str]:
    """A sentence or more for each arm of searches; one for all where all figures are the same."""
    found = [row for row in table.rows if row.kind == SEARCH]
    chance = next((row for row in table.rows if row.kind == RANDOM), None)
    figures = [value for row in table.rows for value in row.figures]
    compared = chance is not None and chance.figures and any(row.figures for row in found)
    each = f"all {len(figures)} {measured(measure)} architectures"
    if all_equal(figures):
        same = f"{each} have the same {measure}, {figure(figures[0], measure)}."
        yield f"Nothing was found: {same}" if compared else f"Nothing can be said: {same}"
        return
    if compared and table.distinct == 1:
        yield (
            f"Nothing was found: {each} are the same but for the names of nodes; "
            f"what their {measure} differs by comes from training."
        )
        return
    if compared and all(_same_as_random(row) for row in found):
        yield f"Nothing was found: with every seed the {measure} is the same as random's."
        return
    if chance is None:
        yield "There are no random architectures to compare with: whether anything was found cannot be said."
        return
    for row in found:
        yield _verdict(row, chance, measure, comparisons)
    yield from _selected(table, measure)


def notes(tables: Sequence[Table], results: Results) -> Iterator[str]:
    """What a reader of the tables must know of how they were made."""
    protocol = results.plan.protocol
    kinds = {row.difference.kind for table in tables for row in table.rows if row.difference is not None}
    if "paired" in kinds:
        yield (
            "Differences to random are those of architectures of the same number, which are trained with the same "
            "seed; their intervals are Student's t over these pairs."
        )
    if "welch" in kinds:
        why = (
            "There are not as many random architectures as seeds."
            if protocol.table is None
            else "Figures of a table do not come in pairs."
        )
        yield f"{why} Differences to random are those of the means of all; their intervals are Welch's t."
    if kinds:
        over = "on these data and this test set" if protocol.table is None else "by this table"
        yield (
            f"An interval is over seeds, {over}. Bootstrap intervals of few figures are too "
            "narrow: they are given beside the others, and no claim rests on them alone."
        )
        yield (
            f"The best of several is chosen by {'the test set' if protocol.table is None else 'these figures'}, and so "
            "too good: compare it with the expected best of as many random architectures."
        )
    exact = protocol.at_cost_exact
    if exact is not None and exact > protocol.random_at_cost > 0:
        yield (
            f"Random search at equal cost has {protocol.random_at_cost:,} architectures, and not the {exact:,} that "
            "the costliest arm would have paid for: it had less."
        )
    unfit = [
        outcome.job
        for arm in results.arms
        for each in arm.architectures
        for outcome in each.outcomes.values()
        if outcome.figure is None
    ]
    if unfit:
        yield f"Trainings without a finite {results.measure}, left out of all tables: {', '.join(unfit)}."


def _same_as_random(row: Row) -> bool:
    """Whether there are pairs, and none of them differs."""
    found = row.difference
    return found is not None and found.kind == "paired" and found.equal and found.mean == 0


def _verdict(row: Row, chance: Row, measure: str, comparisons: int) -> str:
    found = row.difference
    if found is None or found.mean is None or found.n < 2:
        seen = "" if found is None or found.mean is None else f" ({difference(found.mean, measure)})"
        return (
            f"Of {row.arm} nothing is claimed{seen}: {plural(len(row.figures), of_a_training(measure))} of it and "
            f"{len(chance.figures)} of random architectures give no interval."
        )
    lower = "lower" if found.mean < 0 else "higher"
    by = difference(abs(found.mean), measure, sign="")
    fewer = found.kind == "paired" and found.n < max(len(row.figures), len(chance.figures))
    mean = f"over the {found.n} pairs that are there its mean {measure}" if fewer else f"its mean {measure}"
    if found.equal:
        each = "with every seed" if found.kind == "paired" else "each time"
        if found.mean == 0:
            return f"No difference between {row.arm} and random is shown: the {measure} is the same {each}."
        return (
            f"Of {row.arm} nothing is claimed: its {measure} is {lower} than random's by the same {by} {each}, "
            "which gives no interval."
        )
    assert found.interval is not None
    if not found.interval.side:
        return (
            f"No difference between {row.arm} and random is shown: {mean} is {lower} by {by}, and the "
            f"95 % interval of the difference, {interval(found.interval, measure)}, has zero in it."
        )
    return _outside(row, measure, comparisons, f"{mean} is {lower} by {by}")


def _outside(row: Row, measure: str, comparisons: int, what: str) -> str:
    """Of an interval that zero lies outside of."""
    found = row.difference
    assert found is not None
    assert found.interval is not None
    bounds = _size(found.interval)
    p = f"p {_equals(found.p)}"
    if comparisons > 1:
        p += f", corrected for {comparisons} comparisons p {_equals(row.corrected_p)}"
    shown = f"{what} (95 %: {interval(bounds, measure, sign='')}; {p})"
    if row.corrected_p is None or row.corrected_p >= LEVEL:
        return (
            f"A difference between {row.arm} and random is not shown after correction for {comparisons} comparisons: "
            f"{shown}."
        )
    if found.bootstrap is not None and found.bootstrap.side != found.interval.side:
        return (
            f"A difference between {row.arm} and random is not shown: {shown}, but the bootstrap interval has zero "
            "in it."
        )
    return f"{row.arm} is {'better' if found.interval.side < 0 else 'worse'} than random: {shown}."


def _selected(table: Table, measure: str) -> Iterator[str]:
    """What the selection of each arm has come to."""
    known = [row for row in table.rows if row.picked is not None and row.picked.figure is not None]
    if not any(row.kind == SEARCH for row in known) or len(known) < 2:
        return
    each = [
        f"{arm_name(row.arm)} {figure(row.picked.figure, measure)}" for row in known if row.picked is not None
    ]
    single = f"Each is a single {of_a_training(measure)}: no difference is claimed."
    yield f"Selected by the rule, {measure}: {'; '.join(each)}. {single}"


def _size(bounds: Interval) -> Interval:
    """The interval of the size of a difference whose sign is known."""
    return bounds if bounds.side > 0 else Interval(-bounds.high, -bounds.low)


def _equals(p: float | None) -> str:
    text = probability(p)
    return text if text.startswith("<") else f"= {text}"
