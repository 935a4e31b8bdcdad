"""Canonical forms against a search through all renamings, on random small cells."""

from __future__ import annotations

from itertools import permutations
from random import Random
from typing import Any

import pytest
from click.testing import CliRunner

import dartsl
from dartsl.cli import cli
from dartsl.graph.isomorphic import Forms
from dartsl.lang.check.model import Cell, Spec
from dartsl.lang.codes.source import Source

NODES = 4


def a_cell(random: Random, names: list[str], merges: dict[str, str]) -> list[tuple[str, str, str]]:
    """Edges of a random cell with few operations, so that many are isomorphic."""
    edges = []
    for place, name in enumerate(names):
        sources = ["a", "b", *names[:place]]
        for source in random.sample(sources, random.choice([1, 2])):
            edges.append((source, name, random.choice(["skip_connect", "max_pool_3x3"])))
    return edges


def text_of(
    order: list[str], merges: dict[str, str], edges: list[tuple[str, str, str]], output: list[str]
) -> str:
    lines = ["darts 1", 'import "std/cnn"', "cell one {", "  input a, b"]
    for node in order:
        lines.append(f"  node {node} : {merges[node]}")
    lines += [f"  edge {source} -> {target} : {label}" for source, target, label in edges]
    return "\n".join([*lines, f"  output concat({', '.join(output)})", "}"])


def spec_of(text: str) -> Spec:
    return dartsl.check(Source("cell.darts", text))


def plainly(cell: Cell) -> tuple[Any, Any, Any]:
    """What a cell is, with its names."""
    edges = sorted((edge.source, edge.target, edge.candidates[0].label) for edge in cell.edges)
    return edges, {node.name: node.merge for node in cell.nodes}, sorted(cell.output.nodes)


def isomorphic(first: Cell, second: Cell) -> bool:
    """Whether any renaming of the nodes makes one the other: all are tried."""
    edges, merges, output = plainly(first)
    names = list(merges)
    wanted = plainly(second)
    if len(wanted[1]) != len(names):
        return False
    for order in permutations(wanted[1]):
        new = dict(zip(names, order, strict=True)) | {"a": "a", "b": "b"}
        renamed = sorted((new[source], new[target], label) for source, target, label in edges)
        if (renamed, {new[n]: m for n, m in merges.items()}, sorted(new[n] for n in output)) == wanted:
            return True
    return False


def test_forms_are_equal_exactly_where_a_renaming_is_found() -> None:
    random, forms = Random(1), Forms()
    names = [f"n{number}" for number in range(NODES)]
    specs = []
    for _ in range(30):
        merges = {name: random.choice(["sum", "sum", "product"]) for name in names}
        edges = a_cell(random, names, merges)
        output = random.sample(names, NODES - 1) if random.random() < 0.5 else names
        specs.append(spec_of(text_of(names, merges, edges, output)))
        new = dict(zip(names, random.sample([f"m{number}" for number in range(NODES)], NODES), strict=True))
        moved = [(new.get(source, source), new[target], label) for source, target, label in edges]
        random.shuffle(moved)
        order = [new[name] for name in names]
        twin = text_of(
            order, {new[n]: m for n, m in merges.items()}, moved, [new[n] for n in reversed(output)]
        )
        specs.append(spec_of(twin))
    cells = [(spec.cells["one"], forms.of(spec.cells["one"], spec.operations)) for spec in specs]
    equal = 0
    for place, (cell, form) in enumerate(cells):
        for other, another in cells[place + 1 :]:
            assert (form == another) == isomorphic(cell, other)
            equal += form == another
    assert equal >= 30


def both(first: str, second: str, tail: str = "output concat(m, n)") -> tuple[Spec, Spec]:
    head = 'darts 1\nimport "std/cnn"\ncell one {\n  input a, b\n'
    return spec_of(f"{head}{first}\n{tail}\n}}"), spec_of(f"{head}{second}\n{tail}\n}}")


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("node m, n : sum\nedge a -> m : skip_connect\nedge m, b -> n : skip_connect",
         "node n, m : sum\nedge a -> n : skip_connect\nedge b, n -> m : skip_connect", True),
        ("node m, n : sum\nedge a -> m, n : skip_connect", "node m, n : sum\nedge b -> m, n : skip_connect", False),
        ("node m : concat\nnode n : sum\nedge a, b -> m : skip_connect\nedge m -> n : conv(1)",
         "node m : concat\nnode n : sum\nedge b, a -> m : skip_connect\nedge m -> n : conv(1)", False),
        ("node m, n : sum\nedge a -> m, n : skip_connect | max_pool_3x3",
         "node m, n : sum\nedge a -> m, n : max_pool_3x3 | skip_connect", True),
        ("node m, n : sum keep 1\nedge a, b -> m, n : skip_connect | max_pool_3x3",
         "node m, n : sum\nedge a, b -> m, n : skip_connect | max_pool_3x3", False),
    ],
)  # fmt: skip
def test_what_counts(first: str, second: str, same: bool) -> None:
    assert dartsl.diff(*both(first, second), isomorphic=True).equal is same


def test_many_twins_take_no_time() -> None:
    """Nodes that are alike are set apart one after the other, and not in all orders."""
    names = [f"n{number}" for number in range(30)]
    edges = [("a", name, "skip_connect") for name in names]
    spec = spec_of(text_of(names, dict.fromkeys(names, "sum"), edges, names))
    forms = Forms()
    assert forms.of(spec.cells["one"], spec.operations) == forms.of(spec.cells["one"], spec.operations)


def test_command_says_which_cells_differ_in_names_alone(tmp_path: Any) -> None:
    (tmp_path / "a.darts").write_text(
        text_of(
            ["m", "n"],
            {"m": "sum", "n": "sum"},
            [("a", "m", "skip_connect"), ("m", "n", "skip_connect")],
            ["m", "n"],
        )
    )
    (tmp_path / "b.darts").write_text(
        text_of(
            ["x", "y"],
            {"x": "sum", "y": "sum"},
            [("a", "x", "skip_connect"), ("x", "y", "skip_connect")],
            ["x", "y"],
        )
    )
    files = [str(tmp_path / name) for name in ("a.darts", "b.darts")]
    plain = CliRunner().invoke(cli, ["diff", *files])
    assert plain.exit_code == 1
    renamed = CliRunner().invoke(cli, ["diff", *files, "--isomorphic"])
    assert (renamed.exit_code, renamed.stdout) == (0, "cell one: the same but for names\n")
