"""What results allow to be said: rows, differences, verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from scipy import stats

from dartsl.graph.isomorphic import Form
from dartsl.sweeping.evidence import Evidence, as_json
from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.plan import Arm
from dartsl.sweeping.results import (
    ERROR,
    PERPLEXITY,
    Architecture,
    ArmResults,
    Outcome,
    Results,
    read_results,
)
from dartsl.sweeping.weighing import weigh


@pytest.fixture(scope="module")
def results(better: SweepFolder) -> Results:
    return read_results(better.path)


def compared(results: Results, measure: str = ERROR, **figures: list[float | None]) -> Evidence:
    """The evidence of arms with such figures of the seeds 0, 1, ...; names of arms are their slugs."""
    first = results.arms[0].architectures[0]
    kinds = {"random": "random", "random_at_cost": "random_at_cost"}
    arms = [
        ArmResults(
            Arm(name, name, kinds.get(name, "search")),
            tuple(_architecture(first, seed, figure, (name, seed)) for seed, figure in enumerate(values)),
        )
        for name, values in figures.items()
    ]
    seeds = tuple(range(len(next(iter(figures.values())))))
    protocol = replace(results.plan.protocol, seeds=seeds, random=len(figures.get("random", ())))
    plan = replace(results.plan, protocol=protocol, arms=tuple(each.arm for each in arms))
    return weigh(replace(results, plan=plan, measure=measure, arms=tuple(arms)))


def _architecture(first: Architecture, seed: int, figure: float | None, form: Form) -> Architecture:
    outcome = Outcome(f"train/{seed}", "", figure, None, None, 99)
    return replace(first, seed=seed, picked=False, outcomes={"": outcome}, form=form)


def said(found: Evidence) -> list[str]:
    return [sentence for table in found.tables for sentence in table.verdicts]


def test_a_row_by_hand(results: Results) -> None:
    found = weigh(results)
    darts, random, at_cost = found.tables[0].rows
    assert (darts.arm, darts.planned, darts.seeds, darts.figures) == (
        "darts",
        3,
        (0, 1, 2),
        (0.1, 0.11, 0.09),
    )
    assert darts.distinct == 1  # its searches have found the same
    assert darts.summary.mean == pytest.approx(0.1)
    assert darts.summary.standard_error == pytest.approx(0.01 / 3**0.5)
    assert (darts.best, darts.expected_best) == (0.09, 0.12)
    # Accuracies of 0.9 and 0.87.
    assert darts.relative_improvement == pytest.approx(100 * 0.03 / 0.87)
    assert darts.difference is not None
    known = stats.ttest_rel((0.1, 0.11, 0.09), (0.12, 0.14, 0.13))
    assert darts.difference.kind == "paired"
    assert darts.difference.mean == pytest.approx(-0.03)
    assert darts.difference.p == darts.corrected_p == pytest.approx(known.pvalue)
    assert darts.picked is not None
    assert (darts.picked.seed, darts.picked.figure) == (2, 0.09)
    assert random.difference is at_cost.difference is None
    assert (at_cost.planned, at_cost.figures) == (1, (0.095,))


def test_better_and_worse_are_said_with_the_interval(results: Results) -> None:
    # Differences -2, -3, -4 points: 3 -+ 4.3027 / sqrt(3).
    found = said(compared(results, darts=[0.10, 0.11, 0.09], random=[0.12, 0.14, 0.13]))
    assert found == [
        "darts is better than random: its mean test error is lower by 3.00 points (95 %: 0.52 to 5.48; p = 0.035)."
    ]
    found = said(compared(results, darts=[0.12, 0.14, 0.13], random=[0.10, 0.11, 0.09]))
    assert found == [
        "darts is worse than random: its mean test error is higher by 3.00 points (95 %: 0.52 to 5.48; p = 0.035)."
    ]


def test_an_interval_with_zero_in_it_claims_nothing(results: Results) -> None:
    found = said(compared(results, darts=[0.10, 0.14, 0.09], random=[0.12, 0.11, 0.13]))
    assert found == [
        "No difference between darts and random is shown: its mean test error is lower by 1.00 points, and the 95 % "
        "interval of the difference, -9.96 to +7.96, has zero in it."
    ]


def test_of_several_arms_p_values_are_corrected(results: Results) -> None:
    """p = 0.035 of one comparison is 0.070 of two."""
    found = compared(results, darts=[0.10, 0.11, 0.09], drnas=[0.10, 0.14, 0.09], random=[0.12, 0.14, 0.13])
    assert found.comparisons == 2
    assert said(found)[0] == (
        "A difference between darts and random is not shown after correction for 2 comparisons: its mean test error is "
        "lower by 3.00 points (95 %: 0.52 to 5.48; p = 0.035, corrected for 2 comparisons p = 0.070)."
    )
    clear = compared(results, darts=[0.100, 0.11, 0.09], drnas=[0.1, 0.14, 0.09], random=[0.2, 0.211, 0.1905])
    assert said(clear)[0] == (
        "darts is better than random: its mean test error is lower by 10.05 points (95 %: 9.93 to 10.17; p < 0.001, "
        "corrected for 2 comparisons p < 0.001)."
    )


def test_where_all_cells_are_equal_nothing_was_found(results: Results) -> None:
    found = compared(results, darts=[0.1] * 3, drnas=[0.1] * 3, random=[0.1] * 3)
    assert said(found) == [
        "Nothing was found: all 9 trained architectures have the same test error, 10.00 %."
    ]
    row = found.tables[0].rows[0]
    assert row.difference is not None
    assert (row.difference.mean, row.difference.interval, row.difference.p) == (0.0, None, None)
    assert row.relative_improvement == 0.0
    assert row.expected_best == 0.1


@pytest.mark.parametrize("figure", [0.0, 1.0])
def test_nothing_is_divided_by_zero(results: Results, figure: float) -> None:
    found = compared(results, darts=[figure] * 2, random=[figure] * 2)
    assert said(found)[0].startswith("Nothing was found")
    json.dumps(as_json(found), allow_nan=False)


def test_with_every_seed_the_same_as_random_nothing_was_found(results: Results) -> None:
    """Cells that compute the same, trained with the seeds of random ones, have their figures; seeds differ."""
    found = compared(results, darts=[0.1, 0.2], drnas=[0.1, 0.2], random=[0.1, 0.2])
    assert said(found) == ["Nothing was found: with every seed the test error is the same as random's."]


def test_where_architectures_are_the_same_a_difference_is_of_training(results: Results) -> None:
    """Luck of the seeds would be a claim by its interval: `better` is not said of the same cells."""
    found = compared(results, darts=[0.10, 0.11, 0.09], random=[0.12, 0.14, 0.13])
    assert said(found)[0].startswith("darts is better")
    assert (found.tables[0].distinct, found.tables[0].rows[0].distinct) == (6, 3)
    arms = tuple(
        replace(arm, architectures=tuple(replace(each, form=("same",)) for each in arm.architectures))
        for arm in results.arms
    )
    table = weigh(replace(results, arms=arms)).tables[0]
    assert (table.distinct, table.rows[0].distinct) == (1, 1)
    assert table.verdicts == (
        "Nothing was found: all 7 trained architectures are the same but for the names of nodes; what their test error "
        "differs by comes from training.",
    )


def test_equal_differences_claim_nothing(results: Results) -> None:
    other = compared(results, darts=[0.1, 0.2], drnas=[0.1, 0.3], random=[0.1, 0.2])
    assert said(other)[0] == (
        "No difference between darts and random is shown: the test error is the same with every seed."
    )
    assert said(compared(results, darts=[0.1, 0.2], random=[0.15, 0.25])) == [
        "Of darts nothing is claimed: its test error is lower than random's by the same 5.00 points with every seed, "
        "which gives no interval."
    ]


def test_too_few_claim_nothing(results: Results) -> None:
    assert said(compared(results, darts=[0.1], random=[0.2])) == [
        "Of darts nothing is claimed (-10.00 points): 1 training of it and 1 of random architectures give no interval."
    ]
    assert said(compared(results, darts=[None, None], random=[0.2, 0.1])) == [
        "Of darts nothing is claimed: 0 trainings of it and 2 of random architectures give no interval."
    ]
    assert said(compared(results, darts=[0.1, 0.2])) == [
        "There are no random architectures to compare with: whether anything was found cannot be said."
    ]
    assert said(compared(results, darts=[0.1, 0.1])) == [
        "Nothing can be said: all 2 trained architectures have the same test error, 10.00 %."
    ]


def test_only_seeds_that_both_have_are_paired(results: Results) -> None:
    found = compared(results, darts=[0.1, None, 0.12, 0.2], random=[0.2, 0.3, 0.21, None])
    difference = found.tables[0].rows[0].difference
    assert difference is not None
    assert (difference.kind, difference.n, difference.mean) == ("paired", 2, pytest.approx(-0.095))
    assert "left out of all tables: train/1, train/3." in found.notes[-1]


def test_other_numbers_of_random_architectures_are_compared_by_welch(results: Results) -> None:
    found = compared(results, darts=[0.10, 0.11, 0.09], random=[0.12, 0.14, 0.13, 0.15])
    difference = found.tables[0].rows[0].difference
    assert difference is not None
    known = stats.ttest_ind((0.10, 0.11, 0.09), (0.12, 0.14, 0.13, 0.15), equal_var=False)
    assert (difference.kind, difference.p) == ("welch", pytest.approx(known.pvalue))
    assert any("Welch" in note for note in found.notes)
    # Of the 4 sets of 3, three have 0.12 in them.
    assert found.tables[0].rows[0].expected_best == pytest.approx((3 * 0.12 + 0.13) / 4)


def test_perplexities_are_no_percents(results: Results) -> None:
    found = compared(results, PERPLEXITY, darts=[80.0, 81.0, 79.0], random=[90.0, 92.0, 88.0])
    assert said(found) == [
        "darts is better than random: its mean test perplexity is lower by 10.000 (95 %: 7.516 to 12.484; p = 0.003)."
    ]
    assert found.tables[0].rows[0].relative_improvement == pytest.approx(100 / 9)


def test_what_is_selected_is_said_without_a_claim(results: Results) -> None:
    assert said(weigh(results))[1] == (
        "Selected by the rule, test error: darts 9.00 %; random 13.00 %; random at equal cost 9.50 %. Each is a single "
        "training: no difference is claimed."
    )


def test_costs_by_hand(results: Results) -> None:
    cost = weigh(results).costs[0]
    assert (cost.parameters.n, cost.parameters.mean) == (3, 99.0)
    trained = [each.multiply_adds for each in results.arms[0].architectures]
    assert cost.multiply_adds.mean == trained[0]
    jobs = [job for job in results.plan.jobs if job.arm == "darts"]
    assert cost.jobs == {
        kind: pytest.approx(sum(job.cost for job in jobs if job.kind == kind))
        for kind in ("search", "select", "train")
    }


def test_times_are_apart(results: Results) -> None:
    found = weigh(results)
    assert found.times is not None
    assert found.times[0].seconds == {"search": 90.0, "select": 30.0, "train": 150.0}
    without = weigh(replace(results, seconds={}), times=False)
    assert without == replace(found, times=None)


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("dartsl sweep a.darts --seeds 3 --out x", "dartsl sweep a.darts --seeds 3"),
        ("dartsl sweep a.darts -o x --vary 'lr=1,2'", "dartsl sweep a.darts --vary lr=1,2"),
        ("dartsl sweep a.darts --out=x", "dartsl sweep a.darts"),
        ("dartsl.sweep(...)", "dartsl.sweep(...)"),
        ("it's", "it's"),
    ],
)
def test_the_folders_name_is_no_part_of_the_command(results: Results, command: str, shown: str) -> None:
    assert weigh(replace(results, plan=replace(results.plan, command=command))).command == shown


def test_json_has_everything(results: Results) -> None:
    found: dict[str, Any] = json.loads(json.dumps(as_json(weigh(results)), allow_nan=False))
    assert found["format"] == 1
    assert found["measure"] == "test error"
    assert found["tables"][0]["rows"][0]["difference"]["kind"] == "paired"
    assert found["protocol"] == list(results.plan.protocol.sentences)
