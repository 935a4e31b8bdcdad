"""What Triton is asked to compile for a GPU that is not there: `python -m tests.kernels.without_gpu asked | compiled`.

A process of its own, as the tests' own has Triton interpret. Prints JSON.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from triton.backends.compiler import GPUTarget
from triton.runtime import driver

from dartsl.nn.kernels import choice, measure, precompile
from dartsl.nn.kernels.chain import TILES, Kernels
from dartsl.nn.kernels.measure import Case
from dartsl.nn.norms import BatchNorm2d
from dartsl.nn.separable import Chain, Weights
from tests.kernels.test_networks import SEARCHED, images, network

# Strides between images divide by 16, of one term and of several, as those of CIFAR do.
SPEC = SEARCHED.replace("C = 2", "C = 16").replace("image(2, 4, 3)", "image(2, 4, 4)")


class Driver:
    """As much of Triton's driver as compiling takes."""

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)


def names(launching: Callable[[], object]) -> set[str]:
    return {f"{each.function.__name__} {each.key}" for each in precompile.asked(launching)}


def asked() -> dict[str, list[str]]:
    """What steps of a search launch, and what is compiled ahead for them, in all cuts."""
    model = network(SPEC, 2, torch.float32)
    cases: dict[str, Case] = {}
    kernels_for = choice.kernels_for

    def seen(chain: Chain, x: Tensor, weights: Any, pass_: Any) -> Kernels | None:
        key = measure._key(chain, x, weights, torch.float32, "ieee")
        cases.setdefault(key, Case.like(chain, x, weights, torch.float32))
        return kernels_for(chain, x, weights, pass_)

    def step(parameters: Sequence[Tensor], constant: Sequence[Tensor]) -> None:
        x, labels = images(model.plan, 2, seed=1)
        for each in constant:
            each.requires_grad_(False)
        loss = F.cross_entropy(model(x.float()), labels)
        torch.autograd.grad(loss, parameters)
        for each in constant:
            each.requires_grad_(True)

    weights, alphas = list(model.weights()), list(model.alpha_parameters())
    choice.kernels_for = seen
    launched: set[str] = set()
    ahead: set[str] = set()
    for tiles in TILES:
        choice.interpreted = tiles  # on the CPU: nothing is launched here
        launched |= names(lambda: step(weights, alphas)) | names(lambda: step(alphas, weights))
        for case in cases.values():
            ahead |= names(
                lambda case=case, tiles=tiles: case.launches(Kernels(tiles, torch.float32, "ieee"))
            )  # type: ignore[misc]
    return {"launched": sorted(launched), "ahead": sorted(ahead)}


def compiled() -> dict[str, Any]:
    """The code of all kernels of a chain, compiled in threads; what is left to compile; what was logged."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    choice.LOG.addHandler(handler)
    choice.LOG.setLevel(logging.INFO)
    threads = int(sys.argv[2])
    os.cpu_count = lambda: threads
    row = (True, (3, 3), (1, 1), (1, 1), (1, 1), 2)
    chain = Chain((row,), (0,), ((BatchNorm2d(2, affine=False),),))
    weights = Weights(torch.empty(2, 1, 3, 3), torch.empty(2, 2, 1, 1), torch.empty(2), None)
    case = Case.like(chain, torch.empty(2, 2, 3, 3), (weights,), torch.float32)
    way = Kernels(TILES[0], torch.float32, "tf32")
    wanted = precompile.asked(lambda: case.launches(way))
    precompile.precompiled(case, [way])
    codes = {}
    for each in wanted:
        made = each.function.device_caches[0][0].get(each.key)
        code = made.asm["cubin"] if made else b""
        codes[f"{each.function.__name__} {each.key}"] = hashlib.sha256(code).hexdigest() if made else "none"
    return {"codes": codes, "lines": lines}


if __name__ == "__main__":
    driver.set_active(Driver())
    print(json.dumps({"asked": asked, "compiled": compiled}[sys.argv[1]]()))
