"""Separable convolutions as one application (dartsl/graph/passes/fuse.py).

On CUDA each stage is one own kernel (dartsl/nn/kernels) where these are chosen; else, and everywhere else, torch's own
operations. The functions follow the conventions of `dartsl.nn.fused`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from dartsl.graph.checks import STAGE
from dartsl.nn import fused, packing
from dartsl.nn.kernels.choice import Term, chosen, summed
from dartsl.nn.passing import Pass
from dartsl.nn.separable import Chain, Row, Weights


def separable(
    x: Tensor,
    stages: Sequence[Row],
    sources: Sequence[int],
    state: Sequence[nn.Module],
    pass_: Pass,
    gain: Tensor | None = None,
) -> Tensor:
    """x (B, blocks * C, H, W) -> (B, members * O, H', W'): member m reads block sources[m], and gives block m.

    `state` has the modules of each member in order. `gain` (members * O,) multiplies what the last batch norms give.
    """
    chain, weights = _chain(stages, sources, state, gain)
    return chosen(chain, x, weights, pass_)(chain, x, weights, pass_)


def scaled_separable(
    x: Tensor,
    stages: Sequence[Row],
    sources: Sequence[int],
    state: Sequence[nn.Module],
    gain: Tensor,
    pass_: Pass,
) -> Tensor:
    """The same, times a mixing weight, which `gain` has for each channel."""
    return separable(x, stages, sources, state, pass_, gain)


def separable_sum(
    *inputs: Tensor,
    chains: Sequence[tuple[Sequence[Row], Sequence[int], int]],
    state: Sequence[nn.Module],
    pass_: Pass,
    gain: Tensor | None = None,
) -> Tensor:
    """The sum of such ones, (stages, sources, terms) of each input: the channels of each are so many terms."""
    found: list[Term] = []
    widths = [stages[-1][-1] * len(sources) for stages, sources, _ in chains]
    factors: Sequence[Tensor | None] = [None] * len(widths)
    if gain is not None:
        factors = torch.split_with_sizes(gain, widths) if len(widths) > 1 else [gain]
    start = 0
    for x, (stages, sources, terms), factor in zip(inputs, chains, factors, strict=True):
        end = start + STAGE * len(stages) * len(sources)
        chain, weights = _chain(stages, sources, state[start:end], factor)
        found.append(Term(chain, x, weights, terms))
        start = end
    return summed(found, pass_)


def scaled_separable_sum(
    *inputs: Tensor,
    chains: Sequence[tuple[Sequence[Row], Sequence[int], int]],
    state: Sequence[nn.Module],
    gain: Tensor,
    pass_: Pass,
) -> Tensor:
    """The same, each of these times a mixing weight, which `gain` has for each channel of all of them."""
    return separable_sum(*inputs, chains=chains, state=state, pass_=pass_, gain=gain)


def _chain(
    stages: Sequence[Row], sources: Sequence[int], state: Sequence[nn.Module], gain: Tensor | None
) -> tuple[Chain, tuple[Weights, ...]]:
    chain = Chain(tuple(stages), tuple(sources), tuple(_norms(state, len(stages))))
    return chain, tuple(_weights(state, chain, gain))


def _norms(state: Sequence[nn.Module], stages: int) -> Iterator[tuple[_NormBase, ...]]:
    for stage in range(stages):
        yield tuple(fused.norms(state[STAGE * stage + 2 :: STAGE * stages]))


def _weights(state: Sequence[nn.Module], chain: Chain, gain: Tensor | None) -> Iterator[Weights]:
    step = STAGE * len(chain.stages)
    for stage, norms in enumerate(chain.norms):
        depth, point = (state[STAGE * stage + place :: step] for place in (0, 1))
        last = stage == len(chain.norms) - 1
        factor = gain if last and gain is not None else _together([norm.weight for norm in norms])
        bias = _together([norm.bias for norm in norms])
        yield Weights(_side_by_side(depth), _side_by_side(point), factor, bias)


def _side_by_side(modules: Sequence[nn.Module]) -> Tensor:
    return packing.weight_of(modules[0]) if len(modules) == 1 else packing.kernels(modules, [len(modules)])[0]


def _together(parameters: Sequence[Tensor | None]) -> Tensor | None:
    """Parameters of batch norms (C,) side by side; None where they have none."""
    found = [each for each in parameters if each is not None]
    return (found[0] if len(found) == 1 else torch.cat(found)) if found else None


# Kind -> the function.
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "separable": separable,
    "scaled_separable": scaled_separable,
    "separable_sum": separable_sum,
    "scaled_separable_sum": scaled_separable_sum,
}
