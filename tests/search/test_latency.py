"""Latencies of the parts of a network, by a clock that counts; files of costs, and searches by them."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

import dartsl
from dartsl.graph import count
from dartsl.graph.budget import amounts, budget, cell_layers, outside
from dartsl.graph.build import build
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.values import SearchConfig, coerce
from dartsl.nn.build import Build
from dartsl.run.folder import RunFolder
from dartsl.searching.latency import Setup, alone, as_found, latencies
from dartsl.searching.prices import CostTable, digest, pricing, read_costs
from tests.search.runs import checkpoint_of, rows, same

TEXT = """darts 1

import "std/cnn"

cell first {
  input  c0 : preprocess
  node   a, b : sum keep 1
  edge   all -> a, b : none | skip_connect | max_pool_3x3 | sep_conv_3x3
  output b
}

cell free {
  input  c0
  node   n : sum
  edge   c0 -> n : none | relu_conv_bn(1)
  edge   c0 -> n : conv(1) > mix_bn
  output n
}

network net(C = 2) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage first > first/2 > free  width C
  head  global_avg_pool > linear(10)
}
"""


def planned(text: str = TEXT, **parameters: int) -> Plan:
    spec = check(Source("net.darts", text))
    return plan(spec, spec.networks["net"], {name: Fraction(value) for name, value in parameters.items()})


class Counting:
    """A clock whose seconds are 1, 2, 3, ... of the terms that it times, and 0.5 of what does nothing: the median."""

    def __init__(self) -> None:
        self.terms = 0
        self.calls: list[int] = []

    def seconds(self, call: Callable[[], None], repeats: int) -> list[float]:
        call()
        self.calls.append(repeats)
        if len(self.calls) % 2:  # to warm up
            return [float("nan")] * repeats
        self.terms += 1
        middle = 0.5 if self.terms == 1 else self.terms - 1 + 0.5
        return [middle, 1e9, 0.0]


@pytest.fixture(scope="module")
def measured() -> tuple[CostTable, list[int], list[tuple[int, int]]]:
    clock, seen = Counting(), []
    setup = Setup(Build(), batch=2, repeats=3, warm=1, threads=1)
    table = latencies(
        check(Source("net.darts", TEXT)),
        planned(),
        setup,
        clock=clock,
        watch=lambda *done: seen.append(done),
    )
    return table, clock.calls, seen


@pytest.fixture
def table(measured: tuple[CostTable, list[int], list[tuple[int, int]]]) -> CostTable:
    return measured[0]


def test_what_is_measured(measured: tuple[CostTable, list[int], list[tuple[int, int]]]) -> None:
    """In order: stem, preprocessing of three inputs, head; then what is new on the edges of the layers."""
    table, calls, seen = measured
    assert table.outside == {"stem0": 1000, "layer0.c0": 2000, "layer1.c0": 2000, "head": 3000}
    one, strided, free = (table.edges[f"layer{number}"] for number in range(3))
    same_shapes = {"none": 0, "skip_connect": 0, "max_pool_3x3": 4000, "sep_conv_3x3": 5000}
    assert one == [{"edge": e, "candidates": same_shapes} for e in ("c0 -> a", "c0 -> b", "a -> b")]
    reduced = {"none": 0, "skip_connect": 6000, "max_pool_3x3": 7000, "sep_conv_3x3": 8000}
    assert [entry["candidates"] for entry in strided[:2]] == [reduced, reduced]
    smaller = {"none": 0, "skip_connect": 0, "max_pool_3x3": 9000, "sep_conv_3x3": 10000}
    assert strided[2]["candidates"] == smaller
    assert free[0] == {"edge": "c0 -> n", "candidates": {"none": 0, "relu_conv_bn(1)": 11000}}
    assert free[1]["edge"] == "c0 -> n (2)"
    assert list(free[1]["candidates"].values()) == [12000]
    assert calls == [1, 3] * 13
    assert seen == [(done, 12) for done in range(13)]
    facts = {"type": "cpu", "threads": 1, "dtype": "float32", "batch": 2, "level": 2, "repeats": 3}
    assert facts.items() <= table.measured.items()
    assert {"dartsl", "torch"} <= table.measured["versions"].keys()


def test_parts_are_those_of_a_found_network() -> None:
    """Parameters of all parts, batch norms' included, by what is built of them, against those that are counted."""
    here = planned()
    costs = budget(here, pricing("parameters")(here))
    everything = sum(
        0 if (found := as_found(term)) is None else count.parameters(build(alone(here, found)))
        for layer in cell_layers(here)
        for terms in layer.edges
        for term in terms
    )
    assert everything == sum(sum(row) for each in costs.cells for row in each.rows)
    stems = [count.parameters(build(alone(here, term))) for _, term in outside(here) if as_found(term)]
    assert sum(stems) < costs.fixed  # preprocessing there has batch norms without parameters
    assert (
        sum(count.parameters(build(alone(here, as_found(term) or term))) for _, term in outside(here))
        == costs.fixed
    )


def test_prices(table: CostTable) -> None:
    here = planned()
    prices = table.prices(here, "x.json")
    low, high = budget(here, prices).span()
    outside_of_edges = 1000 + 2 * 2000 + 3000 + 12000
    assert (low, high) == (outside_of_edges + 6000, outside_of_edges + 2 * 5000 + 8000 + 10000 + 11000)
    assert amounts(prices.unit, low, high) == "26,000 to 59,000 ms"
    uniform = {"first": [[0.25] * 4] * 3, "free": [[0.5] * 2]}
    # One of one edge into `a` stays, one of two into `b`.
    cells = (9000 + 9000 / 2 + 9000 / 2) / 4 + (21000 + 21000 / 2 + 19000 / 2) / 4
    assert budget(here, prices).expected(uniform) == pytest.approx(
        outside_of_edges + cells + 11000 / 2, rel=1e-12
    )


def test_a_file_is_what_was_measured(table: CostTable, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(table.text())
    assert read_costs(tmp_path / "t.json") == table


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("format",), 2, "`format` is missing"),
        (("unit",), None, "`unit` is missing"),
        (("outside", "head"), -1.0, "`outside.head` is missing"),
        (("outside", "head"), float("nan"), "`outside.head` is missing"),
        (
            ("edges", "layer1", 2, "candidates", "none"),
            "0",
            r"`edges.layer1\[2\].candidates.none` is missing",
        ),
        (("more",), 1, "`more` is missing"),
        (("network_hash",), "0", "`network_hash` is missing"),
        (("measured",), {}, "`measured.device` is missing"),
    ],
)
def test_a_file_that_is_none(
    path: tuple[Any, ...], value: Any, said: str, table: CostTable, tmp_path: Path
) -> None:
    found = json.loads(table.text())
    place = found
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    (tmp_path / "t.json").write_text(json.dumps(found))
    with pytest.raises(dartsl.UserError, match=f"t.json: {said}"):
        read_costs(tmp_path / "t.json")
    (tmp_path / "t.json").write_text(table.text()[:-9])
    with pytest.raises(dartsl.UserError, match=r"t.json is not JSON"):
        read_costs(tmp_path / "t.json")


def without(table: CostTable, layer: str, edge: int, candidate: str) -> CostTable:
    edges: Any = copy.deepcopy(table.edges)
    del edges[layer][edge]["candidates"][candidate]
    return replace(table, edges=edges)


@pytest.mark.parametrize(
    ("change", "text", "parameters", "said"),
    [
        (lambda t: replace(t, network="other"), TEXT, {}, "it is of `other`, and this is `net`"),
        (lambda t: t, TEXT, {"C": 4}, "its C is 2, and here it is 4"),
        (lambda t: without(t, "layer1", 2, "none"), TEXT, {}, "it lacks the candidate `none` on edge a -> b"),
        (lambda t: t, TEXT.replace(" | max_pool_3x3", ""), {}, "it has the candidate `max_pool_3x3` on"),
        (lambda t: t, TEXT.replace("first/2 >", ""), {}, "it has the part `layer1.c0`, which is not in this"),
        (lambda t: t, TEXT.replace("first/2 >", "first/2 > first >"), {}, "it lacks the part `layer2.c0`"),
        (lambda t: replace(t, edges={**t.edges, "layer2": t.edges["layer2"][:1]}), TEXT, {}, "the edges of layer2 are"),
        (lambda t: t, TEXT.replace("image(1, 8, 8)", "image(1, 9, 9)"), {}, "its operations, or their widths"),
        (lambda t: t, TEXT.replace("conv(3, out = C)", "conv(5, out = C)"), {}, "its operations, or their widths"),
    ],
)  # fmt: skip
def test_a_file_of_another_network(
    change: Callable[[CostTable], CostTable],
    text: str,
    parameters: dict[str, int],
    said: str,
    table: CostTable,
) -> None:
    with pytest.raises(dartsl.UserError) as caught:
        change(table).prices(planned(text, **parameters), "t.json")
    assert str(caught.value.message).startswith(f"t.json is of another network: {said}")


def test_settings_and_comments_make_no_other_network() -> None:
    assert digest(planned(TEXT + '\n# a comment\nsearch { cost = "a.json" target = 2 }\n')) == digest(
        planned()
    )


def test_what_the_setting_takes() -> None:
    field = SearchConfig.__dataclass_fields__["cost"]
    assert [coerce(field, value) for value in ("parameters", "a/b.json")] == ["parameters", "a/b.json"]
    with pytest.raises(ValueError, match=r'"multiply_adds", "parameters" or the path of a ".json" file'):
        coerce(field, "costs.txt")


def test_a_search_by_a_file(table: CostTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its path starts from the spec; the run has a copy, by which it goes on bit for bit, and is derived from."""
    (tmp_path / "spec" / "costs").mkdir(parents=True)
    settings = (
        'penalty = "cost" cost = "costs/cpu.json" target = 40000 alphas_lr = 0.1 epochs = 2 batch = 300'
    )
    (tmp_path / "spec" / "net.darts").write_text(f"{TEXT}\nsearch {{ {settings} }}\n")
    given: dict[str, Any] = {"data": "digits", "crop": 0, "flip": False, "quiet": True}
    with pytest.raises(dartsl.UserError, match=r"cannot read .*/spec/costs/cpu.json"):
        dartsl.search(tmp_path / "spec" / "net.darts", tmp_path / "none", **given)
    costs = tmp_path / "spec" / "costs" / "cpu.json"
    costs.write_text(table.text())
    monkeypatch.chdir(tmp_path)
    whole = dartsl.search(Path("spec/net.darts"), "whole", **given).path
    cut = dartsl.search(Path("spec/net.darts"), "cut", on_step=lambda step: True, **given).path
    costs.unlink()
    dartsl.resume(cut, quiet=True)
    same(checkpoint_of(whole), checkpoint_of(cut))
    assert rows(whole / "history.jsonl") == rows(cut / "history.jsonl")
    first, last = rows(whole / "history.jsonl")
    assert 40_000 > first["cost"] > last["cost"] > 20_000
    assert RunFolder.open(cut).info.settings["cost"] == "costs.json"
    device, (line,) = (
        table.measured["device"],
        [line for line in (cut / "found.darts").read_text().splitlines() if line.startswith("# cost ")],
    )
    assert line.endswith(f" ms on {device}, target 40,000")
    copied = cut / "costs.json"
    copied.write_text(copied.read_text().replace("12000", "12001"))
    for go_on in (dartsl.derive, lambda run: dartsl.resume(run, quiet=True)):
        with pytest.raises(
            dartsl.UserError, match=r"costs\.json is not the file that the run was started with"
        ):
            go_on(cut)


def test_a_target_is_asked_for_in_the_unit_of_the_file(table: CostTable, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(table.text())
    (tmp_path / "net.darts").write_text(TEXT)
    with pytest.raises(dartsl.UserError, match="needs a target") as caught:
        dartsl.search(
            tmp_path / "net.darts",
            tmp_path / "run",
            data="digits",
            penalty=["cost"],
            cost=str(tmp_path / "t.json"),
        )
    assert "such as --target 42500: networks of this space have 26,000 to 59,000 ms" in str(caught.value.help)
    found = dartsl.info(tmp_path / "net.darts", memory="none", cost=tmp_path / "t.json").found
    assert found is not None
    assert found["ms"] == (26_000, 59_000)
