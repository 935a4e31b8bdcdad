"""Passes as text: what it may say, where a mistake in it stands, and which orders hold."""

from __future__ import annotations

import pytest

from dartsl.graph.build import build
from dartsl.graph.passes import PASSES, PipelineError, apply, parse, passes_of
from dartsl.graph.passes.cse import Cse
from dartsl.graph.passes.fold import Fold
from dartsl.graph.passes.pipeline import faults
from dartsl.graph.passes.stack import Stack
from dartsl.graph.target import LEVELS, TARGETS
from tests.nn.specs import SEARCHED
from tests.passes.same import planned_text


def test_a_text_and_its_passes() -> None:
    assert parse("") == parse("  ") == ()
    assert parse(" cse , fold,stack ( limit = 4096 ) ") == (Cse(), Fold(), Stack(4096))
    assert parse("stack,stack()") == (Stack(32768), Stack())
    assert str(Stack(7)) == "stack(limit=7, across=false)"


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
@pytest.mark.parametrize("level", LEVELS)
def test_the_passes_of_each_level_say_themselves(level: int, target: object) -> None:
    passes = passes_of(level, TARGETS[target.name])
    assert parse(",".join(map(str, passes))) == passes
    assert faults(passes) == []


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("cse,fodl", 5, "no pass `fodl`"),
        ("cse,", 5, "expected a pass"),
        (",cse", 1, "expected a pass"),
        ("cse fold", 5, "expected `,`, not `fold`"),
        ("stack(limit=0)", 13, "a whole number from 1, not `0`"),
        ("stack(limit=true)", 13, "a whole number from 1, not `true`"),
        ("layout(pixels_first=1)", 21, "true or false, not `1`"),
        ("stack(size=3)", 7, "no option `size`"),
        ("stack(limit=1,limit=2)", 15, "given twice"),
        ("stack(limit 3)", 13, "expected `=`"),
        ("stack(limit=3", 14, "expected `,`"),
        ("stack(", 7, "no option ``"),
        ("stack(limit=3,)", 15, "no option `)`"),
        ("cse(limit=3)", 5, "no option `limit`"),
        ("cse;fold", 4, "expected `,`, not `;`"),
        ("dead,blend", 6, "blend needs a graph that is folded"),
        ("fold,sums", 6, "sums needs a graph that is stacked"),
        ("in_place,cse", 10, "cse needs a graph that is pure"),
    ],
)
def test_a_mistake_is_shown_where_it_is(text: str, column: int, reason: str) -> None:
    with pytest.raises(PipelineError) as fault:
        parse(text)
    assert fault.value.column == column
    assert reason in fault.value.reason


def test_a_misspelt_pass_is_known() -> None:
    with pytest.raises(PipelineError) as fault:
        parse("fodl")
    assert fault.value.help == "did you mean `fold`?"


def test_options_count() -> None:
    """A stack of at most 16 numbers holds nothing."""
    graph = build(planned_text(SEARCHED.replace("HEIGHT", "8").replace("WIDTH", "8")))
    sizes = [len(apply(graph, parse(f"dead,cse,stack(limit={limit})")).graph) for limit in (16, 32768)]
    assert sizes[0] == len(apply(graph, parse("dead,cse")).graph) != sizes[1]


def test_every_pass_says_what_it_requires_and_ensures() -> None:
    for name, each in PASSES.items():
        assert {"name", "requires", "ensures"} <= vars(each).keys(), name
        assert each.name == name
