"""What choosing a candidate adds to a network, against the counts of networks that are derived with it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import pytest

from dartsl.graph.budget import UNITS, budget, counted
from dartsl.graph.build import build
from dartsl.graph.count import multiply_adds, parameters
from dartsl.lang.check.model import Network, Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.lang.syntax.loader import read
from dartsl.searching.derive import Provenance, found_text
from dartsl.searching.readouts import Reading
from dartsl.searching.rules import Rule

RECORDED = Path(__file__).parent.parent / "recorded"
WHENCE = Provenance("0", "test.darts", "0" * 64, 0, 1, "dartsl search test.darts")
Place = tuple[str, int, int]  # a cell, a row, a column


class Costs(NamedTuple):
    """What each candidate of a table adds: a row an edge, a column a candidate."""

    parameters: tuple[tuple[int, ...], ...]
    multiply_adds: tuple[tuple[int, ...], ...]


def candidate_costs(planned: Plan) -> dict[str, Costs]:
    """The costs of each cell's candidates where its edges are searched, by its table's name."""
    budgets = {unit: budget(planned, counted(planned, unit)) for unit in UNITS}
    found = {}
    for both in zip(*(each.cells for each in budgets.values()), strict=True):
        rows = {
            unit: tuple(row for row, edge in zip(part.rows, part.cell.edges, strict=True) if edge.searched)
            for unit, part in zip(budgets, both, strict=True)
        }
        if rows["parameters"]:
            found[both[0].table] = Costs(rows["parameters"], rows["multiply_adds"])
    return found


def derived(spec: Spec, network: Network, values: Mapping[str, Fraction], *places: Place) -> tuple[int, int]:
    """Parameters and multiply-adds of the network in which these candidates win their edges, which stay.

    All else is the first candidate but `none`, of the first edges into each node.
    """
    readings = {}
    for name in network.cells:
        searched = spec.cells[name].searched_edges
        rows = [[0.5 - 0.1 * candidate.is_none for candidate in edge.candidates] for edge in searched]
        for cell, row, column in places:
            if cell == name:
                rows[row][column] = 0.9
        readings[name] = Reading(rows)
    text = found_text(spec, network, values, readings, WHENCE, Rule("argmax"))
    found = check(Source("found.darts", text))
    graph = build(plan(found, found.networks[network.name]))
    return parameters(graph), multiply_adds(graph)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        (str(RECORDED / "small.darts"), {"C": 3}),
        (str(RECORDED / "small_text.darts"), {"H": 6}),
        ("nasbench201", {"C": 2, "n": 2}),  # no `keep`: `none` is a choice; each cell in several layers
    ],
)
def test_differences_of_derived_networks(name: str, sizes: Mapping[str, int]) -> None:
    spec = check(read(name))
    network = next(iter(spec.networks.values()))
    planned = plan(spec, network, sizes)
    costs = candidate_costs(planned)
    compared = 0
    for cell in planned.cells():
        table = costs[cell.name]
        for row, edge in enumerate(cell.searched_edges):
            free = next(node.keep is None for node in cell.nodes if node.name == edge.target)
            able = [column for column, each in enumerate(edge.candidates) if free or not each.is_none]
            counts = {
                column: derived(spec, network, planned.parameters, (cell.name, row, column))
                for column in able
            }
            first = able[-1]
            for column in able:
                found = (
                    table.parameters[row][column] - table.parameters[row][first],
                    table.multiply_adds[row][column] - table.multiply_adds[row][first],
                )
                wanted = tuple(one - other for one, other in zip(counts[column], counts[first], strict=True))
                assert found == wanted, (cell.name, row, edge.candidates[column].label)
                compared += found != (0, 0)
    assert compared > 0 or "text" in name  # there all candidates have the matrix of their node


def test_all_edges_together() -> None:
    """Every edge of NAS-Bench-201 stays, so that a network costs what its choices cost, and what is outside."""
    spec = check(read("nasbench201"))
    network = spec.networks["cifar10"]
    planned = plan(spec, network, {"C": 2, "n": 1})
    (table,) = candidate_costs(planned).values()
    columns = [3, 1, 2, 0, 4, 3]
    chosen = [("block", row, column) for row, column in enumerate(columns)]
    nothing = derived(spec, network, planned.parameters, *(("block", row, 1) for row in range(6)))
    found = derived(spec, network, planned.parameters, *chosen)
    assert found[0] - nothing[0] == sum(
        row[column] for row, column in zip(table.parameters, columns, strict=True)
    )
    assert found[1] - nothing[1] == sum(
        row[column] for row, column in zip(table.multiply_adds, columns, strict=True)
    )
    # conv(3) at widths 2, 4, 8 on 32, 16, 8 pixels a side, and its batch norm; a skip and a pool cost nothing
    assert table.parameters[0] == (0, 0, 4 + 16 + 64 + 28, 9 * (4 + 16 + 64) + 28, 0)
    assert table.multiply_adds[0][3] == 9 * (4 * 32**2 + 16 * 16**2 + 64 * 8**2)


def test_only_choices_have_costs() -> None:
    spec = check(read("zoo/darts_v2"))
    assert candidate_costs(plan(spec, spec.networks["cifar10"])) == {}
    spec = check(read(str(RECORDED / "small.darts")))
    costs = candidate_costs(plan(spec, spec.networks["small"]))
    assert [len(row) for row in costs["normal"].parameters] == [8] * 5
    assert costs["normal"].parameters[0][:4] == (
        0,
        0,
        0,
        0,
    )  # none, pools without their `mix_bn`, the identity
    (none, *_), (_, skip, *_) = costs["reduction"].parameters
    assert none == 0
    assert skip == 2 * 4 * 2 + 2 * 4  # two convolutions of 1 x 1 side by side, and the batch norm of both
    spec = check(read(str(RECORDED / "small_text.darts")))
    (table,) = candidate_costs(plan(spec, spec.networks["text"], {"H": 6})).values()
    of_node = 6 * 2 * 6  # the matrix of a node, which gives c and f
    assert set(sum(table.parameters + table.multiply_adds, ())) == {0, of_node}
    none = spec.cells["recurrent"].searched_edges[0].candidates
    assert [label.is_none for label in none] == [cost == 0 for cost in table.parameters[0]]
