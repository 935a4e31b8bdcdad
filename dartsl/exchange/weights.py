"""The model of a spec or a run of a training, and its tensors as safetensors."""

from __future__ import annotations

from collections.abc import Mapping

from dartsl.lang.check.model import Spec
from dartsl.lang.plan.terms import Plan
from dartsl.nn.build import Build
from dartsl.nn.plugins import Implementations
from dartsl.nn.supernet import Supernet, from_plan


def model_of(spec: Spec, plan: Plan, *, seed: int, dtype: str, plugins: Implementations) -> Supernet:
    """The plain lowering, ready for evaluation, with fresh weights."""
    return from_plan(spec, plan, Build(level=0, seed=seed, dtype=dtype), plugins).eval()


def safetensors_bytes(model: Supernet, about: Mapping[str, str]) -> bytes:
    """The model's state_dict in the safetensors format, with `about` as its metadata."""
    from safetensors.torch import save

    tensors = {name: value.detach().contiguous() for name, value in model.state_dict().items()}
    return save(tensors, metadata={"format": "pt", **about})
