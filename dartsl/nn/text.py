"""What networks of text compute beside the primitives of images, in torch (method.md, "Recurrent search").

Sequences are time-major: tokens (T, B), int64, and vectors (T, B, C). Plain torch throughout, as in
`dartsl.nn.primitives`. What draws numbers draws them in training alone, by key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dartsl.graph.operations import Application
from dartsl.lang.records.record import ModuleSpec
from dartsl.nn.draws import Draws
from dartsl.nn.passing import PLAIN, Pass

SCALE = 0.04  # embedding, highway and shared matrices start as U(-0.04, 0.04)


class TextOutput(NamedTuple):
    """What a network of text gives.

    logits   (T, B, words)
    outputs  (T, B, H) of the last scan, before any dropout
    dropped  (T, B, C) as they enter the head's matrix
    carries  (B, H) for each carry of each scan: its state after the window
    """

    logits: Tensor
    outputs: Tensor
    dropped: Tensor
    carries: tuple[Tensor, ...]


class LockedDropout(nn.Module):
    """One mask for all elements of a sequence: (T, B, C) times (B, C) / keep; a vector (B, C) sees the same mask."""

    def __init__(self, draws: Draws, path: str, p: float) -> None:
        super().__init__()
        self.draws = draws
        self.path = path
        self.p = p

    def forward(self, x: Tensor, pass_: Pass = PLAIN) -> Tensor:
        if not self.training or self.p == 0:
            return x
        return x * self.draws.kept(pass_, self.path, (x.shape[-2], x.shape[-1]), self.p, like=x)

    def extra_repr(self) -> str:
        return f"{self.path!r}, {self.p}"


class DropoutMask(nn.Module):
    """The mask of a pass over a sequence (T, B, ...): (B, channels), 0 or 1 / keep; in evaluation one 1."""

    def __init__(self, draws: Draws, path: str, p: float, channels: int) -> None:
        super().__init__()
        self.draws = draws
        self.path = path
        self.p = p
        self.channels = channels

    def forward(self, sequence: Tensor, pass_: Pass = PLAIN) -> Tensor:
        if not self.training:
            return sequence.new_ones((1, self.channels))
        return self.draws.kept(pass_, self.path, (sequence.shape[1], self.channels), self.p, like=sequence)

    def extra_repr(self) -> str:
        return f"{self.path!r}, {self.p}, {self.channels}"


class WordDropout(nn.Module):
    """Takes whole words of the vocabulary away: vectors (T, B, C) times the mask of their words / keep."""

    def __init__(self, draws: Draws, path: str, p: float, vocab: int) -> None:
        super().__init__()
        self.draws = draws
        self.path = path
        self.p = p
        self.vocab = vocab

    def forward(self, vectors: Tensor, tokens: Tensor, pass_: Pass = PLAIN) -> Tensor:
        if not self.training or self.p == 0:
            return vectors
        kept = self.draws.kept(pass_, self.path, (self.vocab,), self.p, like=vectors)
        return vectors * kept[tokens].unsqueeze(-1)

    def extra_repr(self) -> str:
        return f"{self.path!r}, {self.p}, {self.vocab}"


class Embedding(nn.Module):
    """Vectors of words: tokens (T, B) -> (T, B, channels). `dropout` takes whole words away while learning."""

    def __init__(self, vocab: int, channels: int, dropout: WordDropout | None = None) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocab, channels, dtype=torch.float32))
        self.dropout = dropout
        nn.init.uniform_(self.weight, -SCALE, SCALE)

    def forward(self, tokens: Tensor, pass_: Pass = PLAIN) -> Tensor:
        vectors = F.embedding(tokens, self.weight)
        return vectors if self.dropout is None else self.dropout(vectors, tokens, pass_)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class Highway(nn.Module):
    """The matrix of a highway: weight (element + carry, 2 * carry)."""

    def __init__(self, width_in: int, width_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(width_in, width_out, dtype=torch.float32))
        nn.init.uniform_(self.weight, -SCALE, SCALE)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class TiedLinear(nn.Module):
    """The bias of a linear layer that has its matrix from an embedding; 0 at the start."""

    bias: Tensor | None

    def __init__(self, out: int, bias: bool = True) -> None:
        super().__init__()
        self.out = out
        zeros = nn.Parameter(torch.zeros(out, dtype=torch.float32)) if bias else None
        self.register_parameter("bias", zeros)

    def forward(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.linear(x, weight, self.bias)

    def extra_repr(self) -> str:
        return f"{self.out}" + ("" if self.bias is not None else ", bias=False")


# -------------------------------------------------------------------- modules


def build_embedding(spec: ModuleSpec) -> nn.Module:
    """The embedding of a spec, without its dropout (see `draw_words`)."""
    return Embedding(int(dict(spec.arguments)["vocab"]), spec.out_shape[0])


def build_highway(spec: ModuleSpec) -> nn.Module:
    """The matrix of a highway."""
    return Highway(spec.in_shape[0], spec.out_shape[0])


def build_linear(spec: ModuleSpec) -> nn.Module:
    """A linear layer; one of text starts as the authors' does: matrix U(-0.04, 0.04), bias 0."""
    arguments = dict(spec.arguments)
    bias = bool(arguments.get("bias", True))
    if arguments.get("tie"):
        return TiedLinear(spec.out_shape[0], bias)
    linear = nn.Linear(spec.in_shape[0], spec.out_shape[0], bias=bias, dtype=torch.float32)
    if arguments.get("share") or len(spec.in_shape) == 2:
        nn.init.uniform_(linear.weight, -SCALE, SCALE)
        if bias:
            nn.init.zeros_(linear.bias)
    return linear


def draw_words(embedding: nn.Module, draws: Draws, applied: Application) -> None:
    """Give an embedding what takes words away after it, where its application says so."""
    p, vocab = float_of(applied, "dropout"), applied.attribute("vocab")
    if not isinstance(vocab, int) or applied.random is None or not isinstance(embedding, Embedding):
        raise TypeError(f"an embedding of {vocab!r} words, drawn by {applied.random}")
    embedding.dropout = WordDropout(draws, applied.random, p, vocab) if p > 0 else None


def dropout_mask(draws: Draws, applied: Application) -> nn.Module:
    """The mask of an application of that name."""
    return DropoutMask(draws, applied.random or "", float_of(applied, "p"), applied.shape[0])


def locked_dropout(draws: Draws, applied: Application) -> nn.Module:
    """The dropout of an application of that name."""
    return LockedDropout(draws, applied.random or "", float_of(applied, "p"))


def float_of(applied: Application, name: str) -> float:
    """A number among the attributes. Raises TypeError for anything else."""
    value = applied.attribute(name)
    if not isinstance(value, int | float):
        raise TypeError(f"{applied.kind}: {name} is {value!r}, no number")
    return float(value)


# ------------------------------------------------------------------ functions


def highway(x: Tensor, h: Tensor, past: Tensor, state: Sequence[nn.Module]) -> Tensor:
    """s0 of method.md: past + sigmoid(c) * (tanh(n) - past), where [c, n] = [x, h] W."""
    return highway_gates(torch.cat((x, h), -1) @ matrix_of(state[0]), past)


def highway_gates(product: Tensor, past: Tensor) -> Tensor:
    """The same from the product [c, n], (B, 2 H)."""
    c, n = product.chunk(2, -1)
    return past + torch.sigmoid(c) * (torch.tanh(n) - past)  # (B, H)


def matrix_of(module: nn.Module) -> Tensor:
    """The matrix of a highway (in, out). Raises TypeError where a module has none."""
    if not isinstance(module, Highway):
        raise TypeError(f"{module} is not a highway")
    return module.weight


def bundle(logits: Tensor, outputs: Tensor, dropped: Tensor, *states: Tensor) -> TextOutput:
    """All that a network of text gives; the state after a window is the last output of a scan (T, B, H), or a further
    carry (B, H)."""
    carries = tuple(state[-1] if state.dim() == 3 else state for state in states)
    return TextOutput(logits, outputs, dropped, carries)


# Kind -> the function.
FUNCTIONS: Mapping[str, Callable[..., Tensor | TextOutput]] = {"highway": highway, "bundle": bundle}
