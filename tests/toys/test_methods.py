"""A penalty and a stop rule of one's own, one file each (penalty.py, stop.py), go through all of dartsl."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

import dartsl
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile
from dartsl.run import loop as run_loop
from dartsl.run.folder import RunFolder
from dartsl.run.interrupt import Interrupted
from dartsl.run.kinds import ALPHAS
from dartsl.searching.method import Constant, Method
from dartsl.searching.step import SearchStep
from dartsl.searching.terms import TERMS, Moment
from dartsl.step.batches import random_batches
from tests.search.runs import checkpoint_of
from tests.toys import erf, penalty, stop
from tests.toys.test_relaxations import SPEC

SETTINGS = 'penalty = "mean_square"  stop = "settled"  relaxation'
SPEC = SPEC.replace("relaxation", SETTINGS).replace("epochs = 1", "epochs = 9")
TOYS = (penalty, stop, erf)


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    for each in TOYS:
        each.add()
    yield
    for each in TOYS:
        each.remove()


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    (tmp_path / "toy.darts").write_text(SPEC)
    return tmp_path / "toy.darts"


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("order", ["1", "2", "exact"])
def test_a_penalty_adds_its_gradient_in_every_order(order: str, level: int) -> None:
    config = SearchConfig(
        order=order,
        penalty=("mean_square",),
        relaxation="sigmoid",
        dtype="float64",
        optimise=level,
        device="cpu",
    )
    model = compile(check(Source("toy.darts", SPEC)), None, {}, Build.of(config))
    step = SearchStep.of(model, Method.of(config, Constant(0.1)), config)
    like = next(model.parameters())
    train, validation = random_batches(model.plan, 3, like, torch.Generator().manual_seed(0))
    gradient = step.gradient(train, validation, 0)
    (before,) = [each.clone() for each in gradient.gradients]
    moment = Moment(3, 4)
    values = step.add_terms(gradient, moment)
    alphas = model.alpha("normal").detach()
    weights = torch.sigmoid(alphas)
    weights[4, 2] = 0  # that row has two candidates
    expected = 2.0 * 3 / 4 * 2 * weights * weights * (1 - torch.sigmoid(alphas)) / weights.numel()
    torch.testing.assert_close(gradient.gradients[0] - before, expected, rtol=1e-10, atol=1e-15)
    assert values["mean_square"].item() == pytest.approx(2.0 * 3 / 4 * float(weights.square().mean()))


def test_a_search_with_them(spec: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dartsl.check(spec)
    dartsl.info(spec, memory="none")
    result = dartsl.search(spec, spec.parent / "run")
    printed = capsys.readouterr().out
    run = RunFolder.open(result.path)
    rows, history = run.rows(ALPHAS), run.history()
    picked = [stop.strongest({"normal": row["alphas"]["normal"]}) for row in rows]
    first = next(place for place in range(1, len(picked)) if picked[place] == picked[place - 1])
    assert result.finished
    assert len(rows) == len(history) == first + 1 < 9
    assert f"stopped     after epoch {first + 1} of 9: no edge has changed its mind" in printed
    squares = [each["penalties"]["mean_square"] for each in history]
    assert squares[0] == 0.0  # it grows with the epochs, from 0
    assert 0 < squares[1] < 2.0
    assert dartsl.plot(result.path).read_text().count("mean_square") > 0
    assert dartsl.derive(result.path) == run.found.read_text()
    assert dartsl.resume(result.path).finished
    assert len(run.history()) == first + 1
    ended = rf"ended after epoch {first + 1} by its stop rule `settled`: no edge has changed its mind"
    with pytest.raises(dartsl.UserError, match=ended) as caught:
        dartsl.resume(result.path, epochs=20)
    assert caught.value.help == (
        "it stays ended with any number of epochs; start another search, without the rule: --stop none"
    )
    assert run.info.settings["epochs"] == 9
    assert run.found.exists()


@pytest.mark.parametrize(
    ("term", "message"),
    [
        (
            lambda model, moment: model.mixing_weights()["normal"].sum() * torch.inf,
            "penalty `own` is not finite",
        ),
        (
            lambda model, moment: (model.alpha("normal") * 0).sqrt().sum(),
            "gradient of the penalties is not finite",
        ),
    ],
)
def test_a_penalty_that_is_not_finite_is_reported_as_such(
    spec: Path, monkeypatch: pytest.MonkeyPatch, term: Any, message: str
) -> None:
    monkeypatch.setitem(TERMS.found, penalty.NAME, lambda config: term)
    with pytest.raises(
        dartsl.UserError, match=f"step 1 of epoch 1: the {message.replace('own', penalty.NAME)}"
    ):
        dartsl.search(spec, spec.parent / "run")
    assert checkpoint_of(spec.parent / "run")["state"]["step"] == 0


def test_a_penalty_may_be_a_constant_for_a_while(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as 0 in the first epochs."""
    monkeypatch.setitem(TERMS.found, penalty.NAME, lambda config: lambda model, moment: torch.tensor(0.5))
    run = dartsl.search(spec, spec.parent / "run", stop="none", epochs=1)
    assert RunFolder.open(run.path).history()[0]["penalties"] == {penalty.NAME: 0.5}


@pytest.mark.parametrize(("toy", "what"), [(penalty, "penalty `mean_square`"), (stop, "stop `settled`")])
def test_a_run_is_opened_where_its_method_is_known(spec: Path, toy: Any, what: str) -> None:
    run = dartsl.search(spec, spec.parent / "run")
    toy.remove()
    try:
        with pytest.raises(dartsl.UserError, match=f"a search with the {what}, which is not known here"):
            dartsl.derive(run.path)
    finally:
        toy.add()


def stop_at_look(number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is seen at the loop's n-th look."""

    class Flag:
        looks = 0

        @property
        def requested(self) -> bool:
            self.looks += 1
            return self.looks == number

    @contextmanager
    def flagged(_notify: Callable[[], None]) -> Iterator[Flag]:
        yield Flag()

    monkeypatch.setattr(run_loop, "interruption", flagged)


@pytest.mark.parametrize("look", [3])
def test_an_interrupted_search_goes_on_with_them(
    spec: Path, look: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = dartsl.search(spec, spec.parent / "whole")
    stop_at_look(look, monkeypatch)
    with pytest.raises(Interrupted) as caught:
        dartsl.search(spec, spec.parent / "parts")
    parts = caught.value.result
    assert not parts.finished
    monkeypatch.undo()
    assert dartsl.resume(parts.path).finished
    for name in (ALPHAS, "found.darts"):
        one, other = ((run.path / name).read_text().splitlines() for run in (whole, parts))
        assert [line for line in one if not line.startswith("#")] == [
            line for line in other if not line.startswith("#")
        ]
    penalties = [[row["penalties"] for row in RunFolder.open(run.path).history()] for run in (whole, parts)]
    assert penalties[0] == penalties[1]
