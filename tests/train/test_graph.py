"""What training adds to a graph: the auxiliary head and drop-path, the same at every level."""

from __future__ import annotations

import pytest
import torch

from dartsl.graph.auxiliary import auxiliary_layer, windows
from dartsl.graph.build import build
from dartsl.graph.count import parameters
from dartsl.graph.operations import application
from dartsl.lang.checker import check, pick_network
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.draws import Draws
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import Supernet, from_plan


def planned(name: str, **values: int) -> Plan:
    spec = check(read(name))
    return plan(spec, pick_network(spec, None), values)


@pytest.mark.parametrize(
    ("name", "layer", "without", "head"),
    [
        ("zoo/darts_v2", "layer13", 3_349_342, 476_426),
        ("zoo/darts_v1", "layer13", 3_169_414, 476_426),
        ("zoo/darts_v2_imagenet", "layer9", 4_718_752, 1_260_776),
    ],
)
def test_parameters_are_the_published_ones(name: str, layer: str, without: int, head: int) -> None:
    found = planned(name)
    assert auxiliary_layer(found) == layer
    assert parameters(build(found)) == without
    assert parameters(build(found, auxiliary=True)) == without + head


def test_the_windows_of_any_side_are_two() -> None:
    assert windows(8) == (5, 3)
    assert windows(7) == (5, 2)
    for side in range(2, 100):
        length, stride = windows(side)
        assert (side - length) // stride == 1
        assert 1 <= stride <= length


@pytest.mark.parametrize("size", [1, 2, 3, 7, 9])
def test_the_head_fits_any_image(size: int) -> None:
    text = read("zoo/darts_v2").text.replace("image(3, 32, 32)", f"image(3, {4 * size}, {4 * size})")
    spec = check(type(read("zoo/darts_v2"))("v2", text))
    small = plan(spec, pick_network(spec, None), {"C": 2, "n": 1})
    model = from_plan(spec, small, Build(auxiliary=True))
    assert model(torch.randn(3, 3, 4 * size, 4 * size)).shape == (3, 20)


def test_drop_path_stands_after_every_operation_but_the_identity() -> None:
    graph = build(planned("zoo/darts_v2", n=1), drop_path=True)
    dropped = [application(graph, node) for node in graph if application(graph, node).kind == "drop_path"]
    followed = {application(graph, each.inputs[0]).kind for each in dropped}
    # normal: 8 edges, 2 of them identities; reduction: 8 edges, 3 of them identities (n0 -> n1, n2, n3)
    assert len(dropped) == 3 * 6 + 2 * 5
    assert "identity" not in followed


def models(level: int) -> Supernet:
    spec = check(read("zoo/darts_v2"))
    small = plan(spec, pick_network(spec, None), {"C": 4, "n": 1})
    return from_plan(spec, small, Build(level=level, dtype="float64", drop_path=True, auxiliary=True))


def test_every_level_drops_the_same() -> None:
    images = torch.randn(4, 3, 32, 32, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    found = []
    for level in (0, 1, 2):
        model = models(level)
        logits = model(images, None, Pass(3, drop_path=0.4))
        logits.square().sum().backward()
        gradients = torch.cat(
            [g.flatten() for _, p in sorted(model.network.named_parameters()) if (g := p.grad) is not None]
        )
        assert not torch.allclose(model(images, None, Pass(4, drop_path=0.4)), logits)
        found.append((logits.detach(), gradients))
    for logits, gradients in found[1:]:
        assert torch.allclose(logits, found[0][0], rtol=1e-9, atol=1e-11)
        assert torch.allclose(gradients, found[0][1], rtol=1e-7, atol=1e-9)


def test_drop_path_keeps_the_mean_and_rests_in_evaluation() -> None:
    x = torch.ones(4000, 1, 1, 1)
    kept = Draws(0).kept_images(Pass(drop_path=0.25), "a.path", x)
    assert sorted(set(kept.flatten().tolist())) == [0.0, pytest.approx(4 / 3)]
    assert kept.mean() == pytest.approx(1, abs=0.05)
    assert Draws(0).kept_images(Pass(drop_path=1.0), "a.path", x).sum() == 0
    model = models(0).eval()
    images = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    assert torch.equal(model(images, None, Pass(drop_path=0.25)), model(images))
