"""Records, builders and what asks for them agree: nothing but a record knows a primitive by its name."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import dartsl.graph
from dartsl.graph.kinds import KINDS
from dartsl.lang.records import primitives
from dartsl.lang.records.primitives import GENERAL, PRIMITIVES, SERIES
from dartsl.lang.records.record import MERGES, Record
from dartsl.nn.builders import BUILDERS, Function, home, provide, register
from dartsl.nn.lower import FUSED
from dartsl.nn.primitives import avg_pool

PACKAGE = Path(dartsl.graph.__file__).parents[1]
# Those that put a network of the language together, and so name what they put there.
ASKS = [
    *sorted((PACKAGE / "graph" / "passes").glob("*.py")),
    *(
        PACKAGE / "graph" / f"{name}.py"
        for name in ("count", "verify", "traffic", "recurrent", "unused", "listing", "target")
    ),
    *(
        PACKAGE / "nn" / f"{name}.py"
        for name in ("emit", "scan", "lower", "layers", "packs", "supernet", "plugins")
    ),
]
OF_THE_LOWERING = {"input", "mix", "element", "carry", "carried", "sequence"}


@pytest.mark.parametrize("path", ASKS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_no_primitive_is_known_by_its_name(path: Path) -> None:
    """Some traits are called like a primitive that has them: what `has` is asked does not count."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    asked = [node for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "has"]
    traits = {id(argument) for call in asked for argument in call.args}
    constants = [node for node in nodes if isinstance(node, ast.Constant) and id(node) not in traits]
    names = {*PRIMITIVES, *MERGES} - set(KINDS)
    assert [f"{node.lineno}: {node.value}" for node in constants if node.value in names] == []


def test_every_record_has_a_builder() -> None:
    records: list[Record] = [*PRIMITIVES.values(), *GENERAL.values(), *SERIES.values(), *MERGES.values()]
    assert {each.builder for each in records} <= set(BUILDERS)
    assert set(KINDS) - OF_THE_LOWERING <= set(BUILDERS) | set(FUSED)
    assert set(BUILDERS) == {each.builder for each in records} | {"drop_path", "dropout_mask", "skip_dropout"}
    assert {f"{each.name}_in_place" for each in records if each.has("overwrites")} <= set(KINDS)


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_a_record_says_everything(name: str) -> None:
    """There is no default: whatever is left out is an error where the record is written."""
    facts = dict(vars(PRIMITIVES[name]))
    for fact in facts:
        rest = {key: value for key, value in facts.items() if key != fact}
        with pytest.raises(TypeError, match=fact):
            type(PRIMITIVES[name])(**rest)


def test_records_that_contradict_themselves() -> None:
    relu, bn = PRIMITIVES["relu"], PRIMITIVES["bn"]
    with pytest.raises(ValueError, match="no traits"):
        replace(relu, traits=relu.traits | {"fast"})
    with pytest.raises(ValueError, match="elementwise, but not"):
        replace(relu, traits=relu.traits - {"pointwise"})
    with pytest.raises(ValueError, match="with a state or draws"):
        replace(bn, traits=relu.traits)
    with pytest.raises(ValueError, match="parameter `out`"):
        replace(relu, width="out")


def test_what_cannot_be_registered() -> None:
    mine = replace(PRIMITIVES["relu"], name="mine", builder="mine")
    with pytest.raises(ValueError, match="needs a Function, not a Module"):
        register(mine, BUILDERS["conv"])
    with pytest.raises(ValueError, match="imported by its name"):
        register(mine, Function(lambda x: x))
    with pytest.raises(ValueError, match="a builder relu already"):
        register(replace(mine, builder="relu"), BUILDERS["relu"])
    with pytest.raises(ValueError, match="the name relu is taken"):
        primitives.register(PRIMITIVES["relu"])
    assert "mine" not in PRIMITIVES
    assert "mine" not in BUILDERS
    with pytest.raises(ValueError, match="needs a Drawn"):
        provide(KINDS["drop_path"], BUILDERS["relu"])


def test_where_a_function_can_be_imported_from() -> None:
    assert home(nn.functional.relu) == home(nn.functional.gelu) == "torch.nn.functional"
    assert (home(torch.sigmoid), home(avg_pool)) == ("torch", "dartsl.nn.primitives")


def test_the_example_of_the_page() -> None:
    page = (PACKAGE / "nn" / "README.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    try:
        exec(compile(example, "README.md", "exec"), {})
        assert PRIMITIVES["mish"].declaration(1) == "extern op mish"
    finally:
        PRIMITIVES.pop("mish", None), BUILDERS.pop("mish", None)
