"""`memory = "low"`: the same numbers from less that is kept; and `amp`."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dartsl.nn.passing import Pass
from dartsl.nn.supernet import Supernet
from dartsl.searching.memory import Occupancy
from dartsl.searching.products import exact_product
from dartsl.step.batches import random_batches
from tests.nn.specs import RAGGED, SEARCHED, small

Numbers = dict[str, Tensor]


def step(model: Supernet, number: int = 0) -> Numbers:
    """Gradients of all parameters on a batch, and all buffers after it."""
    generator = torch.Generator().manual_seed(number)
    images = torch.randn(6, *model.plan.input.shape.dims, generator=generator, dtype=torch.float64)
    model.zero_grad()
    logits = model(images, None, Pass(number))
    F.cross_entropy(logits, torch.arange(6) % model.plan.classes).backward()
    gradients = {n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None}
    return {**gradients, **{f"{n} (buffer)": b.clone() for n, b in model.named_buffers()}}


def same(found: Numbers, expected: Numbers) -> None:
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-10, atol=1e-14, msg=name)


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("text", [SEARCHED, RAGGED], ids=["searched", "ragged"])
def test_gradients_and_running_statistics_are_the_same(text: str, level: int) -> None:
    plain = small(text, dtype="float64", level=level)
    low = small(text, dtype="float64", level=level, memory="low")
    assert list(low.state_dict()) == list(plain.state_dict())
    for number in range(2):
        same(step(low, number), step(plain, number))


def test_what_is_frozen_in_the_pass_is_frozen_when_it_is_repeated() -> None:
    model = small(SEARCHED, dtype="float64", memory="low")
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    images = torch.randn(4, *model.plan.input.shape.dims, dtype=torch.float64)
    model(images, None, Pass(frozen=True)).square().sum().backward()
    same(dict(model.named_buffers()), before)
    model(images).square().sum().backward()
    assert {int(value) for name, value in model.named_buffers() if name.endswith("tracked")} == {1}


class Dropped(nn.Module):
    """An operation of someone else's that draws from torch's own generator."""

    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(x, 0.5)


def test_draws_of_a_plugin_are_repeated() -> None:
    own = "extern op dropped\nop dropping = sep_conv(3)/stride > dropped\n\ncell normal"
    text = SEARCHED.replace("cell normal", own, 1).replace(": darts", ": none | dropping")
    results = []
    for memory in ("normal", "low"):
        model = small(text, dtype="float64", memory=memory, plugins={"dropped": lambda *_: Dropped()})
        torch.manual_seed(3)
        results.append(step(model))
    same(results[1], results[0])


def kept(model: Supernet) -> int:
    """Bytes that autograd keeps between the passes, and outside what is recomputed."""
    total = 0

    def keep(tensor: Tensor) -> Tensor:
        nonlocal total
        total += tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model(torch.randn(6, *model.plan.input.shape.dims))
    return total


def test_less_is_kept() -> None:
    assert kept(small(SEARCHED, memory="low")) < 0.2 * kept(small(SEARCHED))


@pytest.mark.parametrize("memory", ["normal", "low"])
def test_bfloat16_computes_and_float32_is_learnt(memory: str) -> None:
    plain, mixed = small(SEARCHED), small(SEARCHED, amp=True, memory=memory)
    seen: set[torch.dtype] = set()
    for module in mixed.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _m, _i, output: seen.add(output.dtype))
    images = torch.randn(16, *mixed.plan.input.shape.dims, generator=torch.Generator().manual_seed(0))
    logits, expected = mixed(images), plain(images)
    torch.testing.assert_close(logits, expected, rtol=0.1, atol=0.1)
    assert not torch.equal(logits, expected)
    logits.square().sum().backward()
    assert all(p.dtype == torch.float32 and p.grad is not None for p in mixed.weights())
    assert mixed.alpha("normal").grad is not None
    assert seen <= {torch.bfloat16}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, of forward mode
def test_forward_mode_computes_nothing_again() -> None:
    """Autograd keeps tangents anyway, so that both together would take more than either."""
    held = []
    for memory in ("normal", "low"):
        model = small(SEARCHED, dtype="float64", memory=memory)
        train, _ = random_batches(model.plan, 4, model.weights()[0])
        direction = [torch.ones_like(weight) for weight in model.weights()]
        with Occupancy([*model.parameters(), *model.buffers()]) as occupied:
            exact_product(model, train, Pass(frozen=True), direction)
        held.append(occupied.peak)
    assert held[1] == pytest.approx(held[0], rel=0.01)
