"""Every kernel compiles for GPUs of several generations: Triton's compiler needs none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import sys

import triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource, compile

from dartsl.nn.kernels import pooled, pools, separable, sums
from dartsl.nn.kernels.chain import TILES

NUMBERS = {"source": "*i32", "ends": "*i32", "size": "fp32", "whole": "fp32", "counts": "*i64", "taps": "*i8"}
NUMBERS |= {name: "fp32" for name in ("eps", "momentum", "correction")}
POINTERS = (
    "x mean scale offset depth point y sums spreads of_y y_mean of_mean of_variance inner of_depth of_point of_x "
    "totals products variance given gain towards means variances of_gain of_scale of_offset"
).split()


ONES = (  # numbers that may be 1, which Triton makes constants of
    "down across dilate_down dilate_across top left height breadth rows columns parts programs members channels width "
    "pixels terms features"
).split()


def compiled(function, constants, warps, short=False, ones=False):
    if ones:
        constants = constants | {name: 1 for name in ONES if name in function.arg_names}
    images = ("x", "point", "y", "of_y", "inner", "of_x")
    kinds = {name: "*bf16" if short and name in images else "*fp32" for name in POINTERS}
    kinds |= NUMBERS | {name: "constexpr" for name in constants}
    signature = {name: kinds.get(name, "i32") for name in function.arg_names}
    places = {(function.arg_names.index(name),): value for name, value in constants.items()}
    made = ASTSource(function, signature, places)
    target = GPUTarget("cuda", int(sys.argv[1]), 32)
    assert compile(made, target=target, options={"num_warps": warps, "enable_fp_fusion": True}).asm["cubin"]


for norm, kernel, block, short in ((False, 3, 16, False), (True, 5, 64, False), (True, 3, 32, True)):
    tiles = TILES[block > 16]
    common = {"KH": kernel, "KW": kernel, "NORM": norm, "RELU": True, "BC": block, "BP": tiles.numbers // block}
    dot = triton.language.bfloat16 if short else triton.language.float32
    product = {"POINT": True, "MOMENTS": True, "BO": block, "PRECISION": "tf32", "DOT": dot}
    compiled(separable.forward, common | product, tiles.warps, short)
    for weights in (True, False):
        more = {"WEIGHTS": weights, "BT": 32}
        compiled(separable.weights, common | product | more, tiles.warps, short)
    compiled(separable.inputs, common, tiles.warps, short)
    if not norm:
        compiled(separable.forward, common | product, tiles.warps, ones=True)
        compiled(separable.weights, common | product | {"WEIGHTS": True, "BT": 32}, tiles.warps, ones=True)
        compiled(separable.inputs, common, tiles.warps, ones=True)
for ones in (False, True):
    compiled(sums.moments, {"BR": 256, "BC": 16}, 8, ones=ones)
    compiled(sums.scales, {"GAIN": True, "MOVE": True, "BC": 64}, 1, ones=ones)
    compiled(sums.of_norms, {"BR": 256, "BC": 16}, 8, ones=ones)
    compiled(sums.of_scales, {"GAIN": True, "BC": 64}, 1, ones=ones)
    for add in (False, True):
        compiled(sums.add_terms, {"ADD": add, "BP": 1024}, 4, ones=ones)
    compiled(sums.split_terms, {"BP": 1024}, 4, ones=ones)
    for place, tiles in enumerate(pooled.TILES):
        constants = {"K": 3, "MEAN": 1 - place, "MAX": place, "MOMENTS": True, "BP": tiles.numbers}
        compiled(pools.forward, constants, tiles.warps, place == 0, ones)
        compiled(pools.inputs, constants, tiles.warps, place == 0, ones)
    alone = {"K": 5, "MEAN": -1, "MAX": 0, "MOMENTS": False, "BP": 256}
    compiled(pools.forward, alone, 4, ones=ones)
    compiled(pools.inputs, alone, 4, ones=ones)
"""


@pytest.mark.parametrize("capability", ["80", "90"])
def test_for(capability: str, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    environment["TRITON_CACHE_DIR"] = str(tmp_path)
    path = tmp_path / "compile.py"  # Triton reads the text of what it compiles, here of dartsl's own files
    path.write_text(SCRIPT)
    subprocess.run([sys.executable, str(path), capability], env=environment, check=True)
