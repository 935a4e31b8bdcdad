"""Searches with a skip connection beside the candidates of each edge (DARTS-)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import dartsl
from dartsl.graph.build import build
from dartsl.graph.operations import info
from dartsl.graph.passes import optimise
from dartsl.graph.prune import prune
from dartsl.graph.tables import SKIP
from dartsl.graph.target import LEVELS
from dartsl.graph.verify import verify
from dartsl.lang.codes.source import Source
from dartsl.nn.build import Build
from dartsl.nn.passing import Pass, Scheduled
from dartsl.nn.supernet import Supernet
from dartsl.searching import loop
from tests.passes.same import CPU, compare, planned_text
from tests.search.runs import STEPS, checkpoint_of, quiet, run, same_runs

SPEC = """darts 1

import "std/cnn"

cell normal {
  input  a, b : preprocess
  node   n, m : sum keep 1
  edge   all -> n : none | skip_connect | relu_conv_bn(3)
  edge   a, n -> m : skip_connect | relu_conv_bn(3)
  edge   b -> m : none | max_pool_3x3 | relu_conv_bn(1)
  output concat(n, m)
}

network small(C = 2) {
  input image(1, 8, 8)
  stem  conv(3) > bn
  stage normal > normal/2  width C
  head  global_avg_pool > linear(10)
}
"""
WIDE = SPEC.replace("node   n, m : sum keep 1", "node   n : concat\n  node   m : sum")
WIDE = WIDE.replace("all -> n : none |", "all -> n :").replace(
    "a, n -> m : skip_connect |", "a, n -> m : none |"
)
ODD = SPEC.replace("skip_connect", "max_pool_3x3").replace("preprocess", "relu_conv_bn(1)")
ODD = ODD.replace("width C", "width C + 1")


def built(level: int, *, edge_weights: bool = False, beside: bool = True) -> Supernet:
    planned = planned_text(SPEC)
    graph = build(planned, auxiliary_skip=beside)
    chosen = graph if level == 0 else optimise(graph, level, CPU).graph
    made = Supernet(planned, chosen, Build(level=0, dtype=torch.float64, edge_weights=edge_weights))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for _, parameter in sorted(made.named_parameters()):
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64), alpha=0.3)
    return made


@pytest.mark.parametrize("level", LEVELS[1:])
@pytest.mark.parametrize("edge_weights", [False, True])
def test_every_level_computes_the_same(level: int, edge_weights: bool) -> None:
    compare(built(0, edge_weights=edge_weights), built(level, edge_weights=edge_weights))


def test_a_skip_of_no_weight_is_none() -> None:
    """And its modules change no first number of the others."""
    plain, beside = (
        dartsl.compile(Source("s.darts", SPEC), dtype="float64", auxiliary_skip=each)
        for each in (False, True)
    )
    added = beside.state_dict().keys() - plain.state_dict().keys()
    assert added
    assert all(".auxiliary_skip." in name for name in added)
    assert all(torch.equal(value, beside.state_dict()[name]) for name, value in plain.state_dict().items())
    images = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    wanted = plain(images, None, Pass(frozen=True))
    zero, half = (
        beside(images, None, Pass(frozen=True, scheduled=Scheduled(auxiliary_skip=b))) for b in (0, 0.5)
    )
    torch.testing.assert_close(zero, wanted, rtol=1e-10, atol=1e-12)
    assert (half - wanted).abs().max() > 1e-3
    assert beside.mixing_weights()["normal"].shape == plain.mixing_weights()["normal"].shape


def test_edge_weights_weigh_it_too() -> None:
    """The node is the sum of softmax(beta)_j times (the mixture and the skip connection)."""
    model = built(0, edge_weights=True)
    (given,) = model._mixing(Pass(scheduled=Scheduled(auxiliary_skip=0.25)))
    torch.testing.assert_close(given[:, -1], 0.25 * given[:, :-1].sum(dim=1))


def test_it_stays_when_candidates_go() -> None:
    graph = build(planned_text(SPEC), auxiliary_skip=True)
    pruned = prune(graph, {"normal": dict.fromkeys(range(5), (1,))})
    verify(pruned.graph)
    (table,) = info(pruned.graph).alphas
    assert (table.sizes, table.beside, table.after(SKIP)) == ((1,) * 5, (SKIP,), 1)
    made = Supernet(planned_text(SPEC), pruned.graph, Build(level=0))
    assert made(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize("order", ["1", "exact"])
def test_an_interrupted_run_goes_on_bit_for_bit(
    tiny: Path, stop_after: Callable[[int], None], order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny, "whole", order=order, auxiliary_skip=True)
    stop_after(STEPS + 2)
    assert not run(tiny, "parts", order=order, auxiliary_skip=True).finished
    monkeypatch.undo()
    torch.rand(3)
    assert loop.resume(tiny.parent / "parts", console=quiet()).finished
    same_runs(tiny.parent / "whole", tiny.parent / "parts")
    names = checkpoint_of(tiny.parent / "parts")["state"]["model"]
    assert any(".auxiliary_skip." in name for name in names)
    assert "auxiliary_skip" not in (tiny.parent / "parts" / "found.darts").read_text()
    history = [row["schedules"]["auxiliary_skip"] for row in dartsl.Run(tiny.parent / "parts").history]
    assert history == [1.0, 0.5]


def test_the_network_of_a_run_has_it_as_in_the_last_epoch(tiny: Path) -> None:
    """Its weights were learnt beside 1/2 of a skip connection; evaluation is not perturbed."""
    path = run(tiny, "run", auxiliary_skip=True, perturb="random", relaxation="gumbel").path
    model = dartsl.Run(path).model(device="cpu")
    images = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found, plain, wanted = (
            model(images, pass_=each)
            for each in (None, Pass(), Pass(scheduled=Scheduled(temperature=1.0, auxiliary_skip=0.5)))
        )
    assert torch.equal(found, wanted)
    assert not torch.equal(found, plain)


@pytest.mark.parametrize("text", [WIDE, ODD])
def test_an_edge_that_it_does_not_fit_is_shown(text: str) -> None:
    with pytest.raises(dartsl.SpecError) as fault:
        dartsl.compile(Source("s.darts", text), auxiliary_skip=True)
    assert {each.code for each in fault.value.diagnostics} == {"E0611"}
    dartsl.check(Source("s.darts", text))
    with pytest.raises(dartsl.SpecError) as fault:
        dartsl.check(Source("s.darts", text + "search { auxiliary_skip = true }"))
    assert {each.code for each in fault.value.diagnostics} == {"E0611"}
