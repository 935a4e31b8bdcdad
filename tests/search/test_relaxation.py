"""Searches with relaxations other than the softmax: every order, and interrupted anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from dartsl.nn.passing import Pass
from dartsl.searching import loop
from dartsl.searching.products import exact_product
from tests.nn.specs import RAGGED, small
from tests.search.double_backward import double_backward
from tests.search.runs import STEPS, checkpoint_of, quiet, run, same_runs
from tests.search.test_products import batch_of, close
from tests.toys import erf, gated


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    for each in (erf, gated):
        each.add()
    yield
    for each in (erf, gated):
        each.remove()


@pytest.mark.parametrize(
    ("name", "order"), [("erf", "exact"), ("gated", "1"), ("gated", "2"), ("gumbel", "2"), ("dirichlet", "2")]
)
def test_an_interrupted_run_goes_on_bit_for_bit(
    tiny: Path,
    stop_after: Callable[[int], None],
    name: str,
    order: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run(tiny, "whole", order=order, relaxation=name)
    stop_after(STEPS + 2)
    assert not run(tiny, "parts", order=order, relaxation=name).finished
    monkeypatch.undo()
    torch.rand(3)
    assert loop.resume(tiny.parent / "parts", console=quiet()).finished
    same_runs(tiny.parent / "whole", tiny.parent / "parts")


def test_what_is_learnt_beside_the_alphas_is_saved(tiny: Path) -> None:
    run(tiny, "run", relaxation="gated")
    state = checkpoint_of(tiny.parent / "run")["state"]
    assert state["model"]["gates.normal"].abs().min() > 0
    assert len(state["alphas_optimizer"]["state"]) == 4  # alphas and gates of two cells


@pytest.mark.parametrize("name", ["sigmoid", "gumbel", "gumbel_hard", "dirichlet", "gated"])
@pytest.mark.parametrize("level", [0, 2])
def test_the_exact_product_is_that_of_double_backward(level: int, name: str) -> None:
    model = small(RAGGED, dtype="float64", level=level, relaxation=name)
    train = batch_of(model, 1)
    generator = torch.Generator().manual_seed(2)
    direction = [torch.randn(w.shape, generator=generator, dtype=w.dtype) for w in model.weights()]
    pass_ = Pass(3, frozen=True)
    plain = small(RAGGED, dtype="float64", level=0, relaxation=name)
    expected = double_backward(plain, train, pass_, direction)
    assert len(expected) == len(model.alpha_parameters())
    assert all(float(product.abs().max()) > 0 for product in expected)
    close(exact_product(model, train, pass_, direction), expected)
