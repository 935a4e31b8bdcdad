"""What is measured: operations counted, and the peak of a process of its own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from dartsl.lang.checker import check
from dartsl.lang.syntax.loader import read
from dartsl.run.job import Job
from dartsl.searching.bench import CASES, OperationCount, Trial, peak_of


def test_views_do_not_count() -> None:
    x = torch.ones(2, 3)
    with OperationCount() as counted:
        (x.t().reshape(6) + 1).relu_()
    assert counted.count == 3  # reshape copies here; t and what it does then are views


def test_the_steps_run_and_start_alike(tiny: Path) -> None:
    trial = Trial(Job(check(read(str(tiny)))), 4)
    plain, low = trial.stepper("O0"), trial.stepper("low")
    for case in CASES:
        plain.run(case, *plain.batches(4))
        low.run(case, *low.batches(4))
    for name, value in plain.model.state_dict().items():
        torch.testing.assert_close(low.model.state_dict()[name], value, rtol=1e-2, atol=1e-3)


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_the_peak_holds_at_least_the_images(tiny: Path) -> None:
    job = Job(check(read(str(tiny))))
    small, large = (peak_of(Trial(job, batch), "first", "O2") for batch in (4, 4096))
    assert small is not None
    assert large is not None
    # The stem alone keeps three tensors of C x 8 x 8 numbers, four bytes each, for each image.
    assert large - small > 4092 * 3 * 2 * 64 * 4
