"""What is read from a sweep's folder: finished, unfinished, damaged."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

import dartsl
from dartsl.lang.codes.diagnostics import UserError
from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.results import ERROR, PERPLEXITY, ArmResults, Results, read_results
from tests.sweep.fakes import BETTER, VERSIONS, faked


def arm(results: Results, slug: str) -> ArmResults:
    return next(each for each in results.arms if each.arm.slug == slug)


def test_a_finished_sweep(better: SweepFolder) -> None:
    found = read_results(better.path)
    assert found.finished
    assert (found.failed, found.missing, found.measure) == ({}, (), ERROR)
    assert found.versions == VERSIONS
    assert [each.arm.slug for each in found.arms] == ["darts", "random", "random_at_cost"]
    assert arm(found, "darts").figures("") == {0: 0.1, 1: 0.11, 2: 0.09}
    assert found.seconds["search/darts/1"] == 30.0


def test_an_architecture(better: SweepFolder) -> None:
    found = arm(read_results(better.path), "darts").architectures[2]
    assert (found.seed, found.score, found.picked) == (2, 1 / 3, True)
    assert found.text == (better.path / "search/darts/2/found.darts").read_text()
    assert found.multiply_adds == dartsl.info(found.path, memory="none").multiply_adds
    assert found.history == ({"epoch": 1, "validation_loss": 1 / 3},)
    outcome = found.outcomes[""]
    assert (outcome.job, outcome.figure, outcome.parameters) == ("train/darts/2", 0.09, 99)
    assert outcome.low is not None
    assert outcome.high is not None
    assert outcome.low < 0.09 < outcome.high


def test_architectures_with_other_names_of_nodes_have_the_same_form(tmp_path: Path) -> None:
    made = faked(tmp_path, {"darts": {0: 100, 1: 100}, "random": {0: 100, 1: 100, 2: 100}})
    renamed = made.path / "search/darts/1/found.darts"
    renamed.write_text(re.sub(r"\bp\b", "q", renamed.read_text()))
    results = read_results(made.path)
    first, second, untrained = arm(results, "darts").architectures
    assert (first.text == second.text, first.form == second.form, untrained.form) == (False, True, None)
    for random in arm(results, "random").architectures:
        assert (random.form == first.form) == dartsl.diff(random.path, first.path).equal


def test_what_is_selected_at_equal_cost_alone_is_trained(better: SweepFolder) -> None:
    found = arm(read_results(better.path), "random_at_cost")
    last = len(found.architectures) - 1
    assert found.figures("") == {last: 0.095}
    assert found.picked == found.architectures[last]
    assert [each.multiply_adds is None for each in found.architectures] == [True] * last + [False]


def test_text_has_perplexities(tmp_path: Path) -> None:
    found = read_results(faked(tmp_path, {"darts": {0: 80.5}}, of="text").path)
    assert found.measure == PERPLEXITY
    assert arm(found, "darts").figures("") == {0: 80.5}


def test_each_recipe_has_its_outcomes(tmp_path: Path) -> None:
    found = read_results(faked(tmp_path, BETTER, recipes={"lr": [0.1, 0.2]}).path)
    assert set(arm(found, "darts").architectures[0].outcomes) == {"lr-0.1", "lr-0.2"}
    assert arm(found, "darts").figures("lr-0.2") == {0: 0.1, 1: 0.11, 2: 0.09}
    assert arm(found, "darts").figures("") == {}


def test_an_unfinished_sweep(tmp_path: Path) -> None:
    made = faked(tmp_path, {"darts": {0: 100}, "random": {0: 120, 1: 110}})
    made.note(made.plan.job("train/darts/1"), 3, 1.0)
    made.note(made.plan.job("train/darts/2"), 130, 1.0)  # Ctrl-C has stopped it
    made.note(made.plan.job("train/random/2"), -15, 1.0)  # while it was starting
    found = read_results(made.path)
    assert not found.finished
    assert found.failed == {"train/darts/1": 3}
    assert found.missing == ("train/darts/2", "train/random/2", "train/random_at_cost/picked")
    assert arm(found, "darts").figures("") == {0: 0.1}


def test_a_sweep_that_has_not_begun(tmp_path: Path) -> None:
    made = faked(tmp_path, {})
    for name in ("search", "random", "random_at_cost", "select", "picked"):
        (made.path / name).rename(tmp_path / name)
    found = read_results(made.path)
    assert len(found.missing) == len(made.plan.jobs)
    assert all(each.text is None and each.score is None for each in arm(found, "random").architectures)
    assert found.versions == {}


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("train/darts/0/result.json", "{", "is not JSON"),
        ("train/darts/0/result.json", '{"parameters": 1}', "`test` is missing"),
        ("train/darts/0/run.json", '{"versions": 3}', "`versions`"),
        ("picked/darts.json", '{"score": {"0": "low"}, "picked": 0}', "`score.0`"),
    ],
)
def test_damage_is_named(tmp_path: Path, better: SweepFolder, file: str, text: str, fault: str) -> None:
    damaged = tmp_path / "sweep"
    shutil.copytree(better.path, damaged)
    (damaged / file).write_text(text)
    with pytest.raises(UserError, match=fault) as caught:
        read_results(damaged)
    assert file in str(caught.value)


def test_figures_that_are_not_finite_or_not_there_are_none(tmp_path: Path) -> None:
    made = faked(tmp_path, {"darts": {0: 10.0, 1: 10.0, 2: 10.0}}, of="text", random_at_cost=0, random=0)
    for seed, value in enumerate((float("nan"), float("inf"))):
        _change(made, seed, {"perplexity": {"value": value, "low": None, "high": None}})
    _change(made, 2, None)
    outcomes = [each.outcomes[""] for each in arm(read_results(made.path), "darts").architectures]
    assert [(each.figure, each.low, each.high) for each in outcomes] == [(None, None, None)] * 3
    assert arm(read_results(made.path), "darts").figures("") == {}


def _change(made: SweepFolder, seed: int, test: dict[str, Any] | None) -> None:
    path = made.path / f"train/darts/{seed}/result.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"test": None if test is None else record["test"] | test}))


def test_what_is_no_sweep_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not the folder of a sweep"):
        read_results(tmp_path)
