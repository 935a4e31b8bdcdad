"""A causal language model of mixed layers, norms first (arXiv 1706.03762; GPT-2), by its formulas alone.

Weights come by name. Words are numbers (T, B); vectors are (T, B, D).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

Weights = Mapping[str, Tensor]

HEADS = (2, 4, 8)
RATIOS = (1, 2, 4)


def gelu(x: Tensor) -> Tensor:
    """x times the normal distribution's function at x."""
    return x * 0.5 * (1 + torch.erf(x / math.sqrt(2)))


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {"gelu": gelu, "silu": silu}


def norm(w: Weights, name: str, x: Tensor) -> Tensor:
    """The layer norm over the last axis."""
    centred = x - x.mean(-1, keepdim=True)
    scaled = centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()
    return scaled * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(w: Weights, name: str, x: Tensor) -> Tensor:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def attention(w: Weights, name: str, x: Tensor, heads: int) -> Tensor:
    """Each element is a mean of itself and the earlier ones, head by head."""
    places, _, width = x.shape
    entered = linear(w, f"{name}.enter", x)  # (T, B, 3 D)
    columns = [entered[..., part * width : (part + 1) * width] for part in range(3)]
    size, means = width // heads, []
    for head in range(heads):
        query, key, value = (
            each[..., head * size : (head + 1) * size] for each in columns
        )  # (T, B, D / heads)
        rows = []
        for place in range(places):
            scores = (query[place] * key[: place + 1]).sum(-1) / math.sqrt(size)  # (place + 1, B)
            shares = scores.exp() / scores.exp().sum(0)
            rows.append((shares[..., None] * value[: place + 1]).sum(0))
        means.append(torch.stack(rows))
    return linear(w, f"{name}.leave", torch.cat(means, -1))


def mixers(w: Weights, layer: str, x: Tensor) -> list[Tensor]:
    """Nothing, and attention of so many heads beside what enters."""
    found = [x]
    for heads in HEADS:
        name = f"{layer}.residual_layer_norm_attention_{heads}"
        found.append(x + attention(w, f"{name}.attention", norm(w, f"{name}.layer_norm", x), heads))
    return found


def channels(w: Weights, layer: str, x: Tensor) -> list[Tensor]:
    """MLPs of each ratio and function beside what enters."""
    found = []
    for ratio in RATIOS:
        for word, act in ACTIVATIONS.items():
            name = f"{layer}.residual_layer_norm_mlp_{ratio}_{word}"
            inside = act(linear(w, f"{name}.linear", norm(w, f"{name}.layer_norm", x)))
            found.append(x + linear(w, f"{name}.linear_2", inside))
    return found


def mixed(alphas: Tensor, offered: list[Tensor]) -> Tensor:
    """The sum of what a layer offers, by the softmax of its alphas (1, candidates)."""
    shares = alphas[0].exp() / alphas[0].exp().sum()
    return sum((share * each for share, each in zip(shares, offered, strict=True)), start=torch.zeros(()))


def language_model(w: Weights, words: Tensor, layers: int) -> Tensor:
    """What follows each word: logits (T, B, vocabulary)."""
    x = w["stem0.embedding.weight"][words]
    x = x + w["stem0.position_embedding.weight"][: len(words), None]
    for place in range(2 * layers):
        offered = (channels if place % 2 else mixers)(w, f"layer{place}", x)
        x = mixed(w[f"alphas.layer{place}"], offered)
    return norm(w, "head.layer_norm", x) @ w["stem0.embedding.weight"].T + w["head.linear.bias"]
