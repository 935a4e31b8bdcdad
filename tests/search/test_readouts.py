"""Mixing weights whose rows do not add up to 1, and edges with weights of their own."""

from __future__ import annotations

import math

import pytest

from dartsl.lang.check.model import Cell
from dartsl.lang.checker import check
from dartsl.lang.settings.methods import Implementations
from dartsl.lang.syntax.loader import read
from dartsl.searching.connected import derive_network
from dartsl.searching.discretise import derive
from dartsl.searching.readouts import READOUTS, Reading, entropies
from dartsl.searching.report import cell_report
from tests.draw import samples


def test_the_entropy_is_that_of_shares() -> None:
    found = entropies(
        [[0.5, 0.5], [0.9, 0.9, 0.9], [0.8, 0.2, 0.0], [0.4, 0.1, 0.0], [0.0, 0.0], [1e-320, 0.0]]
    )
    uneven = -0.8 * math.log(0.8) - 0.2 * math.log(0.2)
    assert found == pytest.approx([math.log(2), math.log(3), uneven, uneven, 0.0, 0.0])


def cell() -> Cell:
    """The cell of DARTS: 8 candidates an edge, `none` first, and 2 edges kept into each of 4 nodes."""
    return samples.darts_space()


def flat(cell: Cell) -> list[list[float]]:
    """All sigmoids where they begin, but for the second candidate of each edge, which leads the more the later."""
    return [[0.9, 0.51 + 0.01 * row, *[0.5] * 6] for row, _ in enumerate(cell.searched_edges)]


def test_weights_of_edges_decide_which_stay_and_by_how_much() -> None:
    """Into n1 lead rows 2, 3 and 4."""
    rows = flat(cell())
    edges = [1.0] * len(rows)
    edges[2:5] = [0.5, 0.1, 0.4]
    kept = [each for each in derive(cell(), rows, edges=edges).edges if each.edge.target == "n1"]
    assert [each.edge for each in kept] == [cell().searched_edges[2], cell().searched_edges[4]]
    assert [each.weight for each in kept] == [rows[2][1], rows[4][1]]  # mixing weights as they are
    assert [each.over_edge for each in kept] == pytest.approx(
        [0.5 * rows[2][1] - 0.1 * rows[3][1], 0.4 * rows[4][1] - 0.1 * rows[3][1]]
    )
    assert [each.over_operation for each in kept] == pytest.approx([rows[2][1] - 0.5, rows[4][1] - 0.5])
    assert "0.53" in cell_report(derive(cell(), rows, edges=edges))
    without = derive(cell(), rows).edges
    assert without == derive(cell(), rows, edges=[1.0] * len(rows)).edges
    with pytest.raises(ValueError, match="has 14 searched edges, not 13"):
        derive(cell(), rows, edges=edges[1:])


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_weights_at_their_bounds_let_the_input_through(weight: float) -> None:
    """Sigmoids that were rounded to 0 or 1: all choices cost the same, and `none` comes first."""
    spec = check(read("nasbench201"))
    rows = [[weight] * 5 for _ in spec.cells["block"].searched_edges]
    network = spec.networks["cifar10"]
    found = derive_network(spec, network, {"C": 2, "n": 1}, {"block": Reading(rows)})
    assert found.changes
    assert any(not each.candidate.is_none for each in found.cells[0].edges if each.edge.target == "n3")


def test_only_what_has_a_name_is_provided() -> None:
    some = Implementations[int]("relaxation")
    with pytest.raises(
        ValueError, match=r"no relaxation other: `dartsl\.lang\.settings\.methods\.register` adds one"
    ):
        some.provide("other", 1)
    some.provide("softmax", 1)
    assert some.of("softmax") == 1
    with pytest.raises(ValueError, match="softmax has an implementation already"):
        READOUTS.provide("softmax", READOUTS.of("softmax"))
