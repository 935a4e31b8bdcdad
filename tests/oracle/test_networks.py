"""dartsl's networks against the oracle's, float64: outputs, losses, and every gradient."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from .mapping import assert_equal, batch, randomise, renamed, spec_text, twin
from .naive.networks import DARTS_V1, DARTS_V2, BlockNetwork, Genotype, Network

LEVELS = (0, 2)
SIZES = [(8, 8), (9, 9), (15, 13), (6, 11)]


def compare(model: nn.Module, name: str, parameters: dict[str, int], size: tuple[int, int]) -> None:
    """At O0 and O2: output, loss and gradients in training mode; the output by running statistics; those statistics."""
    model.double()
    randomise(model, seed=size[0])
    twins = [twin(model, spec_text(name, size), parameters, level) for level in LEVELS]
    images, labels = batch(size, 4, seed=1)
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    assert all(gradient is not None and gradient.abs().max() > 0 for gradient in gradients.values())
    for made in twins:
        found = made(images)
        its_loss = F.cross_entropy(found, labels)
        its_loss.backward()
        assert_equal({"logits": found, "loss": its_loss}, {"logits": logits, "loss": loss})
        assert_equal({n: p.grad for n, p in made.named_parameters()}, renamed(model, gradients))
        assert_equal(made.state_dict(), renamed(model, model.state_dict()))
    model.eval()
    with torch.no_grad():
        evaluated = model(images)
        for made in twins:
            assert_equal({"evaluation": made.eval()(images)}, {"evaluation": evaluated})


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_supernet(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    compare(Network(4, 5), "darts_cnn", {"C": 4, "n": 1}, size)


def test_supernet_of_eight_cells() -> None:
    torch.manual_seed(1)
    compare(Network(2, 8), "darts_cnn", {"C": 2, "n": 2}, (8, 8))


@pytest.mark.parametrize("size", [(8, 8), (9, 9), (7, 10)], ids=str)
def test_nas_bench_201(size: tuple[int, int]) -> None:
    torch.manual_seed(2)
    compare(BlockNetwork(4, 1), "nasbench201", {"C": 4, "n": 1}, size)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize(("name", "genotype"), [("zoo/darts_v1", DARTS_V1), ("zoo/darts_v2", DARTS_V2)])
def test_published_networks(name: str, genotype: Genotype, size: tuple[int, int]) -> None:
    torch.manual_seed(3)
    compare(Network(4, 8, genotype), name, {"C": 4, "n": 2}, size)
