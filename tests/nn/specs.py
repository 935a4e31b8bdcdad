"""Small specs for the tests of the supernet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dartsl import compile
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.nn.supernet import Supernet

NETWORK = """
network small(C = 4) {
  input image(3, HEIGHT, WIDTH)
  stem  conv(3, out = 3*C) > bn
  stage normal              width C
  stage reduction/2         width 2*C
  head  global_avg_pool > linear(5)
}
"""

SEARCHED = (
    """darts 1
import "std/cnn"

cell normal {
  input  c0, c1 : preprocess
  node   n0..n1 : sum keep 2
  edge   all -> n0..n1 : darts
  output concat(n0..n1)
}

cell reduction = normal
"""
    + NETWORK
)

# Rows of two, three and no candidates to choose from, noise, an even pool, a 1x1 map that is broadcast.
RAGGED = (
    """darts 1
import "std/cnn"

op squeeze = product(identity, global_avg_pool > conv(1) > sigmoid)
op halves  = match stride { 1 => identity, 2 => avg_pool(2)/2 > conv(1) }
op cornered = shift(-1, 2) > conv_across(3)/stride > conv_down(3)/stride > bn

cell normal {
  input  a, b : preprocess
  node   p : sum
  node   q : mean
  node   r : product > mix_bn
  edge   a -> p : none | noise | halves
  edge   a, b -> q : max_pool(3) | cornered
  edge   b -> p : sep_conv(3)
  edge   p, q -> r : identity | squeeze
  output r
}

cell reduction = normal
"""
    + NETWORK
)

DECIDED = (
    """darts 1
import "std/cnn"

cell normal {
  input  c0, c1 : preprocess
  node   n0 : sum
  edge   c0 -> n0 : max_pool_3x3
  edge   c1 -> n0 : sep_conv_3x3
  output concat(n0)
}

cell reduction = normal
"""
    + NETWORK
)


def small(
    text: str, height: int = 8, width: int = 8, plugins: Mapping[str, Any] | None = None, **settings: Any
) -> Supernet:
    """The network of a spec's text at an image size."""
    text = text.replace("HEIGHT", str(height)).replace("WIDTH", str(width))
    return compile(check(Source("test.darts", text)), plugins=plugins or (), **settings)


# Cells that stand as operations: with a stride, twice in a candidate, within a cell within a cell, in a layer's choice.
NESTED = """
darts 2
import "std/cnn"

ops primitive = none | skip_connect | conv(3)/stride > bn
cell motif {
  input  x
  node   a, b : sum
  edge   x -> a : primitive
  edge   a -> b : max_pool(3)/stride > mix_bn | tanh
  output b
}
cell twin = motif
cell pair {
  input  x : conv(1) > bn
  node   a : sum
  node   b : sum > relu > bn
  edge   x -> a : motif | twin | sum(conv(1)/stride, motif/stride)
  edge   a -> b : motif > twin | conv(1, out = C/2) > motif(out = C/2) > conv(1) | identity
  output b
}
cell top {
  input  x : conv(1) > bn
  node   a, b : sum
  edge   x -> a : pair | motif/stride > tanh
    edge   a -> b : twin
  output concat(a, b)
}
network nested(C = 2) {
  input image(3, 6, 6)
  stem  conv(3) > bn
  stage top > (twin | conv(3)/stride > bn)/2 width C
  head  global_avg_pool > linear(10)
}
"""
