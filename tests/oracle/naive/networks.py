"""The search network and the networks of found cells (arXiv 1806.09055, sections 2.1, 2.2 and A.1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from .operations import DARTS, OPERATIONS, FactorizedReduce, ReluConvBn


@dataclass(frozen=True)
class Genotype:
    """Found cells: for each node (operation, source) pairs; 0 is c_{k-2}, 1 is c_{k-1}, then come nodes."""

    normal: tuple[tuple[tuple[str, int], ...], ...]
    reduce: tuple[tuple[tuple[str, int], ...], ...]


def _pairs(text: str) -> tuple[tuple[tuple[str, int], ...], ...]:
    short = {"s3": "sep_conv_3x3", "sk": "skip_connect", "d3": "dil_conv_3x3", "mp": "max_pool_3x3"}
    short["ap"] = "avg_pool_3x3"
    entries = [(short[name], int(source)) for name, source in (word.split("-") for word in text.split())]
    return tuple(tuple(entries[2 * node : 2 * node + 2]) for node in range(len(entries) // 2))


DARTS_V1 = Genotype(
    _pairs("s3-1 s3-0 sk-0 s3-1 sk-0 s3-1 s3-0 sk-2"), _pairs("mp-0 mp-1 sk-2 mp-0 mp-0 sk-2 sk-2 ap-0")
)
DARTS_V2 = Genotype(
    _pairs("s3-0 s3-1 s3-0 s3-1 s3-1 sk-0 sk-0 d3-2"), _pairs("mp-0 mp-1 sk-2 mp-1 mp-0 sk-2 sk-2 mp-1")
)


class MixedOp(nn.Module):
    """Every candidate of an edge, summed with given weights."""

    def __init__(self, candidates: Sequence[str], c: int, stride: int) -> None:
        super().__init__()
        self.ops = nn.ModuleDict({name: OPERATIONS[name](c, stride, True) for name in candidates})

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        total = torch.zeros(())
        for weight, op in zip(weights, self.ops.values(), strict=True):
            total = total + weight * op(x)
        return total


class Preprocess(nn.Module):
    """Both inputs of a cell brought to `c` channels; input 0 halved after a reduction cell."""

    def __init__(self, c_before: int, c_last: int, c: int, after_reduction: bool, affine: bool) -> None:
        super().__init__()
        self.c0 = (
            FactorizedReduce(c_before, c, affine)
            if after_reduction
            else ReluConvBn(c_before, c, 1, 1, affine)
        )
        self.c1 = ReluConvBn(c_last, c, 1, 1, affine)

    def forward(self, before: torch.Tensor, last: torch.Tensor) -> list[torch.Tensor]:
        return [self.c0(before), self.c1(last)]


class SearchCell(nn.Module):
    """A cell of mixed operations: each node is fed by both inputs and by all earlier nodes."""

    def __init__(
        self,
        candidates: Sequence[str],
        nodes: int,
        widths: tuple[int, int, int],
        reduction: bool,
        after_reduction: bool,
    ) -> None:
        super().__init__()
        self.kind = "reduction" if reduction else "normal"
        self.nodes = nodes
        self.preprocess = Preprocess(*widths, after_reduction, affine=False)
        self.edges = nn.ModuleDict()
        for node in range(nodes):
            for source in range(2 + node):
                stride = 2 if reduction and source < 2 else 1
                self.edges[f"{node}_{source}"] = MixedOp(candidates, widths[2], stride)

    def forward(self, before: torch.Tensor, last: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        states = self.preprocess(before, last)
        row = 0
        for node in range(self.nodes):
            total = torch.zeros(())
            for source in range(2 + node):
                total = total + self.edges[f"{node}_{source}"](states[source], weights[row])
                row += 1
            states.append(total)
        return torch.cat(states[2:], dim=1)


class FoundCell(nn.Module):
    """A cell with one operation an edge, and only the edges of the genotype."""

    def __init__(
        self, genotype: Genotype, widths: tuple[int, int, int], reduction: bool, after_reduction: bool
    ) -> None:
        super().__init__()
        self.pairs = genotype.reduce if reduction else genotype.normal
        self.preprocess = Preprocess(*widths, after_reduction, affine=True)
        self.edges = nn.ModuleDict()
        for node, chosen in enumerate(self.pairs):
            for name, source in chosen:
                stride = 2 if reduction and source < 2 else 1
                self.edges[f"{node}_{source}"] = nn.ModuleDict(
                    {name: OPERATIONS[name](widths[2], stride, False)}
                )

    def forward(self, before: torch.Tensor, last: torch.Tensor, weights: None) -> torch.Tensor:
        states = self.preprocess(before, last)
        for node, chosen in enumerate(self.pairs):
            states.append(sum(self.edges[f"{node}_{s}"][name](states[s]) for name, s in chosen))
        return torch.cat(states[2:], dim=1)


class Stem(nn.Module):
    """A 3x3 convolution and batch norm, affine even in the search."""

    def __init__(self, c: int, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, c, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(c)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.bn(self.conv(x))


class Network(nn.Module):
    """The network around the cells: searched where `genotype` is None, else of found cells."""

    def __init__(
        self,
        c: int,
        layers: int,
        genotype: Genotype | None = None,
        *,
        classes: int = 10,
        candidates: Sequence[str] = DARTS,
        nodes: int = 4,
        channels: int = 3,
        stem: int = 3,
        halved: bool = False,
    ) -> None:
        """The stem gives `stem * c` channels; where the first cell's second input is `halved`, a stem halved it."""
        super().__init__()
        self.stem = Stem(stem * c, channels)
        self.cells = nn.ModuleList()
        c_before, c_last, after_reduction = stem * c, stem * c, halved
        for index in range(layers):
            reduction = index in (layers // 3, 2 * layers // 3)
            c = 2 * c if reduction else c
            widths = (c_before, c_last, c)
            if genotype is None:
                cell: nn.Module = SearchCell(candidates, nodes, widths, reduction, after_reduction)
            else:
                cell = FoundCell(genotype, widths, reduction, after_reduction)
            self.cells.append(cell)
            c_before, c_last, after_reduction = c_last, nodes * c, reduction
        self.classifier = nn.Linear(c_last, classes)
        self.alphas = nn.ParameterDict()
        if genotype is None:
            rows = sum(2 + node for node in range(nodes))
            for kind in ("normal", "reduction"):
                self.alphas[kind] = nn.Parameter(1e-3 * torch.randn(rows, len(candidates)))

    def mixing(self, kind: str, images: torch.Tensor) -> torch.Tensor:
        """The mixing weights of a cell in a pass over these images."""
        return torch.softmax(self.alphas[kind], dim=1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        before = last = self.stem(images)
        for cell in self.cells:
            weights = self.mixing(cell.kind, images) if isinstance(cell, SearchCell) else None
            before, last = last, cell(before, last, weights)
        return self.classifier(last.mean(dim=(2, 3)))


class BlockCell(nn.Module):
    """NAS-Bench-201's cell: one input, each node fed by it and all earlier nodes; the last is the output."""

    def __init__(self, candidates: Sequence[str], nodes: int, c: int) -> None:
        super().__init__()
        self.kind = "block"
        self.nodes = nodes
        self.edges = nn.ModuleDict()
        for node in range(nodes):
            for source in range(1 + node):
                self.edges[f"{node}_{source}"] = MixedOp(candidates, c, 1)

    def forward(self, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        states, row = [x], 0
        for node in range(self.nodes):
            total = torch.zeros(())
            for source in range(1 + node):
                total = total + self.edges[f"{node}_{source}"](states[source], weights[row])
                row += 1
            states.append(total)
        return states[-1]


class ResidualBlock(nn.Module):
    """NAS-Bench-201's reduction: two 3x3 ReLU-conv-BN, and a 2x2 average and 1x1 convolution beside them."""

    def __init__(self, c_in: int, c: int) -> None:
        super().__init__()
        self.a = ReluConvBn(c_in, c, 3, 2, True)
        self.b = ReluConvBn(c, c, 3, 1, True)
        self.pool = nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=False)
        self.shortcut = nn.Conv2d(c_in, c, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(self.a(x)) + self.shortcut(self.pool(x))


NB201 = ("none", "skip_connect", "nor_conv_1", "nor_conv_3", "avg_pool_3")


class BlockNetwork(nn.Module):
    """NAS-Bench-201's network: three stages of `n` cells, a residual block before two of them."""

    def __init__(self, c: int, n: int, classes: int = 10) -> None:
        super().__init__()
        self.stem = Stem(c, 3)
        self.cells = nn.ModuleList()
        for stage in range(3):
            if stage:
                self.cells.append(ResidualBlock(c, 2 * c))
                c = 2 * c
            self.cells.extend(BlockCell(NB201, 3, c) for _ in range(n))
        self.last_bn = nn.BatchNorm2d(c)
        self.classifier = nn.Linear(c, classes)
        self.alphas = nn.ParameterDict({"block": nn.Parameter(1e-3 * torch.randn(6, len(NB201)))})

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        x = self.stem(images)
        weights = torch.softmax(self.alphas["block"], dim=1)
        for cell in self.cells:
            x = cell(x, weights) if isinstance(cell, BlockCell) else cell(x)
        return self.classifier(torch.relu(self.last_bn(x)).mean(dim=(2, 3)))


def weights_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """Every parameter that is not an alpha, by name."""
    return {name: p for name, p in model.named_parameters() if not name.startswith("alphas.")}


def alphas_of(model: nn.Module) -> dict[str, nn.Parameter]:
    """The alphas by cell name."""
    return {name[len("alphas.") :]: p for name, p in model.named_parameters() if name.startswith("alphas.")}
