"""Kernels are compiled side by side, before any of them is launched.

Triton compiles a kernel when it is first launched, one after another, each for a second or so. Here launches are made
that launch nothing: Triton's hook reports what each would compile, and refuses it. A pool of threads then compiles all
of that. (Triton holds Python's lock while it reads a kernel's text, about a tenth of the time.)
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import triton
from torch import Tensor

from dartsl.nn.kernels.choice import LOG
from dartsl.nn.kernels.scales import Moving, scaled
from dartsl.nn.kernels.stage import INTERPRETED, on
from dartsl.nn.kernels.terms import add_terms
from dartsl.nn.passing import Pass

if TYPE_CHECKING:
    from dartsl.nn.kernels.chain import Kernels
    from dartsl.nn.kernels.measure import Case, Measured

THREADS = 16
OURS = __package__


@dataclass(frozen=True)
class Wanted:
    """A kernel that a launch asked for: Triton's function and key, and what it compiles from them, as JSON."""

    function: Any  # a triton.JITFunction
    key: str
    data: str

    def compile(self, x: Tensor) -> None:
        """Compile it, or load it from Triton's folder, for the device of a tensor: the launch finds it then. What fails
        here fails there again, and is reported by whoever launches."""
        with suppress(Exception), on(x):
            self.function.preload(self.data)


def precompiled(case: Measured, ways: Iterable[Any]) -> None:
    """Compile what some ways of the kernels launch and is not compiled, in threads."""
    if INTERPRETED:
        return

    def launching() -> None:
        for way in ways:
            case.launches(way)

    wanted = asked(launching)
    if not wanted:
        return
    LOG.info("compiling %d kernels", len(wanted))
    with ThreadPoolExecutor(min(THREADS, os.cpu_count() or 1, len(wanted))) as pool:
        list(pool.map(lambda each: each.compile(case.x), wanted))


def asked(launching: Callable[[], object]) -> list[Wanted]:
    """What is launched in a call and is not compiled, each once. It is not launched; what is compiled, is."""
    found: dict[tuple[str, str], Wanted] = {}
    here = threading.get_ident()

    def refuses(before: Any, given: dict[str, Any]) -> bool:
        """Whether Triton does not compile a kernel now: in this thread, of this project."""
        info, compiled = given["fn"], given["compile"]
        if threading.get_ident() != here or not str(info.module).startswith(OURS):
            return bool(before(**given)) if before else False
        key = str(compiled["key"])
        found.setdefault((info.name, key), Wanted(info.jit_function, key, compiled["specialization_data"]))
        return True

    # On one thread, the backward pass too.
    with suppress(Exception), _hooked(refuses), torch.autograd.set_multithreading_enabled(False):
        launching()
    return list(found.values())


@contextmanager
def _hooked(refuses: Callable[..., bool]) -> Iterator[None]:
    """Within it Triton asks before it compiles: what was there before is asked where this is not concerned."""
    runtime: Any = triton.knobs.runtime
    before = runtime.jit_cache_hook
    runtime.jit_cache_hook = lambda **given: refuses(before, given)
    try:
        yield
    finally:
        runtime.jit_cache_hook = before


def of_chain(case: Case, kernels: Kernels) -> None:
    """All that a search launches for a chain: among several terms, with the gradients of kernels and, as in a pass for
    the alphas, without; and its running statistics."""
    for each in (case, case.constant()):
        with each.cast():
            part = kernels.part(each.chain, each.x, each.weights, Pass(frozen=True), 1)
            y = add_terms([part, part])
        torch.autograd.grad(y, each.leaves(), torch.empty_like(y))
    for norms, weights in zip(case.chain.norms, case.weights, strict=True):
        old, new, variance = part.norm.mean.new_zeros((3, norms[0].num_features * len(norms)))
        counts = torch.zeros(len(norms), dtype=torch.int64, device=old.device)
        moving = Moving(old, variance, counts, norms[0].num_features, 0.1, new, 2)
        scaled(variance, weights.gain, norms[0].eps, moving)
