"""Searches with dropout after the skip connections of edges that offer a choice (P-DARTS)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

import dartsl
from dartsl.graph.build import build
from dartsl.graph.operations import application
from dartsl.graph.target import LEVELS
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.nn.build import Build
from dartsl.nn.passing import Pass, Scheduled
from dartsl.nn.supernet import Supernet, from_plan
from dartsl.searching import loop
from dartsl.searching.memory import step_peak
from tests.nn.specs import SEARCHED, small
from tests.passes.same import planned_text
from tests.search.runs import STEPS, quiet, run, same_runs

SPEC = """darts 1

import "std/cnn"

cell normal {
  input  a, b : preprocess
  node   n, m : sum keep 1
  edge   all -> n : none | skip_connect | relu_conv_bn(3)
  edge   a -> m : skip_connect | relu_conv_bn(3)
  edge   n -> m : identity | relu_conv_bn(3)
  edge   b -> m : skip_connect
  output concat(n, m)
}

network small(C = 2) {
  input image(1, 8, 8)
  stem  conv(3) > bn
  stage normal > normal/2  width C
  head  global_avg_pool > linear(10)
}
"""
HALF = Pass(3, frozen=True, scheduled=Scheduled(skip_dropout=0.5))


def made(level: int = 2, memory: str = "normal", *, dropout: bool = True) -> Supernet:
    built = Build(level=level, memory=memory, dtype="float64", skip_dropout=dropout)
    return from_plan(check(Source("s.darts", SPEC)), planned_text(SPEC), built)


def images() -> Tensor:
    return torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_where_it_stands() -> None:
    """After the skip connections without a stride of edges with a choice, of each layer for itself."""
    graph = build(planned_text(SPEC), skip_dropout=True)
    dropped = {node for node in graph if application(graph, node).kind == "skip_dropout"}
    wanted = ["n.a.skip_connect", "n.b.skip_connect", "m.a.skip_connect", "m.n.identity"]
    assert dropped == {
        *(f"layer0.{each}.skip_dropout" for each in wanted),
        "layer1.m.n.identity.skip_dropout",
    }


@pytest.mark.parametrize("level", LEVELS[1:])
def test_every_level_draws_the_same(level: int) -> None:
    plain, passed = made(0), made(level)
    for model in (plain, passed):
        found = model(images(), None, HALF)
        assert not torch.allclose(
            found, model(images(), None, Pass(4, frozen=True, scheduled=HALF.scheduled))
        )
        found.sum().backward()
    torch.testing.assert_close(
        passed(images(), None, HALF), plain(images(), None, HALF), rtol=1e-10, atol=1e-12
    )
    for (name, one), other in zip(plain.named_parameters(), passed.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-10, atol=1e-12, msg=name)


def test_what_is_computed_twice_is_dropped_alike() -> None:
    plain, low = made(), made(memory="low")
    for model in (plain, low):
        model(images(), None, HALF).sum().backward()
    for one, other in zip(plain.parameters(), low.parameters(), strict=True):
        torch.testing.assert_close(other.grad, one.grad, rtol=1e-10, atol=1e-12)


def test_without_a_rate_and_in_evaluation_nothing_is_dropped() -> None:
    plain, dropped = made(0, dropout=False), made(0)
    assert plain.state_dict().keys() == dropped.state_dict().keys()
    assert torch.equal(plain(images(), None, Pass(frozen=True)), dropped(images(), None, Pass(frozen=True)))
    assert torch.equal(plain.eval()(images(), None, HALF), dropped.eval()(images(), None, HALF))


def test_all_may_be_dropped() -> None:
    """At the rate 1 a skip connection gives zeros, as torch's dropout does."""
    found = made()(images(), None, Pass(frozen=True, scheduled=Scheduled(skip_dropout=1.0)))
    assert bool(found.isfinite().all())


def test_the_estimate_of_memory_counts_masks() -> None:
    plain, dropped = (small(SEARCHED, device="meta").plan for _ in range(2))
    peaks = [
        step_peak(Supernet(each, build(each, skip_dropout=on), Build(device="meta", skip_dropout=on)), 8, "1")
        for each, on in ((plain, False), (dropped, True))
    ]
    assert peaks[1] > 1.01 * peaks[0]


@pytest.mark.parametrize("order", ["1", "2"])
def test_an_interrupted_run_goes_on_bit_for_bit(
    tiny: Path, stop_after: Callable[[int], None], order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny, "whole", order=order, skip_dropout=0.3)
    stop_after(STEPS + 2)
    assert not run(tiny, "parts", order=order, skip_dropout=0.3).finished
    monkeypatch.undo()
    torch.rand(3)
    assert loop.resume(tiny.parent / "parts", console=quiet()).finished
    same_runs(tiny.parent / "whole", tiny.parent / "parts")
    rates = [row["schedules"]["skip_dropout"] for row in dartsl.Run(tiny.parent / "parts").history]
    assert rates == [0.15, 0.3]  # of two epochs the first is one of warmup


def test_a_network_of_text_has_none() -> None:
    with pytest.raises(UserError, match="is for networks of images"):
        dartsl.search("darts_rnn", skip_dropout=0.1)
