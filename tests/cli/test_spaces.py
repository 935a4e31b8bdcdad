"""Shipped spaces of the literature, each made tiny and taken through every command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dartsl.graph.build import build
from dartsl.graph.passes import apply, passes_of
from dartsl.graph.target import TARGETS
from dartsl.lang.records.inputs import Input
from tests.cli.conftest import Dartsl, result_of
from tests.passes.same import compare, model
from tests.plan.help import planned

SPACES: dict[str, dict[str, int]] = {
    "robust_s1": {"C": 2, "size": 4},
    "transnas_micro": {"C": 2},
    "nb1shot1": {"C": 2},
    "mobile": {"C": 1},
    "series": {"C": 2},
    "tabular": {"D": 4, "n": 2, "features": 6, "classes": 10},
    "transformer": {"D": 8, "L": 1},
    "vit": {"D": 8, "L": 1},
    "lstm": {"H": 4},
    "hierarchical": {"C": 2},
}
STORY = "the cat sat on a red mat\n"


@pytest.mark.parametrize("name", SPACES)
def test_passes_change_nothing(name: str) -> None:
    """-O2 gives the outputs and gradients of -O0, in float64."""
    plan = planned(name, **SPACES[name])
    plain = build(plan)
    optimised = apply(plain, passes_of(2, TARGETS["cpu"])).graph
    compare(model(plan, plain), model(plan, optimised))


def few_of(taken: Input) -> str:
    """A few examples of what a network takes, in the working folder: a file of arrays, or a folder of texts."""
    if taken.sequence:
        Path("few").mkdir()
        for part in ("train", "valid", "test"):
            Path("few", f"{part}.txt").write_text(STORY * 100)
        return "few"
    drawn = np.random.default_rng(0).integers(0, 256, taken.batch(24))
    examples = np.moveaxis(drawn, 1, -1).astype(np.uint8 if taken.kind == "images" else np.float32)
    labels = np.arange(24) % 10
    np.savez("few.npz", x_train=examples, y_train=labels, x_test=examples, y_test=labels)
    return "few.npz"


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_every_command(dartsl: Dartsl, name: str) -> None:
    small = [option for key, value in SPACES[name].items() for option in ("--set", f"{key}={value}")]
    few = ("--data", few_of(planned(name, **SPACES[name]).input), "--batch", "12", "--epochs", "1")

    def run(*arguments: str) -> None:
        result = dartsl(*arguments)
        assert result.exit_code == 0, result.output

    run("check", name)
    assert result_of(dartsl("info", name, *small, "--format", "json"))["memory_bytes"] > 0
    run("draw", name, "-o", "space.svg")
    run("search", name, *small, *few, "--out", "searched")
    run("search", "--resume", "searched", "--epochs", "2")
    run("derive", "searched", "-o", "found.darts")
    run("check", "found.darts")
    run("draw", "searched", "-o", "found.svg")
    run("train", "searched", *few, "--out", "trained")
    run("eval", "trained")
    run("export", "trained", "--to", "safetensors" if Path("few").is_dir() else "torch", "-o", "network")


@pytest.mark.slow
def test_states_of_several_carries_go_on(dartsl: Dartsl) -> None:
    """A search and a training that were interrupted end as others do; and a text is continued."""

    def run(*arguments: str) -> str:
        result = dartsl(*arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    few = ("--data", few_of(planned("lstm").input), "--batch", "4")
    for epochs, folder in (("2", "whole"), ("1", "searched")):
        run("search", "lstm", "--set", "H=4", *few, "--epochs", epochs, "--out", folder)
    run("search", "--resume", "searched", "--epochs", "2")
    assert _last_row("searched") == _last_row("whole")
    run("plot", "searched", "-o", "curves.svg")
    for epochs, folder in (("2", "straight"), ("1", "trained")):
        run("train", "searched", *few, "--epochs", epochs, "--out", folder)
    run("train", "--resume", "trained", "--epochs", "2")
    assert _last_row("trained") == _last_row("straight")
    assert run("predict", "trained", "--prompt", "the cat", "--length", "5").startswith("the cat ")


def _last_row(run: str) -> dict[str, object]:
    """The last epoch of a run as it was recorded, without what a clock says."""
    row = json.loads(Path(run, "history.jsonl").read_text().splitlines()[-1])
    return {name: value for name, value in row.items() if "second" not in name}
