"""bench, on a spec small enough to be measured in seconds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import dartsl as dartsl_api
from dartsl.nn.passing import Pass
from dartsl.run.job import Job
from dartsl.searching.bench import Trial
from dartsl.step.batches import ImageBatch

from .conftest import Dartsl, result_of


@pytest.fixture(autouse=True)
def one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Peaks are measured in tests/search; a process for each would take long."""
    monkeypatch.setattr("dartsl.searching.bench.peak_of", lambda job, case, level: 1000)


def test_levels_are_measured_side_by_side(dartsl: Dartsl, good: Path) -> None:
    result = dartsl(
        "bench", "good.darts", "--batch", "2", "--repeats", "1", "--set", "C=2",
        "--case", "first", "--format", "json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    rows = result_of(result)["rows"]
    assert [(row["case"], row["level"]) for row in rows] == [
        ("first", level) for level in ("O0", "O2", "low")
    ]
    for row in rows:
        assert row["median_s"] > 0
        assert row["faster"] == pytest.approx(rows[0]["median_s"] / row["median_s"])  # of one round
        assert row["peak_bytes"] == 1000
    plain, passed, low = (row["ops"] for row in rows)
    assert passed < low  # what is computed again counts again
    assert passed < plain


def test_a_network_without_a_choice_has_one_case(dartsl: Dartsl, good: Path) -> None:
    good.write_text(good.read_text().replace(" | skip_connect", "").replace(" | sep_conv(3)", ""))
    result = dartsl("bench", "good.darts", "--batch", "2", "--repeats", "1", "--set", "C=2")
    assert result.exit_code == 0, result.output
    table = result.stdout.splitlines()
    assert [line.split()[:2] for line in table[1:]] == [["forward_backward", s] for s in ("O0", "O2", "low")]
    assert len({len(line) for line in table}) == 1


def test_numbers_are_measured_on_random_numbers() -> None:
    """Under the loss `mse` batches hold targets, and the loss is theirs."""
    network = """network tiny(C = 4) {
      input vector(5)
      stem  linear > bn
      stage identity | linear width C
      head  linear(2)
    }"""
    text = f'darts 2\n{network}\nsearch {{\n  loss = "mse"\n}}\n'
    checked = dartsl_api.check(dartsl_api.Source("tiny", text))
    trial = Trial(Job(checked, None, {}), 6)
    stepper = trial.stepper("O2")
    train, validation = stepper.batches(6)
    assert isinstance(train, ImageBatch)
    assert train.labels.shape == (6, 2)
    assert train.labels.is_floating_point()
    outputs = stepper.model(train.images, pass_=Pass())
    loss = train.take(stepper.model, Pass()).loss
    torch.testing.assert_close(loss, (outputs - train.labels.float()).square().mean())
    stepper.run("first", train, validation)
