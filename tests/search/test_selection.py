"""`derive = sampled`: of many random architectures the best by the weights that they share (Li and Talwalkar)."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import dartsl
from dartsl.graph.tables import LEFT_OUT
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile
from dartsl.run.resuming import Anew
from dartsl.searching import loop, selection
from dartsl.searching.selection import Drawn, Selection
from dartsl.step.batches import Outcome
from tests.nn.specs import SEARCHED
from tests.search.runs import STEPS, job, quiet, rows, run, same_runs, settings

pytestmark = pytest.mark.usefixtures("undrawn")
SHARED: dict[str, Any] = {"relaxation": "uniform", "derive": "sampled", "samples": 5, "sample_batches": 1}


@pytest.fixture(autouse=True)
def few_finalists(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "FINALISTS", 2)


def test_the_best_is_found(tiny: Path) -> None:
    console = quiet()
    path = loop.search(job(tiny, "run", console), settings(tiny, **SHARED)).path
    history, alphas = rows(path / "history.jsonl"), rows(path / "alphas.jsonl")
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert ["selection" in row for row in history] == [False, False, True]
    found = history[-1]["selection"]
    assert (found["drawn"], found["different"], found["batches"]) == (5, 5, 1)
    assert found["accuracy"]["best"] >= found["accuracy"]["median"] >= found["accuracy"]["worst"]
    assert history[-1]["train_loss"] is None
    assert {number for rows_ in alphas[-1]["alphas"].values() for row in rows_ for number in row} == {0.0}
    assert ["decided" in row for row in alphas] == [False, False, True]
    text = (path / "found.darts").read_text()
    labels = ("none", "skip_connect", "narrow(3)")
    for cell, columns in alphas[-1]["decided"].items():
        assert sum(column != LEFT_OUT for column in columns) == 2
        block = text.partition(f"cell {cell} ")[2].partition("}")[0]
        kept = [labels[column] for column in columns if column != LEFT_OUT]
        assert re.findall(r"edge .* : (\S+) *# 1", block) == kept
    assert dartsl.derive(path) == text
    run_ = dartsl.Run(path)
    assert "epoch 2 of 2 and 1 of its selection, finished" in repr(run_)
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "epoch 3/3  selection of 5  val loss " in said
    assert f"selected    number {found['number']} of 5 random architectures, 5 of them different\n" in said
    with pytest.raises(UserError, match=r"the selection of .* is not over after epoch 2") as refused:
        dartsl.derive(path, epoch=2, rule="argmax")
    assert "--derive" not in str(refused.value.help)
    assert len(dartsl.draw(path, epoch=1)) > 0


@pytest.mark.parametrize(
    "looks",
    [
        pytest.param(STEPS + 2, marks=pytest.mark.slow),
        pytest.param(2 * STEPS + 3, marks=pytest.mark.slow),
        2 * STEPS + 6,
    ],
)
def test_an_interrupted_run_goes_on_bit_for_bit(
    tiny: Path, stop_after: Callable[[int], None], looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a step, within the first round, and within that of the best."""
    run(tiny, "whole", **SHARED)
    stop_after(looks)
    assert not run(tiny, "parts", **SHARED).finished
    monkeypatch.undo()
    monkeypatch.setattr(selection, "FINALISTS", 2)
    torch.rand(3)
    with pytest.raises(UserError, match=r"the selection of .* is not over after epoch"):
        dartsl.derive(tiny.parent / "parts")
    if looks > 2 * STEPS:
        with pytest.raises(UserError, match="is over after epoch 2, and its edges are being decided"):
            loop.resume(tiny.parent / "parts", Anew(epochs=3), console=quiet())
    assert loop.resume(tiny.parent / "parts", console=quiet()).finished
    same_runs(tiny.parent / "whole", tiny.parent / "parts")


def test_it_goes_with_alphas_that_learn_and_with_a_stop_rule(tiny: Path) -> None:
    """All candidates are computed; those that are not of an architecture weigh 0."""
    changes = {"relaxation": "gumbel", "stop": "stable", "stop_epochs": 2, "alphas_lr": 1e-9, "epochs": 4}
    path = run(tiny, "run", **{**SHARED, **changes, "warmup": 0}).path
    history = rows(path / "history.jsonl")
    assert ["stopped" in row for row in history] == [False, True, False]
    assert "selection" in history[-1]
    assert dartsl.derive(path, rule="argmax", epoch=1) != dartsl.derive(path)


class Given(Selection):
    """A selection of networks whose losses are given."""

    def __init__(self, count: int, losses: list[float]) -> None:
        spec = check(Source("test.darts", SEARCHED.replace("HEIGHT", "8").replace("WIDTH", "8")))
        model = compile(spec, build=Build(relaxation="uniform", projected=True))
        super().__init__(model, seed=0, count=count, batches=1, whole=3)
        self.losses = iter(losses)

    def outcomes(self) -> list[Outcome]:
        loss: Tensor = torch.tensor(next(self.losses))
        return [Outcome(loss, None, 4)] * 3


def test_ties_go_to_the_earlier_and_what_is_no_number_is_the_worst() -> None:
    given = Given(4, [float("nan"), 2.0, 3.0, 2.0, 5.0, 5.0])
    assert given.enter(7, searched=True)
    trials = []
    for trial in given.left():
        trials.append(trial)
        given.measure(trial, given.outcomes())
    assert trials == [*(Drawn(place, False) for place in range(4)), Drawn(1, True), Drawn(3, True)]
    assert given.row(7)["selection"]["number"] == 1
    assert given.row(7)["selection"]["loss"] == {"best": 2.0, "median": 2.0, "worst": 3.0}
    rows_ = list(given.architectures)[1]
    assert given._model.decided() == dict(zip(given._cells, map(list, rows_), strict=True))
    assert not given.enter(8, searched=True)
    assert (given.over(8), given.total, given.done) == (True, 0, 0)


def test_a_draw_is_the_same_of_any_number_of_them() -> None:
    few, many = (Given(count, []).architectures for count in (3, 9))
    assert list(many)[:3] == list(few)


def test_an_edge_that_cannot_be_left_out_is_refused(tiny: Path) -> None:
    fixed = tiny.with_name("fixed.darts")
    fixed.write_text(
        tiny.read_text().replace(
            "all -> n0, n1 : own",
            "all -> n0 : own\n  edge c0, c1 -> n1 : own\n  edge n0 -> n1 : skip_connect",
            1,
        )
    )
    with pytest.raises(
        UserError, match="derive = sampled leaves out edge by edge, and cell `normal` has edges into"
    ):
        run(fixed, "run", **SHARED)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"derive": "connected"}, "learns no alphas, by which `derive = connected` could go"),
        ({"derive": "perturbation"}, "relaxation = uniform computes one operation an edge"),
        ({"order": "2"}, "order is about alphas, and the relaxation `uniform` learns none"),
        ({"penalty": ("entropy",)}, "penalty is about alphas"),
        ({"stop": "skips"}, "stop is about alphas"),
        ({"curvature": 1}, "curvature is about alphas"),
        ({"edge_weights": True}, "edge_weights is about alphas"),
        ({"perturb": "random"}, "which runs one operation on each edge"),
        ({"freeze": True}, "which runs one operation on each edge"),
        ({"skip_limit": 1}, "skip_limit goes by the mixing weights"),
        (
            {"stages": "stage(keep = 2), stage(keep = 1)", "epochs": 4},
            "derive = sampled does not go with stages",
        ),
    ],
)
def test_what_it_does_not_go_with_is_refused(tiny: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        dartsl.search(tiny, tiny.parent / "run", data=tiny.parent / "images.npz", **{**SHARED, **changes})
    assert not (tiny.parent / "run").exists()


def test_gradients_of_no_alphas_are_not_compared(tiny: Path) -> None:
    with pytest.raises(UserError, match="learns no alphas, and has no gradients of them"):
        dartsl.check_gradients(tiny, data=tiny.parent / "images.npz", **SHARED)
