"""The orders compared on one's own spec."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import SearchConfig, configure
from dartsl.lang.syntax.loader import read
from dartsl.run.job import Job
from dartsl.searching.check_gradients import Compared, Comparison, check_gradients

EXACT = Compared(1.0, 0.0, 1.0)


def compare(tiny: Path, **settings: object) -> Comparison:
    spec = check(read(str(tiny)))
    base = configure(SearchConfig(), spec.search)
    given: dict[str, Any] = {"data": str(tiny.parent / "images.npz"), "dtype": "float64", **settings}
    # `replace`, so that a test can go beyond what the command line lets through.
    return check_gradients(Job(spec), replace(base, **given))


def test_the_finite_difference_comes_near_where_it_may(tiny: Path) -> None:
    coarse, fine = compare(tiny), compare(tiny, r=1e-7)
    assert fine.term["2"].distance is not None
    assert coarse.term["2"].distance is not None
    assert fine.term["2"].distance < 1e-4 < coarse.term["2"].distance
    assert fine.gradients["2"].cosine == pytest.approx(1.0, abs=1e-6)
    assert fine.gradients["exact"] == coarse.gradients["exact"]
    assert fine.gradients["1"] == coarse.gradients["1"]
    assert fine.batch == 5
    assert "order 2 can be trusted here" in fine.text()
    assert len({len(line) for line in fine.text().splitlines()[2:6]}) == 1
    assert not list(tiny.parent.glob("runs"))


@pytest.mark.parametrize(
    ("first", "second", "term", "words"),
    [
        (0.05, 0.01, 0.05, "within 5.0% of the exact gradient"),
        (0.5, 0.8, 3.0, "no nearer to the exact gradient"),
        (0.5, 0.2, 0.4, "still nearer to the exact gradient"),
        (None, None, None, "first order gives the exact gradient"),
    ],
)
def test_what_the_numbers_mean(
    first: float | None, second: float | None, term: float | None, words: str
) -> None:
    gradients = {"1": Compared(1.0, first, 0.5), "2": Compared(1.0, second, 0.5), "exact": EXACT}
    terms = {"2": Compared(1.0, term, 0.1), "exact": EXACT}
    assert words in Comparison("net", 4, 0.01, gradients, terms).text()


def test_a_zero_vector_has_no_angle() -> None:
    zero, one = torch.zeros(2), torch.ones(2)
    assert Compared.of(one, zero) == Compared(pytest.approx(2**0.5), None, None)  # type: ignore[arg-type]
    assert Compared.of(zero, one) == Compared(0.0, 1.0, None)


def test_what_is_not_finite_is_said(tiny: Path) -> None:
    with pytest.raises(UserError, match="is not finite"):
        compare(tiny, lr=1e300)
