"""The memory estimate, against what autograd keeps when the network really runs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dartsl.nn.memory import estimate_step, saved_bytes, step_memory
from dartsl.nn.supernet import Supernet
from tests.nn.specs import DECIDED, RAGGED, SEARCHED, small


def measured(model: Supernet, batch: int, twice: bool) -> int:
    """Bytes behind all tensors that autograd packs on the CPU, by address, parameters left out."""
    images = torch.randn(batch, *model.plan.image.dims)
    labels = torch.zeros(batch, dtype=torch.int64)
    outside = {
        t.untyped_storage().data_ptr() for t in (*model.parameters(), *model.buffers(), images, labels)
    }
    alive: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        alive[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        loss = F.cross_entropy(model(images), labels)
        if twice:
            gradients = torch.autograd.grad(loss, model.weights(), create_graph=True)
            assert gradients
    return sum(t.untyped_storage().nbytes() for address, t in alive.items() if address not in outside)


@pytest.mark.parametrize("text", [SEARCHED, RAGGED, DECIDED], ids=["searched", "ragged", "decided"])
@pytest.mark.parametrize("twice", [False, True])
def test_saved_bytes_are_what_autograd_keeps(text: str, twice: bool) -> None:
    model = small(text)
    shadow = small(text, device="meta")
    images = torch.empty(6, *model.plan.image.dims, device="meta")
    told = saved_bytes(shadow, images, torch.empty(6, dtype=torch.int64, device="meta"), twice=twice)
    assert told == pytest.approx(measured(model, 6, twice), rel=0.05)


def test_parts_of_the_estimate() -> None:
    model = small(RAGGED)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    weights = 4 * sum(p.numel() for p in model.weights())
    alphas = 4 * sum(p.numel() for p in model.alpha_parameters())
    first, second, exact = (step_memory(model, 4, order) for order in ("1", "2", "exact"))
    buffers = sum(b.numel() * b.element_size() for b in model.buffers())
    assert first.state == 2 * weights + 3 * alphas + buffers
    assert first.gradients == weights + alphas
    assert (first.copies, second.copies) == (0, 2 * weights)
    assert first.saved == second.saved < exact.saved
    assert first.total < second.total < exact.total
    assert estimate_step(model, 4, "2") == second.total
    assert estimate_step(model.plan, 4, "2") == second.total
    double = step_memory(model, 8, "1")
    assert double.transient == 2 * first.transient
    assert double.saved == pytest.approx(2 * first.saved, rel=0.01)
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_the_type_and_the_order_count() -> None:
    single, double = small(DECIDED), small(DECIDED, dtype="float64")
    assert estimate_step(double, 4, "1") == pytest.approx(2 * estimate_step(single, 4, "1"), rel=0.05)
    assert estimate_step(single.plan, 4, "1", dtype=torch.float64) == estimate_step(double, 4, "1")
    with pytest.raises(ValueError, match="order is one of 1, 2, exact"):
        estimate_step(single, 4, "3")
