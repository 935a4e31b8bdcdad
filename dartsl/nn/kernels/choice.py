"""Whether a chain runs through kernels or through torch, and in which tiles: as it was measured on this device.

The first pass over a chain of new sizes compares and times all ways on random numbers, forward and backward. A way
whose outputs or gradients are not torch's up to rounding, or that does not compile, is not used, and one line says so;
of the others the fastest is. What was found is kept on disk (`cache.py`).

Kernels know float32 and bfloat16, and one derivative. So torch computes in float64, for forward-mode
differentiation, where the batch is shared by several processes, and under `torch.use_deterministic_algorithms`, where
nothing may depend on a measurement. A backward pass that asks for a graph of its own gets it (`stage.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.nn.modules.batchnorm import _NormBase

from dartsl.nn.passing import Pass
from dartsl.nn.primitives import total
from dartsl.nn.separable import Chain, Weights, composed

if TYPE_CHECKING:
    from dartsl.nn.kernels.chain import Kernels
    from dartsl.nn.kernels.stage import Tiles
    from dartsl.nn.kernels.terms import Part

Way = Callable[[Chain, Tensor, Sequence[Weights], Pass], Tensor]
SHORT = (torch.bfloat16, torch.float32)
LOG = logging.getLogger("dartsl.kernels")

# On the CPU, for tests: the tiles of kernels that Triton's interpreter runs.
interpreted: Tiles | None = None


class Term(NamedTuple):
    """A chain with what it is applied to; its result counts as so many terms of a sum, side by side."""

    chain: Chain
    x: Tensor
    weights: tuple[Weights, ...]
    terms: int


def chosen(chain: Chain, x: Tensor, weights: Sequence[Weights], pass_: Pass) -> Way:
    """What computes a chain: `composed`, or kernels. Its result does not depend on it but for rounding."""
    found = kernels_for(chain, x, weights, pass_)
    return composed if found is None else found


def summed(given: Sequence[Term], pass_: Pass) -> Tensor:
    """The sum of what chains give. Kernels leave their last batch norms to the sum."""
    found: list[Tensor] = []
    parts: list[Part] = []
    for chain, x, weights, count in given:
        kernels = kernels_for(chain, x, weights, pass_)
        if kernels is None:
            found += torch.chunk(composed(chain, x, weights, pass_), count, 1)
        else:
            parts.append(kernels.part(chain, x, weights, pass_, count))
    if parts:
        from dartsl.nn.kernels.terms import add_terms

        found.append(add_terms(parts))
    return total(*found)


def kernels_for(chain: Chain, x: Tensor, weights: Sequence[Weights], pass_: Pass) -> Kernels | None:
    """The kernels for a chain; None: torch computes it."""
    dtype = _dtype(x)
    if dtype is None or not _possible(chain, x, weights, pass_):
        return None
    from dartsl.nn.kernels import measure
    from dartsl.nn.kernels.chain import Kernels

    precision = "tf32" if dtype == torch.float32 and x.is_cuda and _allows_tf32() else "ieee"
    if interpreted is not None:
        return Kernels(interpreted, dtype, precision)
    tiles = measure.best(chain, x, weights, dtype, precision)
    return None if tiles is None else Kernels(tiles, dtype, precision)


def _dtype(x: Tensor) -> torch.dtype | None:
    """The type in which convolutions would give their results; None where kernels do not know it."""
    kind = x.device.type
    cast = torch.is_autocast_enabled(kind) if kind in ("cpu", "cuda") else False
    dtype = torch.get_autocast_dtype(kind) if cast else x.dtype
    return dtype if dtype in SHORT and x.dtype in SHORT else None


def _possible(chain: Chain, x: Tensor, weights: Sequence[Weights], pass_: Pass) -> bool:
    """Whether kernels can compute a chain, in this pass."""
    types = {each.dtype for weight in weights for each in (weight.depth, weight.point)}
    pixels = x.shape[0] * min(_pixels(chain, x))
    return may_run(x, pass_) and types <= set(SHORT) and held(chain.norms) <= {torch.float32} and pixels > 1


def may_run(x: Tensor, pass_: Pass) -> bool:
    """Whether kernels may be given a tensor, in this pass and as torch is set."""
    here = interpreted is not None if x.device.type == "cpu" else x.is_cuda
    if not here or not available() or pass_.share.total is not None or torch.compiler.is_compiling():
        return False
    if torch.are_deterministic_algorithms_enabled() or _level() >= 0 or type(x) is not Tensor:
        return False
    functions: object = torch._C._functorch.peek_interpreter_stack()
    return functions is None


def held(norms: Sequence[Sequence[_NormBase]]) -> set[torch.dtype]:
    """The types of running means."""
    return {norm.running_mean.dtype for each in norms for norm in each if norm.running_mean is not None}


def _level() -> int:
    """Of forward-mode differentiation: -1 outside of it."""
    level: int = forward_ad._current_level
    return level


def _pixels(chain: Chain, x: Tensor) -> list[int]:
    """The pixels of an image after each stage."""
    found, sizes = [], list(x.shape[2:])
    for _, kernel, stride, padding, dilation, _ in chain.stages:
        geometry = zip(sizes, kernel, stride, padding, dilation, strict=True)
        sizes = [(n + 2 * pad - wide * (k - 1) - 1) // step + 1 for n, k, step, pad, wide in geometry]
        found.append(sizes[0] * sizes[1])
    return found


def _allows_tf32() -> bool:
    """Whether the library's convolutions may round float32 to 10 bits, by torch's settings, the new or the old ones."""
    newer = getattr(getattr(torch.backends.cudnn, "conv", None), "fp32_precision", None)
    if newer is None:
        return bool(torch.backends.cudnn.allow_tf32)
    return bool(newer == "tf32")


@cache
def available() -> bool:
    """Whether Triton can be imported, and has what the kernels call."""
    try:
        from dartsl.nn.kernels import chain  # noqa: F401
    except Exception as error:  # whatever an installation of Triton lacks: torch computes the same
        LOG.warning("own kernels are not used: Triton cannot be imported (%s)", error)
        return False
    return True
