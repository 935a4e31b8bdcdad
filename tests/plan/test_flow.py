"""Whether an output depends on the input: as the spec has it, and as networks that run show."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.flow import CONSTANT, DEPENDENT, ZERO, Level, constant, layer_levels, merged
from dartsl.nn.build import Build
from dartsl.nn.supernet import from_plan
from tests.plan.help import planned, spec_of
from tests.search.random_spaces import space

NETWORK = """
network net(C = 2) {{
  input image(1, 6, 6)
  stem  conv(1) > bn
  stage {stage} width C
  head  global_avg_pool > linear(3)
}}
"""


def levels(cell: str, stage: str = "a") -> dict[str, Level]:
    found = layer_levels(planned(spec_of(cell + NETWORK.format(stage=stage))))
    return {name: level for name, level in found.items() if name.startswith("layer")}


@pytest.mark.parametrize(
    ("operations", "level"),
    [
        ("none", ZERO),
        ("noise", CONSTANT),
        ("identity", DEPENDENT),
        ("skip_connect", DEPENDENT),
        ("sep_conv_3x3", DEPENDENT),
        ("shift(1, 0)", DEPENDENT),
        ("shift(0, 6)", ZERO),
        ("shift(-6, 1)", ZERO),
        ("product(conv(1), shift(7, 0))", ZERO),
        ("product(conv(1), noise)", DEPENDENT),
        ("sum(noise, shift(7, 0))", CONSTANT),
        ("lerp(noise, identity, shift(7, 0))", CONSTANT),
        ("lerp(identity, noise, shift(7, 0))", DEPENDENT),
        ("shift(7, 0) > relu > conv(1)", ZERO),
        ("shift(7, 0) > sigmoid", CONSTANT),
        ("shift(7, 0) > conv(1) > bn", CONSTANT),
        ("noise | none", CONSTANT),
        ("noise | none | relu", DEPENDENT),
    ],
)
def test_an_edge_gives(operations: str, level: Level) -> None:
    cell = f"cell a {{ input x node n : sum edge x -> n : {operations} output n }}"
    assert levels(cell) == {"layer0": level}


def test_a_batch_norm_adds_something_once_it_learns_a_shift() -> None:
    """In a search it has none, and of zeros gives zeros."""
    cell = """cell a {
      input x
      node  z, n : sum
      edge  x -> z : none
      edge  z -> n : conv(1) > bn MORE
      output n
    }"""
    assert levels(cell.replace("MORE", "")) == {"layer0": CONSTANT}
    assert levels(cell.replace("MORE", "| tanh")) == {"layer0": ZERO}


@pytest.mark.parametrize(
    ("kind", "given", "level"),
    [
        ("sum", (ZERO, CONSTANT, ZERO), CONSTANT),
        ("concat", (ZERO, DEPENDENT), DEPENDENT),
        ("product", (DEPENDENT, CONSTANT), DEPENDENT),
        ("product", (DEPENDENT, ZERO, CONSTANT), ZERO),
        ("lerp", (ZERO, ZERO, DEPENDENT), ZERO),
        ("lerp", (CONSTANT, ZERO, DEPENDENT), DEPENDENT),
        ("lerp", (CONSTANT, DEPENDENT, ZERO), CONSTANT),
        ("highway", (ZERO, DEPENDENT), DEPENDENT),
    ],
)
def test_a_merge_gives(kind: str, given: tuple[Level, ...], level: Level) -> None:
    assert merged(kind, given) == level


def test_a_layer_that_lets_nothing_through_can_be_passed_by() -> None:
    cell = """cell a {
      input x, y : preprocess
      node  n : sum
      edge  INPUT -> n : conv(1)
      output n
    }"""
    assert levels(cell.replace("INPUT", "x"), "a > noise > a")["layer2"] == DEPENDENT
    assert levels(cell.replace("INPUT", "y"), "a > noise > a")["layer2"] == CONSTANT


SCAN = """
cell r {{
  input  e, h
  node   n : {merge}
  edge   e -> n : {first}
  edge   h -> n : {second}
  output n
}}
network net(H = 3, vocab = 5) {{
  input tokens(4)
  stem  embedding(vocab, out = H)
  stage scan(r, carry = "h") width H
  head  linear(vocab)
}}
"""


@pytest.mark.parametrize(
    ("merge", "first", "second", "level"),
    [
        ("sum", "linear(H)", "tanh", DEPENDENT),
        ("sum", "noise", "tanh", CONSTANT),
        ("product", "tanh", "tanh", ZERO),  # the first carry is zero, and all that follow
        ("product", "tanh", "sigmoid", DEPENDENT),
        ("mean", "noise > linear(H)", "identity", CONSTANT),
    ],
)
def test_a_carry_starts_from_zero(merge: str, first: str, second: str, level: Level) -> None:
    text = SCAN.format(merge=merge, first=first, second=second).replace("linear(H)", "linear(C)")
    spec = check(Source("scan.darts", f'darts 1\nimport "std/rnn"\n{text}'))
    plan = planned(spec)
    assert layer_levels(plan)["layer0"] == level
    assert (constant(plan) is None) == (level == DEPENDENT)


def test_random_networks_do_as_the_spec_says() -> None:
    """Two images, the same noise: the outputs differ where the output depends on the input, and nowhere else."""
    said = []
    for seed in range(20):
        spec = space(seed)
        plan = planned(spec)
        model = from_plan(spec, plan, Build(level=0, seed=seed, dtype="float64")).train()
        with torch.no_grad():
            for module in model.modules():  # so that a shift of a batch norm is no zero
                if isinstance(module, nn.BatchNorm2d) and module.affine:
                    module.bias.normal_()
            outputs = []
            for image in (0, 1):
                generator = torch.Generator().manual_seed(image)
                images = torch.randn((3, *plan.input.shape.dims), generator=generator, dtype=torch.float64)
                outputs.append(model(images))  # (3, 3)
        said.append(constant(plan) is None)
        assert bool((outputs[0] - outputs[1]).abs().max() > 1e-9) == said[-1], seed
    assert set(said) == {True, False}
