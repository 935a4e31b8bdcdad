"""The torch device and the torch type that settings name."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from dartsl.lang.codes.diagnostics import UserError

DTYPES: Mapping[str, torch.dtype] = {
    name: getattr(torch, name) for name in ("float32", "float64", "bfloat16")
}


def torch_device(device: torch.device | str) -> torch.device:
    """The torch device that a setting names. Raises UserError where torch knows or finds no such device."""
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as fault:  # a torch without CUDA asserts
        reason = str(fault).partition("\n")[0].partition(". ")[0]  # torch goes on with its dispatch keys
        raise UserError(f"no device `{device}` here: {reason}", help="`cpu` is always there") from fault
    return found


def torch_dtype(dtype: str | torch.dtype) -> torch.dtype:
    """The torch type that a setting names. Raises UserError for another name."""
    if isinstance(dtype, torch.dtype):
        return dtype
    if dtype not in DTYPES:
        raise UserError(f"no floating type `{dtype}`", help="one of " + ", ".join(DTYPES))
    return DTYPES[dtype]


def wide_type(device: torch.device | str) -> torch.dtype:
    """The type in which sums are kept: float64, where the device has it (Apple's GPUs have not)."""
    return torch.float32 if torch.device(device).type == "mps" else torch.float64
