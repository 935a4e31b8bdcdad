"""Widths as arguments, the width that reaches a body, and what keeps or changes a shape (from version 2 on)."""

from __future__ import annotations

import pytest

from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import SpecError
from dartsl.lang.codes.source import Source
from tests.plan.help import planned, steps

NETWORK = """
network tiny(C = 8) {{
  input image(3, 16, 16)
  stem  conv(3, out = C)
  stage {stage} width {width}
  head  global_avg_pool > linear(10)
}}
"""
MB = """
op mb(e, k) = residual(
  conv(1, out = e*Cin) > bn > relu > dwconv(k)/stride > bn > relu > conv(1) > bn
)
"""


def spec(ops: str, stage: str, width: str = "C", version: int = 2) -> Spec:
    imports = 'import "std/blocks"\n' if version == 2 else ""
    return check(
        Source("test.darts", f"darts {version}\n{imports}{ops}{NETWORK.format(stage=stage, width=width)}")
    )


def layers(ops: str, stage: str, width: str = "C") -> list[list[tuple[str, int, int]]]:
    """Of each layer of the stage its steps: what each is, and the widths that reach it and that it gives."""
    found = planned(spec(ops, stage, width)).layers[1:-1]
    return [[(s.primitive, s.input.channels, s.output.channels) for s in steps(each.term)] for each in found]


def test_what_reaches_a_body_is_the_same_at_every_step_and_a_shape_is_kept_or_changed() -> None:
    names = ("conv", "bn", "relu", "dwconv", "bn", "relu", "conv", "bn")
    inner = [(8, 24), *[(24, 24)] * 5, (24, 16), (16, 16)]
    wide = [(16, 48), *[(48, 48)] * 5, (48, 16), (16, 16)]
    first, same, strided = layers(MB, "mb(3, 3) > mb(3, 5) > mb(3, 5)/2", "2*C")
    assert first == [(name, *widths) for name, widths in zip(names, inner, strict=True)]
    assert strided == [(name, *widths) for name, widths in zip(names, wide, strict=True)]
    assert same == [("identity", 16, 16), *strided]


@pytest.mark.parametrize(
    ("ops", "stage", "expected"),
    [
        ("op f = conv(1) > relu", "f(out = C)", [("conv", 8, 8), ("relu", 8, 8)]),
        (
            "op f = conv(1) > relu\nop g = f(out = C/2) > f",
            "g",
            [("conv", 8, 4), ("relu", 4, 4), ("conv", 4, 8), ("relu", 8, 8)],
        ),
        (
            "op f(k) = conv(k) > relu\nop g(f) = f(out = 3*C) > f\n",
            "g(f(3))",
            [("conv", 8, 24), ("relu", 24, 24), ("conv", 24, 8), ("relu", 8, 8)],
        ),
        (
            "op g(f) = conv(1, out = C/2) > f\nop h = g(conv(1, out = Cin/2) > conv(1))",
            "h",
            [("conv", 8, 4), ("conv", 4, 2), ("conv", 2, 8)],
        ),
        ("op f(w = Cin/4) = conv(1, out = w) > conv(1)", "f", [("conv", 8, 2), ("conv", 2, 8)]),
        ("op f = relu(out = C)", "f", [("relu", 8, 8)]),
        ("op f(out) = conv(1, out = out) > conv(1)", "f(out = 5)", [("conv", 8, 5), ("conv", 5, 8)]),
        ("op f = conv(match shape { keeps => 3, changes => 1 })", "f", [("conv", 8, 8)]),
    ],
)
def test_a_width_as_an_argument(ops: str, stage: str, expected: list[tuple[str, int, int]]) -> None:
    assert layers(ops, stage) == [expected]


def test_extern_ops_keep_halve_or_give_the_width_asked() -> None:
    ops = "extern op keeps_(out = Cin)\nextern op halves(out = Cin/2)\nextern op gives\n"
    stage = "conv(1, out = 2*C) > keeps_ > halves > gives(out = C)"
    assert [part[1:] for part in layers(f"{ops}op f = {stage}", "f")[0]] == [
        (8, 16),
        (16, 16),
        (16, 8),
        (8, 8),
    ]


def test_outside_networks_widths_are_equal_as_functions_of_c() -> None:
    cell = "cell one { input x : f node y : sum edge x -> y : residual(conv(3)) output y }"
    check(Source("test.darts", f'darts 2\nimport "std/blocks"\nop f = conv(1, out = 2*C/2)\n{cell}\n'))


def test_version_1_has_none_of_them() -> None:
    for ops in (
        "op f = conv(1) > relu(out = C)",
        "op f = conv(1, out = Cin)",
        "op f = match shape { keeps => relu }",
    ):
        with pytest.raises(SpecError):
            spec(ops, "f", version=1)
    spec("op Cin = relu > conv(1)\nop f = Cin > conv(1)", "f", version=1)
