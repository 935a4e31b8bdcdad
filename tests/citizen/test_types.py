"""Other types and devices, and batches that are none: as at -O0, or refused in one sentence."""

from __future__ import annotations

import pytest
import torch

from tests.citizen.networks import KINDS, LEVELS, inputs, logits, made, same


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("kind", KINDS)
def test_short_types_give_the_numbers_of_float64_rounded(kind: str, dtype: torch.dtype) -> None:
    for level in LEVELS:
        model = made(kind, level)
        x = inputs(model)
        expected = logits(model, x).detach()
        model = made(kind, level).half() if dtype == torch.float16 else made(kind, level).to(dtype)
        short = logits(model, x if kind == "text" else x.to(dtype))
        short.square().sum().backward()
        assert short.dtype == dtype
        assert {p.grad.dtype for p in model.parameters() if p.grad is not None} == {dtype}
        error = (short.detach().double() - expected).square().mean().sqrt() / expected.square().mean().sqrt()
        assert 0 < float(error) < 20 * torch.finfo(dtype).eps


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_network_goes_to_meta_and_comes_back_empty(kind: str, level: int) -> None:
    model = made(kind, level)
    x, state = inputs(model), {name: value.clone() for name, value in model.state_dict().items()}
    expected = logits(model.eval(), x)
    model.to("meta")
    assert logits(model, x.to("meta")).shape == expected.shape
    model.to_empty(device="cpu")
    model.load_state_dict(state)
    same(logits(model, x), expected)
