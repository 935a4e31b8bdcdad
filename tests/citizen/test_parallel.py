"""Networks in the hands of torch.distributed, one process of it: as at -O0, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import distributed, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.supernet import Supernet
from tests.citizen.networks import KINDS, LEVELS, inputs, logits, made, same

pytestmark = pytest.mark.filterwarnings("ignore:FSDP2-wrapped module .* returned a view tensor")


@pytest.fixture(autouse=True, scope="module")
def _process() -> Iterator[None]:
    distributed.init_process_group("gloo", store=distributed.HashStore(), rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def stepped(model: Supernet, call: nn.Module | None = None) -> dict[str, Any]:
    """What the network gives, before and after a step of gradient descent."""
    x, found = inputs(model), {}
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    for name in ("before", "after"):
        optimizer.zero_grad()
        found[name] = logits(call or model, x)
        found[name].square().sum().backward()
        optimizer.step()
    return {**found, **dict(model.named_buffers())}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_data_parallel(kind: str, level: int) -> None:
    model = made(kind, level)
    same(stepped(model, DistributedDataParallel(model)), stepped(made(kind, 0)))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_sharded_as_a_whole(kind: str, level: int) -> None:
    model = made(kind, level)
    fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
    same(stepped(model), stepped(made(kind, 0)))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_sharded_layer_by_layer(kind: str, level: int) -> None:
    model, mesh = made(kind, level), init_device_mesh("cpu", (1,))
    for layer in model.network.children():
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    if kind == "text":
        with pytest.raises(UserError, match="of a network of text cannot be sharded one by one"):
            stepped(model)
    else:
        same(stepped(model), stepped(made(kind, 0)))
