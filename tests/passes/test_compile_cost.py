"""The work of compiling grows with the number of cells, and no faster. Counted in calls, since times are noise."""

from __future__ import annotations

import cProfile
import pstats

import pytest

from dartsl.graph.build import build
from dartsl.graph.passes import optimise
from dartsl.graph.target import TARGETS
from dartsl.lang.checker import check
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.loader import read
from dartsl.nn.lower import lower

BASE = 1.1  # what the part that does not grow, and the deeper tree of a longer heap, may add


def calls(n: int) -> tuple[int, int]:
    """Cells of the digits network with n normal cells a stage, and the calls that compiling it takes."""
    spec = check(read("digits"))
    planned = plan(spec, spec.networks["digits"], {"n": n})
    profile = cProfile.Profile()
    profile.enable()
    lower(optimise(build(planned), 2, TARGETS["cpu"]).graph, device="meta")
    profile.disable()
    cells = sum(layer.name.startswith("layer") for layer in planned.layers)
    return cells, pstats.Stats(profile).total_calls  # type: ignore[attr-defined]


@pytest.mark.slow
def test_compiling_is_linear_in_cells() -> None:
    calls(1)  # what is done once a process
    few, small = calls(1)
    many, large = calls(3)
    assert many > 2 * few
    assert large / many < BASE * small / few
