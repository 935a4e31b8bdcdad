"""Modules of a network that a user edits, freezes, prunes or replaces: as at -O0."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import fuse_conv_bn_eval, parametrizations, parametrize, prune

from dartsl.nn.supernet import Supernet
from tests.citizen.networks import KINDS, LEVELS, NORMS, WIDE, inputs, logits, made, numbers, of, same


def one_norm_evaluates(model: Supernet) -> None:
    of(model, *NORMS)[2].eval()


def settings_of_norms(model: Supernet) -> None:
    norms: list[Any] = of(model, *NORMS)
    norms[2].momentum, norms[1].eps, norms[-1].track_running_stats = 0.7, 0.5, False


def statistics_by_hand(model: Supernet) -> None:
    for norm in of(model, *NORMS)[1::3]:
        norm.get_buffer("running_mean").add_(1)
        norm.get_buffer("running_var").mul_(3)
    model.eval()


def other_forward(model: Supernet) -> None:
    for module in of(model, *WIDE)[1::4]:
        vars(module)["forward"] = lambda x, before=module.forward: before(x) * 2


def inner_forward(model: Supernet) -> None:
    for module in of(model, nn.Conv2d)[1::4]:
        inner = module._conv_forward  # type: ignore[operator]
        vars(module)["_conv_forward"] = lambda *given, before=inner: before(*given) * 2


def biases(model: Supernet) -> None:
    for module in of(model, nn.Conv2d)[::3]:
        module.bias = nn.Parameter(torch.linspace(-1, 1, len(module.get_parameter("weight"))).double())


def affine_norms(model: Supernet) -> None:
    for module in of(model, *NORMS)[::5]:
        if getattr(module, "affine", True) is False:
            width: Any = module.num_features
            module.weight = nn.Parameter(torch.linspace(1, 2, width).double())
            module.bias = nn.Parameter(torch.linspace(-1, 1, width).double())


def no_statistics(model: Supernet) -> None:
    for module in of(model, *NORMS)[1::3]:
        vars(module)["_buffers"].update(running_mean=None, running_var=None)


def subclass(model: Supernet) -> None:
    for module in of(model, nn.Conv2d)[1::2]:
        module.__class__ = _Doubled


class _Doubled(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


def dilation(model: Supernet) -> None:
    for module in of(model, nn.Conv2d):
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3) and module.padding == (1, 1):
            module.dilation = module.padding = (2, 2)


def swapped(model: Supernet) -> None:
    for path, module in list(model.network.named_modules()):
        if isinstance(module, NORMS):
            parent, _, name = path.rpartition(".")
            group = nn.GroupNorm(1, module.num_features, affine=False)
            if len(path) % 2:
                setattr(model.network.get_submodule(parent), name, group)
            else:  # as torch.ao.quantization does
                model.network.get_submodule(parent)._modules[name] = group


def replaced(model: Supernet, made: Callable[[int], nn.Module]) -> None:
    for path, module in list(model.network.named_modules()):
        if isinstance(module, NORMS):
            model.network.set_submodule(path, made(module.num_features).double())


def group_norms(model: Supernet) -> None:
    replaced(model, lambda channels: nn.GroupNorm(1, channels))


def other_norms(model: Supernet) -> None:
    if model.plan.input.sequence:
        replaced(model, nn.LayerNorm)
    else:
        replaced(model, lambda channels: nn.InstanceNorm2d(channels, affine=True, track_running_stats=True))


def synchronised(model: Supernet) -> None:
    nn.SyncBatchNorm.convert_sync_batchnorm(model)


def folded(model: Supernet) -> None:
    """Convolutions take over the batch norms that follow them, for inference."""
    model.eval()
    for parent in list(model.network.modules()):
        found = {name: child for name, child in parent.named_children() if isinstance(child, (*NORMS, *WIDE))}
        for (name, conv), (norm_name, norm) in pairwise(found.items()):
            if not (isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)):
                continue
            if conv.out_channels == norm.num_features:  # not two halves, side by side
                setattr(parent, name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, nn.Identity())


def whole_head(model: Supernet) -> None:
    if not model.plan.input.sequence:
        torch.manual_seed(0)
        model.network.head = nn.Sequential(nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(32, 3)).double()


def another_head(model: Supernet) -> None:
    path, module = [pair for pair in model.network.named_modules() if not list(pair[1].children())][-1]
    assert path.startswith("head")
    if isinstance(module, nn.Linear):
        torch.manual_seed(0)
        model.network.set_submodule(path, nn.Linear(module.in_features, 3).double())


def pruned(model: Supernet) -> None:
    for module in of(model, *WIDE):
        prune.l1_unstructured(module, "weight", 0.5)


def parametrized(model: Supernet) -> None:
    for module in of(model, *WIDE)[::2]:
        parametrize.register_parametrization(module, "weight", _Twice())


class _Twice(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight * 2


def normed(model: Supernet) -> None:
    for module in of(model, *WIDE)[::3]:
        parametrizations.weight_norm(module)


def frozen(model: Supernet) -> None:
    for module in of(model, *WIDE)[::2]:
        module.requires_grad_(False)


def update_bn(model: Supernet) -> None:
    if not model.plan.input.sequence:  # torch's own averages over batches of images
        torch.optim.swa_utils.update_bn([inputs(model), inputs(model) + 1], model)


EDITS = [
    *(one_norm_evaluates, settings_of_norms, statistics_by_hand, other_forward, subclass, dilation, swapped),
    *(group_norms, other_norms, synchronised, folded, whole_head),
    *(inner_forward, biases, affine_norms, no_statistics),
    *(another_head, pruned, parametrized, normed, frozen, update_bn),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_means_the_same_at_every_level(kind: str, edit: Callable[[Supernet], None]) -> None:
    models = [made(kind, level) for level in LEVELS]
    for model in models:
        logits(model, inputs(model))
        edit(model)
    expected, *found = map(numbers, models)
    for each in found:
        same(each, expected)
