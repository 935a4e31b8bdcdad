"""Random draws depend on their keys alone."""

from __future__ import annotations

import math

import pytest
import torch

from dartsl.nn.draws import Draws, Noise, seeded, stream_seed
from dartsl.nn.lower import lower
from dartsl.nn.passing import BatchKind, Pass
from dartsl.nn.share import Share
from tests.nn.graphs import half, mixed


def test_keys_of_different_types_or_cuts_are_different() -> None:
    keys: list[tuple[int | str, ...]] = [
        (0, "a"),
        (1, "a"),
        (0, "b"),
        ("0", "a"),
        (0, "a", ""),
        ("0a",),
        ("0", "", "a"),
    ]
    seeds = {stream_seed(*key) for key in keys}
    assert len(seeds) == len(keys)
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert stream_seed(0, "stem0.conv") == stream_seed(0, "stem0.conv")


def test_seeded_leaves_the_generator_where_it_was() -> None:
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    with seeded(0, "x"):
        first = torch.rand(2)
    with seeded(0, "x"):
        assert torch.equal(first, torch.rand(2))
    assert torch.equal(torch.rand(4), expected)


def test_noise_is_keyed_by_seed_step_batch_and_path() -> None:
    x = torch.zeros(64, 3, 9, 8)

    def draw(
        seed: int = 0, step: int = 0, kind: BatchKind = "train", path: str = "layer0.n0.c0.noise"
    ) -> torch.Tensor:
        return Noise(Draws(seed), path, 3)(x, Pass(step, kind))  # type: ignore[no-any-return]

    first = draw()
    assert torch.equal(first, draw())
    others = [draw(seed=1), draw(step=1), draw(kind="validation"), draw(path="layer0.n0.c1.noise")]
    for other in others:
        assert not torch.equal(first, other)
        assert abs(torch.corrcoef(torch.stack([first.flatten(), other.flatten()]))[0, 1]) < 0.05
    assert abs(first.mean()) < 0.05
    assert abs(first.std() - 1) < 0.05


@pytest.mark.parametrize("size", [(6, 6), (7, 6), (5, 7)])
def test_noise_has_the_strided_shape_and_no_gradient(size: tuple[int, int]) -> None:
    x = torch.zeros(2, 3, *size, dtype=torch.float64, requires_grad=True)
    y = Noise(Draws(0), "p", 5, stride=(2, 2))(x)
    assert y.shape == (2, 5, half(size[0]), half(size[1]))
    assert y.dtype == torch.float64
    assert not y.requires_grad
    assert not Noise(Draws(0), "p", 5).state_dict()


def test_a_batch_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="`train` or `validation`"):
        Pass(0, "test")  # type: ignore[arg-type]


def test_a_network_draws_anew_for_each_batch_and_repeats_a_step() -> None:
    network = lower(mixed(noise=True)).eval()
    images, weights = torch.randn(2, 3, 7, 6), torch.full((2, 4), 0.25)
    first = network(images, weights, Pass(0))
    assert not torch.equal(first, network(images, weights, Pass(1)))
    assert torch.equal(first, network(images, weights, Pass(0)))


def test_gumbel_noise_is_one_draw_for_a_batch_in_every_share_and_type() -> None:
    """Its mean is Euler's constant, its variance pi^2 / 6."""

    def draw(pass_: Pass, path: str = "alphas.normal", dtype: torch.dtype = torch.float64) -> torch.Tensor:
        return Draws(3).gumbel(pass_, path, (400, 250), torch.empty(0, dtype=dtype))

    first = draw(Pass(7))
    assert abs(first.mean() - 0.5772) < 0.02
    assert abs(first.var() - 1.6449) < 0.05
    assert abs((first < 0).double().mean() - math.exp(-1)) < 0.01
    assert torch.equal(first, draw(Pass(7, share=Share(2, 4, 8), frozen=True)))
    assert torch.equal(first.float(), draw(Pass(7), dtype=torch.float32))
    for other in (draw(Pass(8)), draw(Pass(7, "validation")), draw(Pass(7), "alphas.reduction")):
        assert abs(torch.corrcoef(torch.stack([first.flatten(), other.flatten()]))[0, 1]) < 0.03
