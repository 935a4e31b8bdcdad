"""The layout of images in memory: set once, kept by everything that follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import fx

from dartsl.graph.build import build
from dartsl.graph.operations import application
from dartsl.graph.passes import DEFAULT_LEVEL, layout, optimise
from dartsl.graph.target import TARGETS
from dartsl.nn.lower import lower
from tests.nn import specs
from tests.passes.same import CPU, assert_same, planned_text

TEXTS = {
    name: getattr(specs, name).replace("HEIGHT", "8").replace("WIDTH", "8")
    for name in ("SEARCHED", "RAGGED", "DECIDED")
}


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
    images = torch.randn(2, *planned.image.dims)
    weights = [
        torch.softmax(torch.randn(len(table.sizes), max(table.sizes)), -1)
        for table in network.meta["info"].alphas
    ]
    interpreter = _Strided(network)
    interpreter.found = []
    interpreter.run(images, *weights)
    yield from interpreter.found


@pytest.mark.parametrize("name", TEXTS)
def test_everything_keeps_it(name: str) -> None:
    assert list(strided(TEXTS[name], 0))
    # Zeros and noise are made anew and laid out behind.
    assert [
        found for found in strided(TEXTS[name], DEFAULT_LEVEL) if "noise" not in found and "none" not in found
    ] == []


@pytest.mark.parametrize("name", TEXTS)
def test_no_number_changes(name: str) -> None:
    assert_same(TEXTS[name], [layout.run])


def test_the_image_is_laid_out_once() -> None:
    graph = layout.run(build(planned_text(TEXTS["DECIDED"])), CPU)
    found = [node for node in graph if application(graph, node).kind == "layout"]
    assert found == ["image.layout"]
    again = layout.run(graph, CPU)
    assert list(again) == list(graph)


def test_only_where_the_target_likes_it() -> None:
    plain = build(planned_text(TEXTS["DECIDED"]))
    assert layout.run(plain, TARGETS["cuda"]) is not plain
    none = replace(CPU, channels_last=False)
    assert layout.run(plain, none) is plain
