"""Every level, and every pass alone, computes what the plain lowering does, on random specs."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings

from dartsl.graph.passes import PASSES, Pass, passes_of
from dartsl.graph.target import LEVELS, TARGETS
from tests.passes.random_specs import spec_texts
from tests.passes.same import assert_same

# A soak: EXAMPLES=300 pytest -n0 tests/passes
EXAMPLES = int(os.environ.get("EXAMPLES", "8"))
few = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize="EXAMPLES" not in os.environ,  # the same examples each time, but in a soak
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("level", LEVELS[1:])
@few
@given(text=spec_texts())
def test_every_level(level: int, target: str, text: str) -> None:
    assert_same(text, passes_of(level, TARGETS[target]))


@pytest.mark.parametrize("each", PASSES.values(), ids=PASSES)
@few
@given(text=spec_texts())
def test_every_pass_alone(each: type[Pass], text: str) -> None:
    assert_same(text, [each()])
