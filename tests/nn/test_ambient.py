"""What torch has switched on around a call changes no initial weight and no alpha: default type, device, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch import Tensor, nn

import dartsl
from dartsl.nn.build import Build
from dartsl.nn.supernet import Supernet, compile
from tests.nn.surroundings import SURROUNDINGS

SPEC = """darts 1
import "std/cnn"
extern op noisy
cell pair {
  input  a, b : preprocess
  node   p : sum
  edge   a -> p : sep_conv(3) | noisy
  edge   b -> p : skip_connect | noisy
  output p
}
network small(C = 4) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage pair*2 width C
  head  global_avg_pool > linear(10)
}
"""
TEXT = "darts_rnn"


class Noisy(nn.Module):
    """Draws its first numbers in each way that torch has."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.trunc_normal_(self.conv.weight, std=0.1)
        self.scale = nn.Parameter(torch.rand(channels, 1, 1) + torch.randint(1, 3, (channels, 1, 1)))
        self.shift = nn.Parameter(torch.randn(channels, 1, 1) + torch.arange(channels)[:, None, None] / 3)
        self.register_buffer("order", torch.randperm(channels))
        self.register_buffer("mask", torch.bernoulli(torch.full((channels, 1, 1), 0.5)))
        self.register_buffer(
            "like", torch.randn_like(self.scale) + nn.functional.dropout(self.scale.detach())
        )

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.dropout(self.conv(x) * self.scale + self.shift, 0.1, self.training)


def noisy(in_channels: int, out_channels: int, stride: int, affine: bool) -> nn.Module:
    return Noisy(in_channels)


def state(seed: int = 7, spec: str = SPEC) -> dict[str, Tensor]:
    source = dartsl.Source("small.darts", spec) if spec == SPEC else spec
    parameters = {} if spec == SPEC else {"H": 6, "vocab": 30}
    return network(source, seed, parameters).state_dict()


def network(source: str | dartsl.Source, seed: int, parameters: dict[str, int]) -> Supernet:
    checked = dartsl.check(source)
    return compile(checked, None, parameters, Build(seed=seed), {"noisy": noisy})


def same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name].dtype == value.dtype, name
        assert torch.equal(found[name], value), name


def test_a_plugin_draws_what_it_draws_from_torchs_own_generator_with_the_seed_of_its_path() -> None:
    from dartsl.nn.draws import stream_seed

    found = state()
    path = next(name for name in found if name.endswith("noisy.scale")).removesuffix(".scale")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(stream_seed(7, path.removeprefix("network.")))
        expected = Noisy(4).state_dict()
    same({name: found[f"{path}.{name}"] for name in expected}, expected)


def test_threads_compile_the_weights_of_one() -> None:
    expected = {seed: state(seed) for seed in (7, 8)}
    with ThreadPoolExecutor(4) as pool:
        for seed, found in zip([7, 8, 7, 8] * 2, pool.map(state, [7, 8, 7, 8] * 2), strict=True):
            same(found, expected[seed])


def test_compiling_leaves_the_callers_generator_alone() -> None:
    torch.manual_seed(3)
    before = torch.default_generator.get_state()
    state()
    assert torch.equal(torch.default_generator.get_state(), before)


@pytest.mark.parametrize("spec", [SPEC, TEXT], ids=["images", "text"])
@pytest.mark.parametrize("around", SURROUNDINGS)
def test_what_torch_has_switched_on_changes_no_first_number(around: str, spec: str) -> None:
    expected = state(spec=spec)
    with SURROUNDINGS[around]():
        found = state(spec=spec)
    same(found, expected)
    assert not any(value.is_inference() for value in found.values())
