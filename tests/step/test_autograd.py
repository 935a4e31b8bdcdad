"""What the passes of a step do with parameters."""

from __future__ import annotations

import torch

from dartsl.step.autograd import scaled, shift


def test_an_amount_as_a_tensor_shifts_as_a_number_does_to_the_last_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    values = [torch.randn(3, 5, generator=generator), torch.randn(7, generator=generator)]
    direction = [torch.randn(value.shape, generator=generator) for value in values]
    one, other = [value.clone() for value in values], [value.clone() for value in values]
    shift(one, direction, -0.3)
    shift(other, direction, torch.tensor(-0.3, dtype=torch.float64))
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))
    assert not torch.equal(one[0], values[0])


def test_what_is_scaled_on_a_gpu() -> None:
    values = [torch.ones(2, 3), torch.arange(4.0), torch.ones(2, dtype=torch.float64)]
    made = scaled(values, torch.tensor(0.5, dtype=torch.float64))
    assert [each.dtype for each in made] == [value.dtype for value in values]
    assert all(torch.equal(each, value * 0.5) for each, value in zip(made, values, strict=True))
    assert scaled([], torch.tensor(0.5)) == []
