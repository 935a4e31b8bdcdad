"""The training of a found network (arXiv 1806.09055, A.2 and A.3): drop-path, auxiliary head, clipped SGD.

What drop-path keeps is given, never drawn.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import nn

from .networks import FoundCell, Genotype, Network

Tensors = dict[str, torch.Tensor]
Edge = tuple[int, int, int]  # cell, node, source


class Kept(NamedTuple):
    """What drop-path leaves: for each edge a row of 0 and 1, one for each image, all drawn with `keep`."""

    keep: float
    rows: Mapping[Edge, torch.Tensor]


class AuxiliaryHead(nn.Module):
    """A second classifier: on a map of 8x8 (CIFAR-10) or, without the last batch norm, of 7x7 (ImageNet)."""

    def __init__(self, c: int, classes: int, imagenet: bool) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(5, stride=2 if imagenet else 3, padding=0, count_include_pad=False)
        self.conv_a = nn.Conv2d(c, 128, 1, bias=False)
        self.bn_a = nn.BatchNorm2d(128)
        self.conv_b = nn.Conv2d(128, 768, 2, bias=False)
        self.bn_b = nn.Identity() if imagenet else nn.BatchNorm2d(768)
        self.linear = nn.Linear(768, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.pool(torch.relu(x))
        assert pooled.shape[2:] == (2, 2)
        narrow = torch.relu(self.bn_a(self.conv_a(pooled)))
        wide = torch.relu(self.bn_b(self.conv_b(narrow)))
        return self.linear(wide.flatten(1))


class StemA(nn.Module):
    """ImageNet's first stem: two convolutions of stride 2."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv_a = nn.Conv2d(3, c // 2, 3, 2, 1, bias=False)
        self.bn_a = nn.BatchNorm2d(c // 2)
        self.conv_b = nn.Conv2d(c // 2, c, 3, 2, 1, bias=False)
        self.bn_b = nn.BatchNorm2d(c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn_b(self.conv_b(torch.relu(self.bn_a(self.conv_a(x)))))


class StemB(nn.Module):
    """ImageNet's second stem: a third convolution of stride 2, after a ReLU."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, 2, 1, bias=False)
        self.bn = nn.BatchNorm2d(c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.conv(torch.relu(x)))


class TrainedNetwork(Network):
    """A found network as it is trained: (images, kept) -> the logits of the head and of the auxiliary one."""

    def __init__(
        self, c: int, layers: int, genotype: Genotype, *, classes: int = 10, imagenet: bool = False
    ) -> None:
        super().__init__(c, layers, genotype, classes=classes, stem=1 if imagenet else 3, halved=imagenet)
        self.imagenet = imagenet
        if imagenet:
            self.stem = StemA(c)
            self.stem1 = StemB(c)
        self.auxiliary_after = (
            2 * layers // 3
        )  # the cell that the auxiliary head reads: the first of the last stage
        self.auxiliary = AuxiliaryHead(len(genotype.reduce) * 4 * c, classes, imagenet)

    def forward(self, images: torch.Tensor, kept: Kept) -> tuple[torch.Tensor, torch.Tensor]:
        before = self.stem(images)
        last = self.stem1(before) if self.imagenet else before
        for index, cell in enumerate(self.cells):
            before, last = last, self.dropping(index, cell, before, last, kept)
            if index == self.auxiliary_after:
                extra = self.auxiliary(last)
        return self.classifier(last.mean(dim=(2, 3))), extra

    def dropping(
        self, index: int, cell: FoundCell, before: torch.Tensor, last: torch.Tensor, kept: Kept
    ) -> torch.Tensor:
        """A cell's output, with what its edges but the identities give dropped for some of the images."""
        states = cell.preprocess(before, last)
        for node, chosen in enumerate(cell.pairs):
            total = torch.zeros(())
            for name, source in chosen:
                op = cell.edges[f"{node}_{source}"][name]
                given = op(states[source])
                if not isinstance(op, nn.Identity):
                    row = kept.rows[index, node, source]
                    given = given * row[:, None, None, None] / kept.keep
                total = total + given
            states.append(total)
        return torch.cat(states[2:], dim=1)


def smoothed_loss(logits: torch.Tensor, labels: torch.Tensor, smoothing: float) -> torch.Tensor:
    """The mean cross-entropy with (1 - smoothing) on the label and smoothing / K on each of the K classes."""
    classes = logits.shape[1]
    wanted = torch.full_like(logits, smoothing / classes)
    for place, label in enumerate(labels):
        wanted[place, label] += 1 - smoothing
    return -(wanted * torch.log_softmax(logits, dim=1)).sum() / len(labels)


class Part(NamedTuple):
    """Images and labels that go through the network together, and what is kept of them."""

    images: torch.Tensor
    labels: torch.Tensor
    kept: Kept


class Passed(NamedTuple):
    """What one part gave."""

    logits: torch.Tensor
    extra_logits: torch.Tensor
    loss: torch.Tensor
    extra_loss: torch.Tensor


@dataclass
class Training:
    """The state of a training: the model and SGD's momentum buffers."""

    model: TrainedNetwork
    momentum: float = 0.9
    weight_decay: float = 3e-4
    clip: float = 5.0
    auxiliary: float = 0.4
    smoothing: float = 0.0
    buffers: Tensors = field(default_factory=dict)

    def gradients(self, parts: Sequence[Part]) -> tuple[list[Passed], Tensors]:
        """Those of the batch that the parts are together: each weighs as many images as it has."""
        self.model.zero_grad()
        images = sum(len(part.labels) for part in parts)
        passed = []
        for part in parts:
            logits, extra = self.model(part.images, part.kept)
            loss, extra_loss = (smoothed_loss(x, part.labels, self.smoothing) for x in (logits, extra))
            ((loss + self.auxiliary * extra_loss) * len(part.labels) / images).backward()
            passed.append(Passed(logits.detach(), extra.detach(), loss.detach(), extra_loss.detach()))
        return passed, {name: p.grad.clone() for name, p in self.model.named_parameters()}

    def step(self, parts: Sequence[Part], lr: float) -> tuple[list[Passed], Tensors]:
        """One step of SGD with momentum on clipped gradients, L2 decay in them; the gradients before clipping."""
        passed, slopes = self.gradients(parts)
        norm = math.sqrt(sum(float((slope**2).sum()) for slope in slopes.values()))
        scale = min(1.0, self.clip / (norm + 1e-6))
        with torch.no_grad():
            for name, parameter in self.model.named_parameters():
                g = scale * slopes[name] + self.weight_decay * parameter
                self.buffers[name] = self.momentum * self.buffers.get(name, torch.zeros_like(g)) + g
                parameter.sub_(lr * self.buffers[name])
        return passed, slopes
