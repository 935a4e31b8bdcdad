"""A penalty and a stop rule of one's own, one file each (penalty.py, stop.py), go through all of dartsl."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

import dartsl
from dartsl.lang.check import check
from dartsl.lang.settings import SearchConfig
from dartsl.lang.source import Source
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile
from dartsl.run import loop as run_loop
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import ALPHAS
from dartsl.searching.method import Constant, Method, Moment
from dartsl.searching.step import SearchStep
from dartsl.step.batches import random_batches
from tests.toys import penalty, sigmoid, stop
from tests.toys.test_relaxations import SPEC

SETTINGS = 'penalty = "mean_square"  stop = "settled"  relaxation'
SPEC = SPEC.replace("relaxation", SETTINGS).replace("epochs = 1", "epochs = 9")
TOYS = (penalty, stop, sigmoid)


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


@pytest.mark.parametrize("look", [1, 3, 4])
def test_an_interrupted_search_goes_on_with_them(
    spec: Path, look: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = dartsl.search(spec, spec.parent / "whole")
    stop_at_look(look, monkeypatch)
    parts = dartsl.search(spec, spec.parent / "parts")
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
