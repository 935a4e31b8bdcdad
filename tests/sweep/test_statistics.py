"""Statistics: known numbers, worked by hand, and scipy's own tests."""

from __future__ import annotations

from itertools import combinations
from math import sqrt

import numpy as np
import pytest
from scipy import stats

from dartsl.sweeping.statistics import (
    Difference,
    Interval,
    Summary,
    all_equal,
    expected_best,
    holm,
    paired,
    relative_improvement,
    summary,
    welch,
)

FOUND = (0.10, 0.14, 0.09, 0.13, 0.11)
CHANCE = (0.15, 0.16, 0.12, 0.13, 0.17, 0.20)


def test_summary_by_hand() -> None:
    assert summary([]) == Summary(0, None, None, None, None, None)
    assert summary([0.25]) == Summary(1, 0.25, None, None, 0.25, 0.25)
    assert summary([2.0, 4.0, 4.0, 6.0]) == Summary(4, 4.0, sqrt(8 / 3), sqrt(8 / 3) / 2, 2.0, 6.0)


def test_paired_by_hand() -> None:
    # Differences 1, 2, 3: mean 2, deviation 1, standard error 1/sqrt(3); t(2) at 97.5 % is 4.302653.
    found = paired([3.0, 5.0, 7.0], [2.0, 3.0, 4.0])
    assert (found.kind, found.n, found.mean) == ("paired", 3, 2.0)
    assert found.standard_error == pytest.approx(1 / sqrt(3))
    assert found.interval is not None
    assert found.interval.low == pytest.approx(2 - 4.302653 / sqrt(3), abs=1e-6)
    assert found.interval.high == pytest.approx(2 + 4.302653 / sqrt(3), abs=1e-6)
    # With two degrees of freedom P(T < t) = 1/2 + t / (2 sqrt(2 + t^2)), here t = 2 sqrt(3).
    assert found.p == pytest.approx(1 - 2 * sqrt(3) / sqrt(14))


def test_paired_agrees_with_scipy() -> None:
    found = paired(FOUND, CHANCE[:5])
    known = stats.ttest_rel(FOUND, CHANCE[:5])
    bounds = known.confidence_interval(0.95)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((bounds.low, bounds.high))
    assert found.p == pytest.approx(known.pvalue)


def test_welch_agrees_with_scipy() -> None:
    found = welch(FOUND, CHANCE)
    known = stats.ttest_ind(FOUND, CHANCE, equal_var=False)
    bounds = known.confidence_interval(0.95)
    assert found.interval is not None
    assert (found.interval.low, found.interval.high) == pytest.approx((bounds.low, bounds.high))
    assert found.p == pytest.approx(known.pvalue)
    assert found.n == 5


def test_bootstrap_agrees_with_scipy() -> None:
    differences = np.subtract(FOUND, CHANCE[:5])
    known = stats.bootstrap((differences,), np.mean, n_resamples=10_000, method="percentile", rng=1)
    found = paired(FOUND, CHANCE[:5]).bootstrap
    assert found is not None
    assert (found.low, found.high) == pytest.approx(
        (known.confidence_interval.low, known.confidence_interval.high), abs=1e-3
    )


def test_bootstrap_of_two_pairs_by_hand() -> None:
    """Means of two draws from {1, 3}: 1, 2, 2, 3, each as likely; so 2.5 % of them lie at the ends."""
    assert paired([1.0, 3.0], [0.0, 0.0]).bootstrap == Interval(1.0, 3.0)


def test_bootstrap_is_the_same_each_time() -> None:
    assert paired(FOUND, CHANCE[:5]) == paired(FOUND, CHANCE[:5])
    assert welch(FOUND, CHANCE) == welch(FOUND, CHANCE)
    assert welch(FOUND, CHANCE, seed=1).bootstrap != welch(FOUND, CHANCE, seed=2).bootstrap


@pytest.mark.parametrize("test", [paired, welch])
def test_what_cannot_be_computed_is_none(test) -> None:
    kind = test.__name__
    assert test([], []) == Difference(kind, 0, None)
    assert test([0.5], [0.25]) == Difference(kind, 1, 0.25)
    assert test([0.5, 0.5], [0.5, 0.5]) == Difference(kind, 2, 0.0, 0.0, equal=True)
    assert test([0.5, 0.5], [0.25, 0.25]) == Difference(kind, 2, 0.25, 0.0, equal=True)


def test_differences_that_differ_by_rounding_are_equal() -> None:
    assert (0.3 - 0.2) != (0.2 - 0.1)
    assert paired([0.3, 0.2], [0.2, 0.1]).equal
    assert paired([0.3, 0.2], [0.2, 0.1]).interval is None
    assert paired([0.1 + 0.2, 0.5], [0.3, 0.5]) == Difference("paired", 2, 0.0, 0.0, equal=True)


def test_pairs_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        paired([1.0, 2.0], [1.0])


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_figures_that_are_not_finite_are_refused(bad: float) -> None:
    for call in (lambda: summary([bad]), lambda: paired([bad], [1.0]), lambda: expected_best([bad], 1)):
        with pytest.raises(ValueError, match="finite"):
            call()


def test_the_side_of_an_interval() -> None:
    sides = [Interval(*bounds).side for bounds in ((-2, -1), (-1, 1), (0, 1), (-1, 0), (1, 2))]
    assert sides == [-1, 0, 0, 0, 1]


def test_expected_best_by_hand() -> None:
    assert expected_best([4.0, 1.0, 2.0], 1) == pytest.approx(7 / 3)  # the mean
    assert expected_best([4.0, 1.0, 2.0], 2) == pytest.approx((1 + 1 + 2) / 3)
    assert expected_best([4.0, 1.0, 2.0], 3) == 1.0
    assert expected_best([4.0, 1.0, 2.0], 4) is None
    assert expected_best([], 1) is None
    assert expected_best([1.0], 0) is None


@pytest.mark.parametrize("n", range(1, 7))
def test_expected_best_is_the_mean_over_all_draws(n: int) -> None:
    draws = [min(drawn) for drawn in combinations(CHANCE, n)]
    assert expected_best(CHANCE, n) == pytest.approx(sum(draws) / len(draws))


def test_expected_best_of_many_does_not_overflow() -> None:
    assert expected_best([0.5] * 3000, 1500) == pytest.approx(0.5)


def test_relative_improvement() -> None:
    # Accuracies of 0.9 and 0.8; then perplexities.
    assert relative_improvement(0.1, 0.2) == pytest.approx(12.5)
    assert relative_improvement(0.2, 0.1) == pytest.approx(-100 / 9)
    assert relative_improvement(60.0, 80.0, share=False) == 25.0
    assert relative_improvement(0.5, 1.0) is None


def test_holm_by_hand() -> None:
    assert holm([]) == ()
    assert holm([0.04]) == (0.04,)
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.5, 0.4]) == pytest.approx((0.8, 0.8))
    assert holm([0.9, 0.6]) == (1.0, 1.0)
    assert holm([None, 0.01]) == (None, 0.02)


def test_all_equal() -> None:
    assert not all_equal([])
    assert not all_equal([0.5])
    assert all_equal([0.5, 0.5, 0.5 + 1e-17])
    assert all_equal([0.0, 0.0])
    assert not all_equal([0.5, 0.5001])
