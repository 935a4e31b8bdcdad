"""The prelude and the table of primitives say the same."""

from __future__ import annotations

import pytest

from dartsl.lang.records.primitives import PRIMITIVES, plugin
from dartsl.lang.syntax.loader import PRELUDES
from tests.plan.help import shipped


@pytest.mark.parametrize("version", PRELUDES)
def test_prelude_and_table_agree_name_for_name(version: int) -> None:
    prelude = shipped(PRELUDES[version]).files[0].source
    lines = [line.partition("#")[0].rstrip() for line in prelude.text.splitlines()]
    declared = [line for line in lines if line.startswith("extern op ")]
    known = [each.declaration(version) for each in PRIMITIVES.values() if each.since <= version]
    assert sorted(declared) == sorted(known)


def test_what_can_stride() -> None:
    """Language rule 3."""
    both = {name for name, known in PRIMITIVES.items() if known.strides == (True, True)}
    assert both == {"conv", "dwconv", "max_pool", "avg_pool", "none", "noise"}
    assert PRIMITIVES["conv_across"].stride(3) == (1, 3)
    assert PRIMITIVES["conv_down"].stride(3) == (3, 1)
    assert plugin("deform", ()).stride(2) == (2, 2)
    assert {name for name, known in PRIMITIVES.items() if known.random} == {
        "noise",
        "embedding",
        "locked_dropout",
        "dropout",
    }
