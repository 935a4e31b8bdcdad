"""What torch has switched on around a call, which must not change what dartsl computes: no number, and no failure."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch

AUTOCAST = ("cpu", "cuda", "xpu", "mps")  # devices that networks run on, and that have autocast
_DEFAULT_TYPE = threading.RLock()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Within it autograd records, nothing is autocast, and the default device is the CPU. It decorates functions, too.

    All of these belong to the thread. The default type belongs to the process: see `in_float32`.
    """
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        for kind in AUTOCAST:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        # Made, not asked for: torch 2.6's `get_default_device` leaves out `with torch.device(...)`.
        if torch.empty(0).device.type != "cpu":  # else spare each call of torch a look at it
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def in_float32() -> Iterator[None]:
    """Within it torch's default type is float32, for code of others; what dartsl itself makes names its type.

    That type belongs to the process, so one thread at a time is in here.
    """
    with _DEFAULT_TYPE:
        before = torch.get_default_dtype()
        if before is torch.float32:
            yield
            return
        torch.set_default_dtype(torch.float32)
        try:
            yield
        finally:
            torch.set_default_dtype(before)
