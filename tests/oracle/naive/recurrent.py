"""DARTS for text: the recurrent cell, searched and found, and the language model around it.

Written from the method's description alone, a time step and a candidate at a time. Masks are given, never
drawn: they hold 0 and 1/keep. Source: Liu, Simonyan and Yang, "DARTS", ICLR 2019, sections 2.1, 3.1.2, A.1.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": lambda x: x,
}
CANDIDATES = ("none", *ACTIVATIONS)
EPS = 1e-5
MOMENTUM = 0.1
SCALE = 0.04


@dataclass(frozen=True)
class Found:
    """A derived cell: for each node, from 1, its (activation, source), s0 being 0; the nodes of the mean."""

    nodes: tuple[tuple[str, int], ...]
    output: tuple[int, ...]


def _found(text: str, output: str = "") -> Found:
    nodes = tuple((word.rstrip("0123456789"), int(word[-1])) for word in text.split())
    places = tuple(int(word) for word in output.split()) or tuple(range(1, len(nodes) + 1))
    return Found(nodes, places)


RNN_V1 = _found("relu0 relu1 tanh2 relu3 relu4 identity1 relu5 relu1")
RNN_V2 = _found("sigmoid0 relu1 relu1 identity1 tanh2 sigmoid5 tanh3 relu5")
ENAS = _found("tanh0 tanh1 relu1 tanh3 tanh3 relu3 relu4 relu7 relu8 relu8 relu8", "2 5 6 9 10 11")


@dataclass(frozen=True)
class Masks:
    """What is dropped in one window: 0 or 1/keep. None drops nothing.

    rows (V, 1) of the encoder's look-up; input and output (1, B, H) around the cell; x and h (B, H) where the
    element and the state enter matrices.
    """

    rows: torch.Tensor | None = None
    input: torch.Tensor | None = None
    x: torch.Tensor | None = None
    h: torch.Tensor | None = None
    output: torch.Tensor | None = None


NOTHING = Masks()


class Pass(NamedTuple):
    """Logits (T, B, V); the cell's outputs (T, B, H), before and after output dropout; the last one (B, H)."""

    logits: torch.Tensor
    outputs: torch.Tensor
    dropped: torch.Tensor
    carry: torch.Tensor


def masked(x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    return x if mask is None else x * mask


class LanguageModel(nn.Module):
    """Embedding, recurrent cell, decoder; with `found` None the cell is searched over five candidates.

    Every searched edge adds `beside` times what it reads, unmasked, as the authors of DARTS- have it (2009.01027).
    """

    beside = 0.0

    def __init__(self, vocab: int, size: int, found: Found | None = None, nodes: int = 8) -> None:
        super().__init__()
        self.size = size
        self.found = found
        count = nodes if found is None else len(found.nodes)
        self.encoder = nn.Parameter(torch.empty(vocab, size).uniform_(-SCALE, SCALE))  # the decoder's too
        self.bias = nn.Parameter(torch.zeros(vocab))
        self.first = nn.Parameter(torch.empty(2 * size, 2 * size).uniform_(-SCALE, SCALE))
        self.matrices = nn.ParameterList(
            nn.Parameter(torch.empty(size, 2 * size).uniform_(-SCALE, SCALE)) for _ in range(count)
        )
        self.alphas = nn.ParameterDict()
        if found is None:
            rows = count * (count + 1) // 2
            self.alphas["recurrent"] = nn.Parameter(1e-3 * torch.randn(rows, len(CANDIDATES)))
            # one batch norm, called after s0 and after each node's sum
            self.register_buffer("mean", torch.zeros(size))
            self.register_buffer("variance", torch.ones(size))

    def forward(self, tokens: torch.Tensor, carry: torch.Tensor, masks: Masks = NOTHING) -> Pass:
        """Tokens (T, B) from the state (B, H)."""
        embedded = masked(self.encoder, masks.rows)[tokens]
        elements = masked(embedded, masks.input)
        outputs = []
        for element in elements:
            carry = self.cell(element, carry, masks)
            outputs.append(carry)
        raw = torch.stack(outputs)
        dropped = masked(raw, masks.output)
        return Pass(dropped @ self.encoder.T + self.bias, raw, dropped, carry)

    def cell(self, x: torch.Tensor, h: torch.Tensor, masks: Masks) -> torch.Tensor:
        entering = torch.cat([masked(x, masks.x), masked(h, masks.h)], dim=1)
        c0, h0 = (entering @ self.first).split(self.size, dim=1)
        s0 = h + torch.sigmoid(c0) * (torch.tanh(h0) - h)
        if self.found is None:
            return self.searched(s0, masks)
        states = [s0]
        for (name, source), matrix in zip(self.found.nodes, self.matrices, strict=True):
            states.append(self.candidate(name, states[source], matrix, masks))
        picked = [states[place] for place in self.found.output]
        return sum(picked[1:], picked[0]) / len(picked)

    def searched(self, s0: torch.Tensor, masks: Masks) -> torch.Tensor:
        weights = torch.softmax(self.alphas["recurrent"], dim=1)
        states = [self.normalised(s0)]
        row = 0
        for matrix in self.matrices:
            total = torch.zeros_like(s0)
            for state in states:
                for column, name in enumerate(CANDIDATES):
                    total = total + weights[row, column] * self.candidate(name, state, matrix, masks)
                total = total + self.beside * state
                row += 1
            states.append(self.normalised(total))
        return sum(states[2:], states[1]) / (len(states) - 1)

    def candidate(self, name: str, state: torch.Tensor, matrix: torch.Tensor, masks: Masks) -> torch.Tensor:
        if name == "none":
            return torch.zeros_like(state)
        c, f = (masked(state, masks.h) @ matrix).split(self.size, dim=1)
        return state + torch.sigmoid(c) * (ACTIVATIONS[name](f) - state)

    def normalised(self, x: torch.Tensor) -> torch.Tensor:
        """Batch norm without scale and shift; (B, H). Running variances are of the sample, as torch's are."""
        if not self.training:
            return (x - self.mean) / torch.sqrt(self.variance + EPS)
        mean = x.sum(0) / len(x)
        variance = ((x - mean) ** 2).sum(0) / len(x)
        with torch.no_grad():
            sample = variance * len(x) / (len(x) - 1)
            self.mean.mul_(1 - MOMENTUM).add_(mean, alpha=MOMENTUM)
            self.variance.mul_(1 - MOMENTUM).add_(sample, alpha=MOMENTUM)
        return (x - mean) / torch.sqrt(variance + EPS)


def loss_of(found: Pass, targets: torch.Tensor) -> torch.Tensor:
    """The mean over all words of -log p(word), in nats; targets (T, B)."""
    words = torch.log_softmax(found.logits, dim=2).gather(2, targets[:, :, None])
    return -words.mean()


def regularisation(found: Pass, ar: float, tar: float) -> torch.Tensor:
    """AR on what output dropout left, TAR on what it was given (Merity et al., arXiv 1708.01009, 4.6)."""
    steps = found.outputs[1:] - found.outputs[:-1]
    total = ar * (found.dropped**2).mean()
    return total + tar * (steps**2).mean() if len(steps) else total


def text_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters that are not alphas, by name."""
    return {name: p for name, p in model.named_parameters() if not name.startswith("alphas.")}


def text_alphas(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: p for name, p in model.named_parameters() if name.startswith("alphas.")}
