"""Batches of a training that are prepared ahead, by a stream that is none: no number differs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dartsl.data import device
from dartsl.training import feed
from tests.data.asides import FakeAside
from tests.train.runs import run, same_runs


def test_a_training_has_the_same_numbers(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = {"epochs": 2, "crop": 1, "cutout": 3, "accumulate": 2}
    run(tiny, "plain", **settings)
    beside = FakeAside("cpu")
    monkeypatch.setattr(device, "aside", lambda _device: beside)
    run(tiny, "ahead", **settings)
    assert beside.given == beside.made > 2
    same_runs(tiny.parent / "plain", tiny.parent / "ahead")
    assert feed.one_ahead is device.one_ahead
