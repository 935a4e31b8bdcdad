"""The tables of a report, in the words of its Markdown."""

from __future__ import annotations

from dartsl.sweeping.evidence import Evidence, Table
from dartsl.sweeping.pages.markup import Markup, element, joined, table
from dartsl.sweeping.tables import cost_table, difference_table, figure_table, time_table


def figures(found: Table, measure: str) -> Markup:
    """Each arm's."""
    return table("Each arm, after its final trainings", *figure_table(found, measure))


def differences(found: Table, measure: str) -> Markup:
    """To random; nothing where nothing is compared."""
    head, rows = difference_table(found, measure)
    return table("Differences to random: below zero is better", head, rows) if rows else Markup("")


def costs(found: Evidence) -> Markup:
    """Of networks, and of jobs."""
    words = (
        "Parameters and multiply-adds: means of the networks. The others: multiply-adds of all jobs of a kind "
        "for each image (or word) of the training data, as the plan has estimated them."
    )
    return joined(
        [element("p", words, class_="note"), table("What each arm costs", *cost_table(found.costs))]
    )


def times(found: Evidence) -> Markup:
    """Seconds; nothing where they are left out."""
    if found.times is None:
        return Markup("")
    caption = f"Seconds of all jobs, tries that were stopped included, on the device {found.device}"
    return table(caption, *time_table(found.times))
