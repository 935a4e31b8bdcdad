"""The verifier's knowledge of what only passes make, and the tools that put graphs together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import pytest

import dartsl.graph.passes
from dartsl.graph.operations import application, info
from dartsl.graph.passes import PASSES, optimise, passes_of
from dartsl.graph.rewrite import applications, assemble, fresh, rewrite, users
from dartsl.graph.tables import AlphaTable
from dartsl.graph.target import LEVELS, TARGETS, target_of
from dartsl.graph.verify import GraphError, verify
from tests.nn.graphs import Sketch, mixed
from tests.passes.same import CPU

PHASES = {"factor": (2, 2)}


def sketch() -> Sketch:
    """An image, a convolution and two batch norms without affine in one layer, and one in another."""
    made = Sketch((2, 8, 6))
    made.layer("layer0", "c")
    made.module("layer0.dwconv", "dwconv", "image", k=3, dilation=1)
    made.module("layer0.bn", "bn", "image", affine=False)
    made.module("layer0.bn_2", "bn", "image", affine=False)
    made.module("layer0.scaled", "bn", "image", affine=True)
    made.layer("head")
    made.module("head.bn", "bn", "image", affine=False)
    return made


def broken(kind: str, *inputs: str, expected: str, **changes: Any) -> Any:
    return pytest.param(kind, inputs, changes, expected, id=f"{kind}-{expected.split()[0]}-{len(expected)}")


FAULTS = [
    broken("layout", "image", "image", expected="with 2 inputs", attributes={"format": "contiguous"}),
    broken("layout", "image", expected="gives", shape=(2, 8, 5)),
    broken("layout", "image", expected="its state", state=("layer0.bn",)),
    broken("subsample", "image", expected="subsampled by 2 x 2", attributes={"stride": (2, 2)}),
    broken("space_to_batch", "image", expected="not phases", attributes=PHASES, shape=(2, 4, 3), batch=2),
    broken("space_to_batch", "image", expected="not phases", attributes=PHASES, shape=(2, 4, 2), batch=4),
    broken("batch_to_space", "image", expected="not phases", attributes=PHASES, shape=(2, 16, 12)),
    broken("convolution", "image", expected="batches", state=("layer0.dwconv",), batch=4),
    broken("convolution", "image", expected="unknown", state=("layer0.nothing",)),
    broken("convolution", "image", expected="of another layer", state=("head.bn",)),
    broken("scaled_bn", "image", expected="no alphas", state=("layer0.bn",), attributes={"table": "d"}),
    broken("combine", "image", expected="for the entries", attributes={"table": "c", "entries": ()}),
    broken(
        "combine",
        "image",
        expected="combined to",
        attributes={"table": "c", "entries": ((),)},
        shape=(2, 8, 1),
    ),
    broken("bn", "image", expected="that have parameters", state=("layer0.bn", "layer0.scaled")),
    broken("bn", "image", expected="that are not batch norms", state=("layer0.bn", "layer0.dwconv")),
    broken("relu", "image", expected="batches", batch=4),
    broken("mix", "image", expected="1 candidates for 2", attributes={"table": "c", "row": 0}),
    broken("mix", "image", expected="the columns (2,)", attributes={"table": "c", "row": 0, "columns": (2,)}),
    broken("mix", "image", expected="no row 1", attributes={"table": "c", "row": 1, "columns": (0,)}),
]


@pytest.mark.parametrize(("kind", "inputs", "changes", "expected"), FAULTS)
def test_the_verifier_sees(
    kind: str, inputs: tuple[str, ...], changes: Mapping[str, Any], expected: str
) -> None:
    made = sketch()
    attributes = changes.get("attributes", {})
    made.call("layer0.x", kind, *inputs, attributes=attributes, shape=changes.get("shape"))
    graph = made.finish("layer0.x", (AlphaTable("c", "c", (2,), ("x",)),))
    rest = {name: value for name, value in changes.items() if name in ("state", "batch")}
    graph.nodes["layer0.x"]["op"] = replace(application(graph, "layer0.x"), **rest)
    with pytest.raises(GraphError) as fault:
        verify(graph)
    assert "layer0.x: " in str(fault.value)
    assert expected in str(fault.value)


# -------------------------------------------------------------------- rewriting


def test_a_graph_taken_apart_and_put_together() -> None:
    graph = mixed()
    again = assemble(applications(graph), info(graph))
    assert list(again) == list(graph)
    assert set(again.edges) == set(graph.edges)
    backwards = dict(reversed(applications(graph).items()))
    shuffled = assemble(backwards, info(graph))
    assert next(iter(nx.topological_sort(shuffled))) == "image"
    verify(shuffled)
    place = {node: number for number, node in enumerate(shuffled)}
    assert all(place[source] < place[node] for source, node in shuffled.edges)


def test_rewriting_renames_and_drops() -> None:
    graph = mixed()
    without = rewrite(
        graph, lambda node, applied, done: applied.inputs[0] if applied.kind == "relu" else applied
    )
    verify(without)
    assert not any(application(without, node).kind == "relu" for node in without)
    assert len(without) == len(graph) - 2


def test_users_count_every_reading() -> None:
    graph = mixed()
    readers = users(graph)
    assert readers["layer0.n0"] == ["layer0.output", "layer0.output"]
    assert readers[info(graph).output] == [""]


def test_fresh_names() -> None:
    taken = {"a": 0, "a_2": 0}
    assert [fresh(name, taken) for name in ("b", "a")] == ["b", "a_3"]


def test_levels_and_targets() -> None:
    assert LEVELS[0] == 0
    assert passes_of(0, CPU) == ()
    assert [each.name for each in passes_of(2, CPU)] == [
        name for name in PASSES if name not in ("fuse", "pools", "terms")
    ]
    assert {each.name for target in TARGETS.values() for each in passes_of(2, target)} == set(PASSES)
    assert [each.name for each in passes_of(2, CPU, "cse")] == ["dead", "cse"]
    with pytest.raises(ValueError, match="level"):
        passes_of(3, CPU)
    with pytest.raises(ValueError, match="no pass"):
        passes_of(0, CPU, "cse")
    assert (target_of("cuda:1"), target_of("mps")) == (TARGETS["cuda"], CPU)
    assert TARGETS["cpu"].measured
    assert not TARGETS["cuda"].measured


def test_every_pass_is_explained() -> None:
    text = Path(dartsl.graph.passes.__file__).with_name("README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d) \|", text, re.MULTILINE)
    first = {each.name for each in passes_of(1, CPU)}
    assert rows == [(name, "1" if name in first else "2") for name in PASSES]


def test_reports_follow_the_passes() -> None:
    graph = mixed()
    found = optimise(graph, 2, CPU)
    assert [each.name for each in found.reports] == [each.name for each in passes_of(2, CPU)]
    assert found.reports[0].before.nodes == len(graph)
    assert found.reports[-1].after.nodes == len(found.graph)
    for earlier, later in zip(found.reports, found.reports[1:], strict=False):
        assert earlier.after == later.before
