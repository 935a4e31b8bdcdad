"""A relaxation of one's own, one file each (erf.py, gated.py), goes through all of dartsl."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

import dartsl
from dartsl.cli import cli
from dartsl.graph.build import build
from dartsl.graph.passes import optimise
from dartsl.graph.target import LEVELS
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.settings.methods import NAMES, register
from dartsl.run.folder import RunFolder
from dartsl.run.kinds import ALPHAS
from dartsl.searching.shares import cell_shares
from tests.passes.same import CPU, compare, model, planned_text
from tests.toys import erf, gated

SPEC = """darts 1

cell normal {
  input  a, b : relu > conv(1) > bn
  node   n, m : sum keep 1
  edge   all -> n : none | identity | relu > conv(3) > bn
  edge   a, n -> m : none | identity | relu > conv(3) > bn
  edge   b -> m : identity | relu > conv(1) > bn
  output concat(n, m)
}

network small(C = 2) {
  input image(1, 8, 8)
  stem  conv(3) > bn
  stage normal > normal  width C
  head  global_avg_pool > linear(10)
}

search { relaxation = "erf" epochs = 1  batch = 500  alphas_lr = 0.1  crop = 1  flip = false  data = "digits" }
"""
# (source, target) of each row, and the candidates that could win, by column: `none` could not.
ROWS = [("a", "n"), ("b", "n"), ("a", "m"), ("n", "m"), ("b", "m")]
ABLE = [[1, 2]] * 4 + [[0, 1]]
THREE = ["none", "identity", "relu > conv(3) > bn"]
LABELS = [THREE] * 4 + [["identity", "relu > conv(1) > bn"]]


@pytest.fixture(autouse=True)
def toys() -> Iterator[None]:
    for each in (erf, gated):
        each.add()
    yield
    for each in (erf, gated):
        each.remove()


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    (tmp_path / "toy.darts").write_text(SPEC)
    return RunFolder.open(dartsl.search(tmp_path / "toy.darts", tmp_path / "run").path)


def rewritten(run: RunFolder, recorded: Mapping[str, Any]) -> RunFolder:
    """The run with another last row of alphas."""
    (run.path / "alphas.jsonl").write_text(json.dumps({"epoch": 1, **recorded}) + "\n")
    return run


def squashed(alpha: float) -> float:
    return (1 + math.erf(alpha)) / 2


def naive(weights: Sequence[Sequence[float]], edges: Sequence[float] = (1,) * 5) -> set[tuple[str, str, str]]:
    """Into each node the one edge whose strongest operation but `none`, times the weight of the edge, is largest."""
    found = set()
    for node in ("n", "m"):
        ranked = []
        for row, (source, target) in enumerate(ROWS):
            best = max(ABLE[row], key=lambda column: weights[row][column])
            if target == node:
                ranked.append((edges[row] * weights[row][best], source, LABELS[row][best]))
        _, source, label = max(ranked)
        found.add((source, node, label))
    return found


def kept(text: str) -> set[tuple[str, str, str]]:
    """The edges of a found file."""
    lines = re.findall(r"edge +(\w+) -> (\w+) : (.*?) +#", text)
    return {(source, target, label) for source, target, label in lines}


def test_a_spec_may_name_it() -> None:
    spec = dartsl.check(Source("toy.darts", SPEC))
    assert spec.search["relaxation"] == "erf"
    dartsl.info(spec, memory="none")
    assert "conv(3)" in dartsl.draw(spec)
    with pytest.raises(dartsl.SpecError) as fault:
        dartsl.check(Source("toy.darts", SPEC.replace('"erf"', '"erff"')))
    (found,) = fault.value.diagnostics
    assert (found.code, found.help) == ("E0603", "did you mean `erf`?")
    assert (
        found.primary.text
        == 'this must be "softmax", "sigmoid", "gumbel", "gumbel_hard", "dirichlet", "uniform", "erf" or "gated"'
    )


def test_options_name_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "toy.darts").write_text(SPEC.replace('relaxation = "erf" ', ""))
    given = CliRunner().invoke(cli, ["search", "toy.darts", "--relaxation", "erf", "--out", "run"])
    assert given.exit_code == 0, given.output
    assert RunFolder.open(tmp_path / "run").info.settings["relaxation"] == "erf"
    refused = CliRunner().invoke(cli, ["search", "toy.darts", "--relaxation", "erff"])
    assert (refused.exit_code, "'erff' is not" in refused.output) == (2, True)
    refused = CliRunner().invoke(cli, ["search", "toy.darts", "--penalty", "zero_one,entropi"])
    assert (refused.exit_code, "'zero_one,entropi' is not" in refused.output) == (2, True)


def test_names_of_a_list_are_judged_one_by_one() -> None:
    for text, names in {
        '"entropy"': ("entropy",),
        '["entropy", "zero_one"]': ("entropy", "zero_one"),
    }.items():
        spec = dartsl.check(Source("toy.darts", SPEC.replace("epochs = 1", f"penalty = {text}")))
        assert spec.search["penalty"] == names
    for text, words in {
        '["zero_one", "entropi"]': "did you mean `entropy`?",
        '["zero_one", "zero_one"]': "penalty: what is added to the validation loss for the alphas",
    }.items():
        with pytest.raises(dartsl.SpecError) as fault:
            dartsl.check(Source("toy.darts", SPEC.replace("epochs = 1", f"penalty = {text}")))
        assert fault.value.diagnostics[0].help == words


@pytest.mark.parametrize("name", ["erf", "gated"])
@pytest.mark.parametrize("level", LEVELS)
def test_every_level_computes_the_same(level: int, name: str) -> None:
    planned = planned_text(SPEC)
    plain = build(planned)
    compare(
        model(planned, plain, relaxation=name),
        model(planned, optimise(plain, level, CPU).graph, relaxation=name),
    )


def test_mixing_weights_are_what_it_says() -> None:
    planned = planned_text(SPEC)
    made = model(planned, build(planned), relaxation="erf")
    weights = made.mixing_weights()["normal"]
    torch.testing.assert_close(weights[:4], 0.5 * (1 + torch.erf(made.alpha("normal")))[:4])
    assert weights[4, 2] == 0  # that row has two candidates
    other = model(planned, build(planned), relaxation="gated")
    assert [name for name in other.state_dict() if "network" not in name] == ["alphas.normal", "gates.normal"]
    assert [each.shape for each in other.alpha_parameters()] == [(5, 3), (5,)]
    assert not {id(each) for each in other.alpha_parameters()} & {id(each) for each in other.weights()}
    of_edges = other.mixing_weights()["normal"].sum(dim=1)
    torch.testing.assert_close(of_edges, torch.sigmoid(other.alpha_parameters()[1]))


def test_a_search_with_it(run: RunFolder) -> None:
    """What it finds, its entropy, and its pictures against a computation without dartsl."""
    assert run.info.settings["relaxation"] == "erf"
    (row,), (history,) = run.rows(ALPHAS), run.history()
    weights = [[squashed(alpha) for alpha in alphas] for alphas in row["alphas"]["normal"]]
    assert [len(each) for each in weights] == [3, 3, 3, 3, 2]
    assert kept(run.found.read_text()) == naive(weights)
    entropies = [-sum(w / sum(each) * math.log(w / sum(each)) for w in each) for each in weights]
    assert history["entropy"]["normal"] == pytest.approx(sum(entropies) / 5, rel=1e-12)
    (cell,) = cell_shares(run)
    assert [edge.weights for edge in cell.edges] == [
        tuple((pytest.approx(w, rel=1e-12),) for w in each) for each in weights
    ]
    assert {edge.even for edge in cell.edges} == {0.5}
    assert dartsl.plot(run.path).read_text().startswith("<?xml")


def test_it_goes_on(run: RunFolder) -> None:
    before = run.rows(ALPHAS)
    assert dartsl.resume(run.path, epochs=2).finished
    assert run.rows(ALPHAS)[:1] == before
    assert len(run.rows(ALPHAS)) == 2
    assert run.rows(ALPHAS)[1]["alphas"] != before[0]["alphas"]


SCORES = [[9, 3, 3], [0, 0.5, -5], [9, -1, -2], [0, 1.5, -9], [1, 2]]


def test_edges_stay_by_its_weights(run: RunFolder) -> None:
    """The softmax would keep b -> n, whose row is the more decided one; a -> n weighs more."""
    rewritten(run, {"alphas": {"normal": SCORES}})
    weights = [[squashed(alpha) for alpha in row] for row in SCORES]
    text = dartsl.derive(run.path)
    assert kept(text) == naive(weights) == {("a", "n", "identity"), ("b", "m", "relu > conv(1) > bn")}
    assert re.search(rf"identity +# {squashed(3):.2f}", text)
    drawn = dartsl.draw(run.path)
    leads = [max(0.0, 2 * max(row[c] for c in able) - 1) for row, able in zip(weights, ABLE, strict=True)]
    widths = set(re.findall(r'penwidth="?([\d.]+)', drawn)) - {
        "1.2",
        "0.9",
    }  # of edges in a run, not of all others
    assert widths == {f"{1 + 5 * lead:.2f}" for lead in leads}
    path = run.path / "run.json"
    path.write_text(path.read_text().replace('"relaxation": "erf"', '"relaxation": "softmax"'))
    assert ("b", "n", "identity") in kept(dartsl.derive(run.path))


def test_a_run_that_names_none_is_one_of_the_softmax(run: RunFolder) -> None:
    rewritten(run, {"alphas": {"normal": SCORES}})
    path = run.path / "run.json"
    info = json.loads(path.read_text())
    del info["settings"]["relaxation"]
    path.write_text(json.dumps(info))
    assert ("b", "n", "identity") in kept(dartsl.derive(run.path))


def test_weights_of_edges_decide_which_stay(tmp_path: Path) -> None:
    (tmp_path / "toy.darts").write_text(SPEC)
    run = RunFolder.open(dartsl.search(tmp_path / "toy.darts", tmp_path / "run", relaxation="gated").path)
    (row,) = run.rows(ALPHAS)
    learnt = row["gates"]["normal"]
    assert len(learnt) == 5
    assert all(gate != 0 for gate in learnt)
    assert dartsl.resume(run.path, epochs=2).finished
    alphas = [[0.0, 0.1, 0.0]] * 4 + [[0.1, 0.0]]
    edges = [0.2, 0.8, 0.25, 0.7, 0.05]  # into n, and into m: what their gates stand for
    gates = [math.log(edge / (1 - edge)) for edge in edges]
    rewritten(run, {"alphas": {"normal": alphas}, "gates": {"normal": gates}})
    path = run.path / "run.json"
    path.write_text(path.read_text().replace('"epochs": 2', '"epochs": 1'))
    powers = [[math.exp(alpha) for alpha in each] for each in alphas]
    weights = [[power / sum(each) for power in each] for each in powers]
    assert kept(dartsl.derive(run.path)) == naive(weights, edges)
    assert naive(weights, edges) == {("b", "n", "identity"), ("n", "m", "identity")}
    rewritten(run, {"alphas": {"normal": alphas}, "gates": {"normal": gates[:4]}})
    with pytest.raises(UserError, match="is damaged"):
        dartsl.derive(run.path)
    rewritten(run, {"alphas": {"normal": alphas}})
    with pytest.raises(UserError, match="is damaged"):
        dartsl.derive(run.path)


def test_what_is_not_there_is_said(run: RunFolder) -> None:
    register("relaxation", "named", "a name without an implementation")
    try:
        with pytest.raises(UserError, match="nothing is there that computes the relaxation `named`"):
            dartsl.search(run.path.parent / "toy.darts", run.path.parent / "other", relaxation="named")
        assert not (run.path.parent / "other").exists()
    finally:
        del NAMES["relaxation"]["named"]
    erf.remove()
    try:
        with pytest.raises(UserError, match="with the relaxation `erf`, which is not known here"):
            dartsl.derive(run.path)
    finally:
        erf.add()
    for name, words in {"erf": "taken", "Erf": "lower-case", "a b": "identifier"}.items():
        with pytest.raises(ValueError, match=words):
            register("relaxation", name, "...")
