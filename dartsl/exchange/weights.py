"""The model behind a spec or a run of a training, and its tensors as safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from dartsl.lang.diagnostics import UserError
from dartsl.lang.model import Spec
from dartsl.lang.terms import Plan
from dartsl.nn.plugins import Plugins
from dartsl.nn.supernet import Supernet, from_plan
from dartsl.run import checkpoint
from dartsl.run.folder import RunFolder

AUXILIARY = "network.auxiliary."  # tensors of the head that only training uses


def model_of(spec: Spec, plan: Plan, *, seed: int, dtype: str, plugins: Plugins) -> Supernet:
    """The plain lowering, ready for evaluation, with fresh weights."""
    return from_plan(spec, plan, level=0, seed=seed, dtype=dtype, plugins=plugins).eval()


def load_trained(model: Supernet, folder: RunFolder) -> None:
    """Give a model the weights of a training's checkpoint: the averaged ones where the run averages.

    The auxiliary head is left out. Raises UserError where the checkpoint is not one of this network.
    """
    state = checkpoint.load(folder.checkpoint, folder.info.identity)
    try:
        tensors: Mapping[str, Any] = {**state["model"], **state.get("average", {})}
        kept = {name: value for name, value in tensors.items() if not name.startswith(AUXILIARY)}
        model.load_state_dict(kept)
    except (KeyError, ValueError, TypeError, RuntimeError, AttributeError) as error:
        raise UserError(f"{folder.checkpoint} does not fit the run it lies in") from error


def safetensors_bytes(model: Supernet, about: Mapping[str, str]) -> bytes:
    """The model's state_dict in the safetensors format, with `about` as its metadata."""
    from safetensors.torch import save

    tensors = {name: value.detach().contiguous() for name, value in model.state_dict().items()}
    return save(tensors, metadata=dict(about))


def differs(given: torch.Tensor, wanted: torch.Tensor) -> float:
    """The largest difference of two outputs, relative to the largest number in the wanted one."""
    return float((given - wanted).abs().max() / wanted.abs().max().clamp_min(1e-12))


def example(model: Supernet, plan: Plan, batch: int) -> torch.Tensor:
    """Random images of the network's size and type."""
    weight = next(model.parameters())
    generator = torch.Generator().manual_seed(batch)
    shape = (batch, *plan.image.dims)
    return torch.randn(shape, generator=generator, dtype=weight.dtype)  # (B, C, H, W)
