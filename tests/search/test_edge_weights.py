"""Searches with a learnt weight for each edge: every relaxation, interrupted anywhere, and what is shown of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import dartsl
from dartsl.graph.build import build
from dartsl.graph.passes import optimise
from dartsl.graph.target import LEVELS
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.nn.build import Build
from dartsl.nn.supernet import Supernet
from dartsl.run.kinds import ALPHAS
from dartsl.searching import loop
from dartsl.searching.connected import derive_network
from dartsl.searching.readouts import Reading
from dartsl.searching.rules import Rule
from tests.passes.same import CPU, compare, planned_text
from tests.search.runs import STEPS, checkpoint_of, quiet, run, same_runs

MERGES = """darts 1

cell normal {
  input  a, b : relu > conv(1) > bn
  node   n : sum keep 1
  node   m : product
  node   o : sum
  edge   all -> n : none | identity | relu > conv(3) > bn
  edge   a, n -> m : identity | relu > conv(3) > bn
  edge   a -> o : identity
  edge   m, n -> o : none | relu > conv(1) > bn
  output concat(n, o)
}

network small(C = 2) {
  input image(1, 8, 8)
  stem  conv(3) > bn
  stage normal > normal  width C
  head  global_avg_pool > linear(10)
}
"""


@pytest.mark.parametrize("order", ["1", "2", "exact"])
def test_an_interrupted_run_goes_on_bit_for_bit(
    tiny: Path, stop_after: Callable[[int], None], order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny, "whole", order=order, edge_weights=True)
    stop_after(STEPS + 2)
    assert not run(tiny, "parts", order=order, edge_weights=True).finished
    monkeypatch.undo()
    torch.rand(3)
    assert loop.resume(tiny.parent / "parts", console=quiet()).finished
    same_runs(tiny.parent / "whole", tiny.parent / "parts")
    state = checkpoint_of(tiny.parent / "parts")["state"]
    assert state["model"]["betas.normal"].shape == (5,)
    assert len(state["alphas_optimizer"]["state"]) == 4  # alphas and betas of two cells


def built(level: int, relaxation: str) -> Supernet:
    planned = planned_text(MERGES)
    graph = build(planned)
    made = Supernet(
        planned,
        graph if level == 0 else optimise(graph, level, CPU).graph,
        Build(level=0, dtype=torch.float64, relaxation=relaxation, edge_weights=True),
    )
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for _, parameter in sorted(made.named_parameters()):
            parameter.add_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64), alpha=0.3)
    return made


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("relaxation", ["softmax", "sigmoid", "gumbel"])
def test_every_level_computes_the_same_with_every_relaxation(level: int, relaxation: str) -> None:
    compare(built(0, relaxation), built(level, relaxation))


def test_edges_that_are_summed_share_their_node() -> None:
    """Edges into a product count as they are, and so does an edge that offers no choice."""
    model = built(0, "softmax")
    betas = dict(model.named_parameters())["betas.normal"].tolist()
    rows = model.mixing_weights()["normal"].sum(dim=1).tolist()
    powers = [math.exp(beta) for beta in betas]
    wanted = [powers[0] / sum(powers[:2]), powers[1] / sum(powers[:2]), 1, 1]
    wanted += [powers[4] / sum(powers[4:]), powers[5] / sum(powers[4:])]
    assert rows == pytest.approx(wanted, rel=1e-12)


def test_penalties_see_each_edge_by_itself() -> None:
    model = built(0, "softmax")
    whole = model.expected_weights()["normal"].sum(dim=1)
    torch.testing.assert_close(whole, torch.ones(6, dtype=torch.float64))


def test_betas_start_near_zero_and_alphas_as_they_did() -> None:
    plain, weighted = (dartsl.compile(Source("m.darts", MERGES), edge_weights=each) for each in (False, True))
    assert torch.equal(plain.alpha("normal"), weighted.alpha("normal"))
    betas = dict(weighted.named_parameters())["betas.normal"]
    assert 0 < float(betas.detach().abs().max()) < 5e-3
    assert len(plain.alpha_parameters()) == 1


def test_what_is_shown_of_them(tiny: Path) -> None:
    tiny.write_text(tiny.read_text().replace("epochs    = 2", "epochs = 2  edge_weights = true"))
    found = dartsl.search(tiny, tiny.parent / "run", data=str(tiny.parent / "images.npz"), device="cpu")
    folder = tiny.parent / "run"
    row = json.loads((folder / ALPHAS).read_text().splitlines()[-1])
    betas = {"n0": row["betas"]["normal"][:2], "n1": row["betas"]["normal"][2:]}
    wanted = {
        f"{source} -> {node}": math.exp(beta) / sum(map(math.exp, betas[node]))
        for node, sources in (("n0", ("c0", "c1")), ("n1", ("c0", "c1", "n0")))
        for source, beta in zip(sources, betas[node], strict=True)
    }
    assert dartsl.Run(found.path).edge_weights()["normal"] == pytest.approx(wanted, rel=1e-12)
    drawn = dartsl.draw(folder, cell="normal")
    assert sorted(drawn.count(f"\N{MULTIPLICATION SIGN} {share:.2f}") for share in wanted.values())[0] > 0
    picture = dartsl.plot(folder).read_text()
    assert picture.count("\N{MULTIPLICATION SIGN}") == 10
    assert "what the edge counts" in picture
    row["betas"]["normal"].pop()
    (folder / ALPHAS).write_text(json.dumps(row) + "\n")
    with pytest.raises(UserError, match="is damaged"):
        dartsl.derive(folder)


@pytest.mark.parametrize("rule", ["connected", "argmax", "threshold"])
def test_found_networks_keep_edges_by_them(rule: str) -> None:
    """The strongest candidate would keep the edge of `a`, its product with the weight of the edge keeps that of `b`."""
    spec = dartsl.check(Source("m.darts", MERGES))
    weights = [[0.1, 0.2, 0.7], [0.1, 0.3, 0.6], [0.8, 0.2], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]]
    kept = {
        edges: {
            kept.edge.source
            for kept in derive_network(
                spec, spec.networks["small"], {"C": 2}, {"normal": Reading(weights, edges)}, Rule(rule, 0.5)
            ).cells[0].edges
            if kept.edge.target == "n"
        }
        for edges in [(), (0.4, 0.6, 1.0, 1.0, 0.5, 0.5)]
    }  # fmt: skip
    assert list(kept.values()) == [{"a"}, {"b"}]


def test_a_search_without_has_none_to_show(tiny: Path) -> None:
    run(tiny, "run", epochs=1, warmup=0)
    assert "\N{MULTIPLICATION SIGN}" not in dartsl.draw(tiny.parent / "run")
    with pytest.raises(UserError, match="a search without edge weights"):
        dartsl.Run(tiny.parent / "run").edge_weights()
