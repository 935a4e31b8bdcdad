"""The oracle against the published numbers, and against itself where two roads lead to one gradient."""

from __future__ import annotations

import copy

import pytest
import torch

from .naive.bilevel import Search, Settings, gradients
from .naive.networks import DARTS_V1, DARTS_V2, Genotype, Network, alphas_of, weights_of
from .naive.training import TrainedNetwork


@pytest.mark.parametrize(
    ("c", "layers", "genotype", "count"),
    [
        (16, 8, None, 1_930_618),
        (16, 5, None, 1_275_834),
        (36, 20, DARTS_V1, 3_169_414),
        (36, 20, DARTS_V2, 3_349_342),
    ],
)
def test_published_parameter_counts(c: int, layers: int, genotype: Genotype | None, count: int) -> None:
    with torch.device("meta"):
        model = Network(c, layers, genotype)
    assert sum(p.numel() for p in weights_of(model).values()) == count


@pytest.mark.parametrize(
    ("c", "layers", "classes", "imagenet", "count", "head"),
    [(36, 20, 10, False, 3_349_342, 476_426), (48, 14, 1000, True, 4_718_752, 1_260_776)],
)
def test_published_parameter_counts_of_training(
    c: int, layers: int, classes: int, imagenet: bool, count: int, head: int
) -> None:
    with torch.device("meta"):
        model = TrainedNetwork(c, layers, DARTS_V2, classes=classes, imagenet=imagenet)
    assert sum(p.numel() for p in model.auxiliary.parameters()) == head
    assert sum(p.numel() for p in model.parameters()) == count + head


def test_both_roads_to_the_exact_gradient_agree() -> None:
    torch.manual_seed(0)
    model = Network(2, 3, nodes=2, classes=3).double()
    with torch.no_grad():
        for alpha in alphas_of(model).values():
            alpha.copy_(torch.randn_like(alpha))
    search = Search(model, Settings(order="exact"))
    batches = [(torch.randn(4, 3, 6, 6).double(), torch.randint(3, (4,))) for _ in range(2)]
    train, validation = batches
    search.step(train, validation, 0.1)
    before = copy.deepcopy(search.model.state_dict())
    v, slope = gradients(search.unrolled(train, 0.1), validation)
    hvp = search.exact_product(train, v)
    direct = search.alpha_gradient(train, validation, 0.1)
    for name, gradient in direct.items():
        torch.testing.assert_close(gradient, slope[name] - 0.1 * hvp[name], rtol=1e-10, atol=1e-14)
    for name, tensor in search.model.state_dict().items():
        assert torch.equal(tensor, before[name]), name
