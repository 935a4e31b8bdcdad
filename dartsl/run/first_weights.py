"""First weights of a network that are another's, by the names of tensors."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.init import Init


def require_as_it_was(init: Init, digest: str) -> None:
    """Raises UserError where what is read now, of that SHA-256, is not what a run was to begin with."""
    if init.sha256 not in (None, digest):
        raise UserError(
            f"{init.path} is not what the run was to begin with: its SHA-256 is {digest}, not {init.sha256}",
            "bring that back, or start another run",
        )


@torch.no_grad()
def begin_as(
    own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: str, heads: tuple[str, ...]
) -> tuple[list[str], str]:
    """Copy the tensors of `path` into a network's `own`: the names of those that stay fresh, and what is to be said.

    Names that begin as `heads` do may be missing, or of another shape: another task has other classes. Raises UserError
    where anything else does not fit.
    """
    _require_fitting(path, own, tensors, heads)
    fresh = [name for name, value in own.items() if name not in tensors or tensors[name].shape != value.shape]
    for name in own.keys() - set(fresh):
        own[name].copy_(tensors[name])
    said = f"{len(own) - len(fresh)} of {len(own)} tensors begin as those of {path}"
    if fresh:
        shape = tuple(own[fresh[0]].shape)
        there = f"{tuple(tensors[fresh[0]].shape)} there" if fresh[0] in tensors else "not there"
        said += f"; of the head {', '.join(fresh)} begin afresh: {fresh[0]} is {shape}, {there}"
    return fresh, said


def _require_fitting(
    path: str, own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], heads: tuple[str, ...]
) -> None:
    """Raise UserError where a tensor that is none of a head's is missing, too many, or of another shape."""
    misfits = [
        f"{name} is {_shape(own.get(name))} here and {_shape(tensors.get(name))} there"
        for name in [*own, *(name for name in tensors if name not in own)]
        if not name.startswith(heads) and _shape(own.get(name)) != _shape(tensors.get(name))
    ]
    if misfits:
        more = f", and {len(misfits) - 1} tensors more do not fit" if misfits[1:] else ""
        raise UserError(
            f"{path} has weights of another network: {misfits[0]}{more}",
            "only the head may be another: take the same cells and the same --set",
        )


def _shape(value: Tensor | None) -> str:
    return "missing" if value is None else str(tuple(value.shape))
