"""Transforms of torch.func, and checkpoints: as at -O0."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from dartsl.nn.supernet import Supernet
from tests.citizen.networks import KINDS, LEVELS, inputs, logits, made, same


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # in torch's own jvp
@pytest.mark.parametrize("kind", KINDS)
def test_transforms_of_functions_go_through_at_every_level(kind: str) -> None:
    found = []
    for level in LEVELS:
        model = made(kind, level).eval()
        state = {**dict(model.named_parameters()), **dict(model.named_buffers())}

        def call(state: dict[str, Tensor], x: Tensor, model: Supernet = model) -> Tensor:
            given = torch.func.functional_call(model, state, (x,))
            found: Tensor = given if isinstance(given, Tensor) else given.logits
            return found

        x = inputs(model)
        whole = call(
            {
                name: value.detach() * 0.5 if value.is_floating_point() else value
                for name, value in state.items()
            },
            x,
        )
        along = {name: torch.ones_like(value) for name, value in model.named_parameters()}
        fixed = dict(model.named_buffers())
        _, tangent = torch.func.jvp(
            lambda weights, fixed=fixed, call=call, x=x: call({**weights, **fixed}, x),
            (dict(model.named_parameters()),),
            (along,),
        )
        stacked, buffers = torch.func.stack_module_state([model, copy.deepcopy(model)])  # type: ignore[arg-type]
        both = torch.func.vmap(lambda p, b, call=call, x=x: call({**p, **b}, x))(stacked, buffers)
        images = torch.func.vmap(lambda x, call=call, state=state: call(state, x))(torch.stack([x, x]))
        checked = checkpoint(logits, model, x, use_reentrant=False)
        found.append([whole, tangent, both, images, checked])
    for each in found[1:]:
        same(each, found[0])
