"""`amp`: what is computed in bfloat16, and what stays float32."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dartsl.nn.supernet import Supernet
from dartsl.step.autograd import slopes
from tests.nn.specs import SEARCHED, small

aten = torch.ops.aten


class Types(TorchDispatchMode):
    """Types of the floating tensors that go into operations, by operation, in the order of its arguments."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: dict[Any, set[tuple[torch.dtype, ...]]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = [leaf for leaf in tree_leaves(args) if isinstance(leaf, Tensor) and leaf.is_floating_point()]
        self.seen.setdefault(func, set()).add(tuple(tensor.dtype for tensor in found))
        return func(*args, **(kwargs or {}))


def gradients(model: Supernet, images: Tensor) -> tuple[Tensor, list[Tensor]]:
    logits = model(images)
    return logits, slopes(logits.square().mean(), [*model.alpha_parameters(), *model.weights()])


@pytest.mark.parametrize("level", [0, 2])
def test_statistics_alphas_and_weights_stay_float32(level: int) -> None:
    model = small(SEARCHED, amp=True, level=level)
    with Types() as types:
        logits, found = gradients(model, torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert types.seen[aten.convolution.default] == {(torch.bfloat16,) * 2}
    assert types.seen[aten._softmax.default] == {(torch.float32,)}
    norms = types.seen[aten.native_batch_norm.default]
    assert {each[0] for each in norms} == {torch.bfloat16}
    assert {kind for each in norms for kind in each[1:]} <= {torch.float32}  # running mean and variance
    assert logits.dtype is torch.float32
    assert {each.dtype for each in found} == {torch.float32}
    assert {each.dtype for each in (*model.parameters(), *model.buffers()) if each.is_floating_point()} == {
        torch.float32
    }


@pytest.mark.parametrize("level", [0, 2])
def test_gradients_are_near_those_of_float32(level: int) -> None:
    images = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    (long, ours), (short, theirs) = (
        gradients(small(SEARCHED, amp=amp, level=level), images) for amp in (False, True)
    )
    assert not torch.equal(long, short)
    one, other = (torch.cat([each.flatten() for each in found]) for found in (ours, theirs))
    assert torch.cosine_similarity(one, other, dim=0) > 0.99
