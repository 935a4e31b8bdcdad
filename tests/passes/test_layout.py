"""The layout of images in memory: set once, kept by everything that follows."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import networkx as nx
import pytest
import torch
from torch import fx

from dartsl.graph.build import build
from dartsl.graph.operations import application
from dartsl.graph.passes import optimise
from dartsl.graph.passes.layout import Layout
from dartsl.nn.lower import lower
from dartsl.nn.passing import PLAIN
from tests.nn import specs
from tests.passes.same import CPU, assert_same, planned_text

TEXTS = {
    name: getattr(specs, name).replace("HEIGHT", "8").replace("WIDTH", "8")
    for name in ("SEARCHED", "RAGGED", "DECIDED")
}


STRIDED = """darts 1
import "std/cnn"

cell one {
  input  c0, c1 : identity
  node   a, b : sum keep 1
  edge   c0 -> a : conv(1)/stride > bn | conv_across(1)/stride > conv_down(1)/stride > bn | conv(1)/stride > relu
  edge   c1 -> b : factorized_reduce | dwconv(1)/stride > conv(3)
  output concat(a, b)
}

network small(C = 4) {
  input image(3, 9, 8)
  stem  conv(3) > bn
  stage one/2 width C
  head  global_avg_pool > linear(5)
}
"""


class _Strided(fx.Interpreter):
    """Notes the results whose channels do not lie together."""

    found: list[str]

    def run_node(self, n: fx.Node) -> object:
        result = super().run_node(n)
        if n.op == "call_module" and isinstance(self.module.get_submodule(str(n.target)), fx.GraphModule):
            inner = _Strided(self.module.get_submodule(str(n.target)))
            inner.found = self.found
            inner.run(*self.fetch_args_kwargs_from_env(n)[0])
        values = result if isinstance(result, tuple) else (result,)
        images = [v for v in values if isinstance(v, torch.Tensor) and v.dim() == 4 and n.op != "placeholder"]
        # Views (a shift, a subsample) skip pixels, and their channels still lie together.
        if any(v.stride(1) != 1 and v.shape[1] > 1 and v.shape[2:].numel() > 1 for v in images):
            self.found.append(n.name)
        return result


def strided(text: str, level: int) -> Iterator[str]:
    planned = planned_text(text)
    network = lower(optimise(build(planned), level, CPU).graph)
    images = torch.randn(2, *planned.input.shape.dims)
    weights = [
        torch.softmax(torch.randn(len(table.sizes), max(table.sizes)), -1)
        for table in network.meta["info"].alphas
    ]
    interpreter = _Strided(network)
    interpreter.found = []
    interpreter.run(images, *weights, PLAIN)
    yield from interpreter.found


@pytest.mark.parametrize("name", TEXTS)
def test_everything_keeps_it(name: str) -> None:
    assert list(strided(TEXTS[name], 0))
    # Zeros and noise are made anew, and laid out after that.
    assert [found for found in strided(TEXTS[name], 2) if "noise" not in found and "none" not in found] == []


@pytest.mark.parametrize("name", TEXTS)
def test_no_number_changes(name: str) -> None:
    assert_same(TEXTS[name], [Layout()])


def test_the_image_is_laid_out_once() -> None:
    graph = Layout().run(build(planned_text(TEXTS["DECIDED"])))
    found = [node for node in graph if application(graph, node).kind == "layout"]
    assert found == ["image.layout"]
    again = Layout().run(graph)
    assert list(again) == list(graph)


def test_only_where_the_target_likes_it() -> None:
    graph = optimise(build(planned_text(TEXTS["DECIDED"])), 1, CPU).graph
    assert not [node for node in graph if application(graph, node).kind == "layout"]


def test_strided_convolutions_of_one_pixel_read_it_first() -> None:
    before = build(planned_text(STRIDED))
    graph = Layout().run(before)

    def strided(graph: nx.DiGraph) -> list[str]:
        found = {node: application(graph, node) for node in graph}
        return [
            node
            for node, each in found.items()
            if each.kind in ("conv", "conv_across", "conv_down", "convolution")
            and dict(each.attributes).get("k", 1) == 1
            and each.attribute("stride") != (1, 1)
        ]

    assert len(strided(before)) == 6
    assert strided(graph) == []
    assert strided(Layout(pixels_first=False).run(before)) == strided(before)
    read = [node for node in graph if application(graph, node).kind == "subsample"]
    assert len(read) == 5  # the two of c0 -> a that stride both ways share one
    assert_same(STRIDED, [Layout()])


# Where torch's own weight gradient writes beyond its memory: several threads, an odd number of images, 8 channels.
STEPS = """
import sys
import torch
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl import compile

torch.set_num_threads(2)
model = compile(check(Source("strided.darts", sys.argv[1])))
for _ in range(10):
    model(torch.randn(25, 3, 16, 16)).square().sum().backward()
"""


def test_strided_convolutions_spare_the_heap() -> None:
    text = STRIDED.replace("image(3, 9, 8)", "image(3, 16, 16)").replace("C = 4", "C = 8")
    done = subprocess.run([sys.executable, "-c", STEPS, text], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
