"""`derive = threshold` and `skip_limit`, from the settings to the found file and all that reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

import dartsl
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read
from dartsl.searching import loop
from dartsl.searching.connected import Derivation, derive_network
from dartsl.searching.emit import Provenance, found_text
from dartsl.searching.readouts import Reading
from dartsl.searching.rules import Rule
from tests.search.runs import job, quiet, run, settings

pytestmark = pytest.mark.usefixtures("undrawn")


def test_a_node_may_end_without_edges(tiny: Path) -> None:
    """The found file is whole, says so, and all commands read it."""
    console = quiet()
    changes = {"derive": "threshold", "threshold": 0.9, "epochs": 2}
    result = loop.search(job(tiny, "run", console), settings(tiny, **changes))
    text = (result.path / "found.darts").read_text()
    said = [f"cell {cell}, node {node}: no edge of weight 0.9 or more" for cell in ("normal", "reduction")
            for node in ("n0", "n1")]  # fmt: skip
    assert [line.removeprefix("# note     ") for line in text.splitlines() if "note" in line] == said
    assert text.count("c0 -> n0 : none  # 0.00") == 2
    found = check(read(str(result.path / "found.darts")))
    assert found.decided(found.networks["tiny"])
    assert "W0510" in {fault.code for fault in found.warnings}
    printed = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(f"note: {line}" in printed for line in said)
    assert dartsl.derive(result.path) == text
    picture = dartsl.draw(result.path)
    searched = [line for line in picture.splitlines() if "arrowhead=none" in line]
    assert searched
    assert all("dashed" in line for line in searched)  # no edge stays
    assert dartsl.plot(result.path).exists()
    dartsl.compile(result.path)


def test_the_threshold_counts_where_its_rule_does(tiny: Path) -> None:
    path = run(tiny, "run", threshold=0.9).path
    plain, none = dartsl.derive(path, rule="argmax"), dartsl.derive(path, rule="threshold")
    assert "note" in none
    assert "note" not in plain
    assert dartsl.derive(path) == plain  # connected, and all nodes have `keep`
    assert Rule.of({}) == Rule("connected", 0.85, -1)  # a run of old
    assert Rule.of({"derive": "threshold", "threshold": 0.5}).floor == 0.5


def test_a_candidate_that_is_none_by_itself(tmp_path: Path) -> None:
    """A space without `none` has it in what is found, where a node is left without edges."""
    text = """darts 1

cell one {
  input  a
  node   n : sum keep 1
  edge   a -> n : relu | conv(3)
  output n
}

network net(C = 3) {
  input image(3, 8, 8)
  stem  conv(3)
  stage one width C
  head  global_avg_pool > linear(10)
}
"""
    spec = check(Source("one.darts", text))
    network, readings = spec.networks["net"], {"one": Reading([[0.7, 0.6]])}
    whence = Provenance("", "", "", 0, 1, "")
    rule = Rule("threshold", 0.65)
    found = found_text(spec, network, {"C": 3}, readings, whence, rule)
    assert "edge   a -> n : relu  # 0.70" in found
    rule = Rule("threshold", 0.75)
    found = found_text(spec, network, {"C": 3}, readings, whence, rule)
    assert "edge   a -> n : none  # 0.00" in found
    assert "W0510" in {fault.code for fault in check(Source("found.darts", found)).warnings}
    assert derive_network(spec, network, {"C": 3}, readings, rule).notes == (
        "cell one, node n: no edge of weight 0.75 or more",
    )


def test_a_limit_of_skip_connections(tiny: Path) -> None:
    many = Skips(run(tiny, "many").path)
    few = Skips(run(tiny, "few", skip_limit=0).path)
    assert many.normal > 0
    assert (few.normal, few.reduction) == (0, many.reduction)
    assert few.notes == many.normal
    assert "at most 0 may stay" in few.text


def test_a_limit_of_skip_connections_counts_those_that_connect() -> None:
    """Where `none` wins every edge, skips would be the likeliest way through; more than the limit are not taken."""
    spec = check(read("nasbench201"))
    network = spec.networks["cifar10"]
    parameters = {"C": 2, "n": 1, "classes": 10}
    rows = [[0.5, 0.3, 0.1, 0.06, 0.04]] * 6  # none, skip_connect, nor_conv(1), nor_conv(3), avg_pool(3)

    def derived(limit: int) -> Derivation:
        reading = {"block": Reading(rows)}
        return derive_network(spec, network, parameters, reading, Rule(skip_limit=limit))

    free, one, none = (derived(limit) for limit in (-1, 1, 0))
    assert free == one
    assert [change.taken.label for change in one.changes] == ["skip_connect"]
    assert [change.taken.label for change in none.changes] == ["nor_conv(1)"]
    assert "skip_connect" not in {kept.candidate.label for cell in none.cells for kept in cell.edges}
    assert none.notes[0] == "cell block, edge x -> n3: skip_connect (0.3) taken out, at most 0 may stay"


class Skips:
    """The skip connections of a run's found cells, and how many lines say that one was taken out."""

    def __init__(self, run: Path) -> None:
        self.text = (run / "found.darts").read_text()
        cells = {part.split()[0]: part for part in self.text.split("\ncell ")[1:]}
        self.normal, self.reduction = (
            cells[name].count(": skip_connect") for name in ("normal", "reduction")
        )
        self.notes = self.text.count("skip_connect (")
