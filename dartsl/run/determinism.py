"""How torch chooses the kernels of a run: by measuring them, or those that give the same bits every time.

What is set belongs to the process, and is put back where the run ends.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.backends import cudnn

from dartsl.lang.codes.diagnostics import UserError

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
CUDNN = "CUDNN_CONV_WSCAP_DBG"
BLOCKS = (
    ":4096:8"  # workspaces with which cuBLAS gives the same bits (its documentation: results reproducibility)
)
WORKSPACE = (
    256  # MiB that a convolution may take besides its tensors: cudnn's fastest kernels may ask for gigabytes
)


@contextmanager
def kernels_of(device: str, deterministic: bool) -> Iterator[None]:
    """Within it, a GPU's convolutions are chosen by measuring them, or all kernels such that they give the same bits.

    What a user has set in the environment stays. Raises UserError where a kernel that the run needs is none of these.
    """
    on_gpu = torch.device(device).type == "cuda"
    with ExitStack() as stack:
        if on_gpu:
            stack.enter_context(_environment(CUDNN, str(WORKSPACE)))
        if on_gpu or deterministic:
            stack.callback(_set, cudnn, "benchmark", cudnn.benchmark)
            cudnn.benchmark = on_gpu and not deterministic
        if deterministic:
            stack.enter_context(_environment(CUBLAS, BLOCKS))
            stack.enter_context(_deterministic())
        yield


@contextmanager
def _deterministic() -> Iterator[None]:
    settings: Any = torch.utils.deterministic
    before = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    filled, cudnn_before = settings.fill_uninitialized_memory, cudnn.deterministic
    try:
        torch.use_deterministic_algorithms(True)
        settings.fill_uninitialized_memory = (
            False  # for code that reads what it has not written: here is none
        )
        cudnn.deterministic = True
        yield
    except RuntimeError as error:
        if CUBLAS in str(error):  # which torch reads once, at the first product of matrices
            raise UserError(
                "deterministic: this process has multiplied matrices on a GPU before, by kernels of any bits",
                help=f"begin a new process, or set {CUBLAS}={BLOCKS} before Python starts",
            ) from error
        if "does not have a deterministic implementation" not in str(error):
            raise
        kernel = str(error).partition(" ")[0]
        raise UserError(
            f"deterministic: torch has only one kernel for {kernel} here, and its bits differ from run to run",
            help="leave --deterministic out, or search without the operation that needs it",
        ) from error
    finally:
        torch.use_deterministic_algorithms(before[0], warn_only=before[1])
        settings.fill_uninitialized_memory, cudnn.deterministic = filled, cudnn_before


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Within it a variable has a value, unless the user has given it one."""
    if name in os.environ:
        yield
        return
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name, None)


def _set(owner: Any, name: str, value: object) -> None:
    setattr(owner, name, value)
