"""train and eval, on a spec small enough to be trained in a second, and on what a search has found."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

import pytest

import dartsl as api
from dartsl.lang.settings.values import TrainConfig

from .conftest import Dartsl, result_of


@pytest.fixture
def decided(good: Path) -> Path:
    """The spec of the other tests, with nothing left to choose."""
    text = good.read_text().replace("sep_conv(3) | ", "").replace(" | sep_conv(3)", "")
    path = good.with_name("decided.darts")
    path.write_text(
        text + '\ntrain {\n  data   = "tiny.npz"\n  epochs = 1\n  batch  = 8\n  flip   = false\n}\n'
    )
    return path


def test_every_setting_is_an_option(dartsl: Dartsl) -> None:
    text = dartsl("train", "--help").stdout
    for spec in fields(TrainConfig):
        assert f"--{spec.name.replace('_', '-')}" in text


def test_a_spec_is_trained_and_evaluated(dartsl: Dartsl, decided: Path, tmp_path: Path) -> None:
    result = dartsl("train", "decided.darts", "--out", "run", "--set", "C=2", "--auxiliary", "0.4", "--final")
    assert result.exit_code == 0, result.output
    assert "with the auxiliary head" in result.stdout
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["kind"], record["settings"]["auxiliary"], record["settings"]["batch"]) == ("train", 0.4, 8)
    shown = dartsl("eval", "run")
    assert "test error" in shown.stdout
    assert "95 %" in shown.stdout
    found = result_of(dartsl("eval", "run", "--format", "json"))
    assert found["epochs"] == 1
    assert found["top1"]["low"] <= found["top1"]["error"] <= found["top1"]["high"]
    assert found["top5"] is not None
    assert (found["data"], found["other"]) == ("tiny.npz", None)
    assert "data   " not in shown.stdout
    shown = dartsl("eval", "run", "--data", "tiny.npz")
    assert "data        tiny.npz, normalised as the run's own images (mean" in shown.stdout
    assert dartsl("eval", "run", "--data", "nowhere").exit_code == 1
    assert dartsl("train", "--resume", "run").exit_code == 0
    again = dartsl("train", "decided.darts", "--out", "run")
    assert "exists" in again.stderr
    assert "not of a search" in dartsl("train", "run").stderr


def test_a_training_begins_with_the_weights_of_another(dartsl: Dartsl, decided: Path, tmp_path: Path) -> None:
    assert dartsl("train", "decided.darts", "--out", "first", "--set", "C=2").exit_code == 0
    options = ["--out", "second", "--set", "C=2", "--init", "first", "--format", "json"]
    (found,) = result_of(dartsl("train", "decided.darts", *options))["runs"]
    assert (found["init"]["path"], found["init"]["fresh"]) == (str(tmp_path / "first"), [])
    refused = dartsl("train", "decided.darts", "--out", "third", "--init", "first")
    assert "has weights of another network" in refused.stderr
    assert dartsl("train", "--resume", "second", "--init", "first").exit_code == 2


def test_what_a_search_found_is_trained(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    assert dartsl("search", "good.darts", "--out", "run", "--set", "C=2").exit_code == 0
    options = ["--epochs", "1", "--batch", "8", "--data", "tiny.npz", "--no-flip", "--out", "trained"]
    result = dartsl("train", "run", *options)
    assert result.exit_code == 0, result.output
    spec = (tmp_path / "trained" / "spec.darts").read_text()
    assert spec == (tmp_path / "run" / "found.darts").read_text()
    assert dartsl("eval", "run").exit_code == 1
    (tmp_path / "run" / "found.darts").unlink()
    assert "has found nothing yet" in dartsl("train", "run").stderr


def test_several_seeds_are_trained(dartsl: Dartsl, decided: Path, tmp_path: Path) -> None:
    result = dartsl("train", "decided.darts", "--out", "two", "--set", "C=2", "--seeds", "2")
    assert result.exit_code == 0, result.output
    assert "over 2 seeds" in result.stdout
    seeds = [json.loads((tmp_path / "two" / f"seed{n}" / "run.json").read_text())["seed"] for n in (0, 1)]
    assert seeds == [0, 1]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ((), 2, "Missing argument 'SPEC|RUN'"),
        (("good.darts",), 1, "leaves choices open, in `pair`"),
        (("decided.darts", "--epochs", "0"), 2, "is not a whole number from 1"),
        (("decided.darts", "--amp-type", "int8"), 2, "--amp-type"),
        (("decided.darts", "--seeds", "2", "--seed", "3"), 2, "give no --seed with it"),
        (("decided.darts", "--resume", "."), 2, "goes on with a run as it was started"),
        (("--resume", "."), 1, "is not a run folder"),
        (("nowhere.darts",), 2, "nowhere"),
    ],
)
def test_train_refuses(
    dartsl: Dartsl, good: Path, decided: Path, arguments: tuple[str, ...], code: int, words: str
) -> None:
    result = dartsl("train", *arguments)
    assert words in result.stderr
    assert result.exit_code == code


def test_eval_of_no_run(dartsl: Dartsl) -> None:
    assert dartsl("eval", "nowhere").exit_code == 2
    assert "not a run folder" in dartsl("eval", ".").stderr


def test_the_api_does_what_the_commands_do(dartsl: Dartsl, decided: Path, tmp_path: Path) -> None:
    result = api.train(decided, tmp_path / "run", parameters={"C": 2}, seed=3)
    assert result.finished
    assert api.evaluate(result.path).test == result.test
    with pytest.raises(api.UserError, match="no setting `speed`"):
        api.train(decided, speed=3)
    assert callable(api.train)
