"""What `darts 2` computes over the places of a map or of a sequence, in torch: norms, attention, embeddings, dropout.

Maps are (B, C, H, W), sequences time-major (T, B, C), vectors (B, C). Nothing here writes over what it is given.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dartsl.graph.operations import Application
from dartsl.lang.records.record import ModuleSpec
from dartsl.nn.draws import Draws
from dartsl.nn.passing import PLAIN, Pass
from dartsl.nn.text import LockedDropout, float_of

EPS = 1e-5  # of layer norm and group norm: torch's default
POSITION_STD = (
    0.02  # position embeddings start as N(0, 0.02^2), as in ViT (Dosovitskiy et al., arXiv 2010.11929)
)


class LayerNorm(nn.Module):
    """Layer norm over the channels of each place (Ba et al., arXiv 1607.06450): maps, sequences and vectors."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(channels, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() != 4:
            return F.layer_norm(x, self.weight.shape, self.weight, self.bias, EPS)
        last = x.permute(0, 2, 3, 1)  # (B, H, W, C)
        return F.layer_norm(last, self.weight.shape, self.weight, self.bias, EPS).permute(0, 3, 1, 2)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}"


class GroupNorm(nn.Module):
    """Group norm (Wu and He, arXiv 1803.08494) of maps and vectors: each group of channels over all places of an image.

    By torch's layer norm of each group, which unlike its group norm can be differentiated forward over reverse.
    """

    def __init__(self, groups: int, channels: int) -> None:
        super().__init__()
        self.groups = groups
        self.weight = nn.Parameter(torch.ones(channels, dtype=torch.float32))
        self.bias = nn.Parameter(torch.zeros(channels, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        grouped = x.reshape(x.shape[0], self.groups, -1)  # (B, groups, C / groups * H * W)
        normal = F.layer_norm(grouped, grouped.shape[2:], eps=EPS).reshape(x.shape)
        shape = (-1, *(1 for _ in x.shape[2:]))
        return normal * self.weight.reshape(shape) + self.bias.reshape(shape)

    def extra_repr(self) -> str:
        return f"{self.groups}, {len(self.weight)}"


class Attention(nn.Module):
    """Self-attention of several heads over all places: torch's scaled_dot_product_attention (arXiv 1706.03762).

    A map (B, in, H, W) gives (B, out, H, W), a sequence (T, B, in) gives (T, B, out): no element of it
    sees a later one.
    """

    def __init__(self, channels: int, out: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.enter = nn.Linear(channels, 3 * channels, dtype=torch.float32)  # queries, keys, values
        self.leave = nn.Linear(channels, out, dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        causal = x.dim() == 3
        rows = x.transpose(0, 1) if causal else x.flatten(2).transpose(1, 2)  # (B, places, in)
        batch, places, channels = rows.shape
        entered = self.enter(rows).reshape(batch, places, 3, self.heads, channels // self.heads)
        query, key, value = entered.permute(2, 0, 3, 1, 4)  # each (B, heads, places, in / heads)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=causal)
        left: Tensor = self.leave(mixed.transpose(1, 2).reshape(batch, places, channels))  # (B, places, out)
        if causal:
            return left.transpose(0, 1)
        return left.transpose(1, 2).reshape(batch, left.shape[2], *x.shape[2:])

    def extra_repr(self) -> str:
        return f"{self.leave.in_features}, {self.leave.out_features}, {self.heads}"


class PositionEmbedding(nn.Module):
    """Adds a learned vector to each place; a sequence that is shorter takes the first ones."""

    def __init__(self, places: int, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(places, channels, dtype=torch.float32))
        nn.init.normal_(self.weight, std=POSITION_STD)

    def forward(self, x: Tensor) -> Tensor:
        if x.dim() == 4:
            return x + self.weight.t().reshape(1, x.shape[1], *x.shape[2:])
        if x.shape[0] > len(self.weight):
            raise ValueError(f"a window of {x.shape[0]} elements, and positions for {len(self.weight)}")
        return x + self.weight[: x.shape[0]].unsqueeze(1)  # (T, B, C)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[0]}, {self.weight.shape[1]}"


class PatchConv(nn.Conv2d):
    """A convolution of patches: k is the stride, and zeros complete the last ones. (B, in, H, W)."""

    def __init__(self, channels: int, out: int, k: int | tuple[int, int], groups: int = 1) -> None:
        """`k` is (1, k) for the patches of a series, a map of one row."""
        super().__init__(channels, out, k, stride=k, groups=groups, bias=False, dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        down, across = (-length % k for length, k in zip(x.shape[2:], self.kernel_size, strict=True))
        return super().forward(F.pad(x, (0, across, 0, down)))

    def extra_repr(self) -> str:
        down, across = self.kernel_size
        return f"{self.in_channels}, {self.out_channels}, {down if down == across else (1, across)}, {self.groups}"


class CausalConv(nn.Conv1d):
    """A convolution along a sequence (T, B, in) that sees no later element: zeros stand before the first one."""

    def __init__(self, channels: int, out: int, k: int, dilation: int = 1, groups: int = 1) -> None:
        super().__init__(channels, out, k, dilation=dilation, groups=groups, bias=False, dtype=torch.float32)

    def forward(self, x: Tensor) -> Tensor:
        along = x.permute(1, 2, 0)  # (B, in, T)
        before = (self.kernel_size[0] - 1) * self.dilation[0]
        return super().forward(F.pad(along, (before, 0))).permute(2, 0, 1)  # (T, B, out)

    def extra_repr(self) -> str:
        return f"{self.in_channels}, {self.out_channels}, {self.kernel_size[0]}, {self.dilation[0]}, {self.groups}"


class Dropout(LockedDropout):
    """Dropout of each number by itself, in training only: of the same shape."""

    def forward(self, x: Tensor, pass_: Pass = PLAIN) -> Tensor:
        if not self.training or self.p == 0:
            return x
        return x * self.draws.kept(pass_, self.path, tuple(x.shape), self.p, x, rows=int(x.dim() == 3))


def layer_norm(spec: ModuleSpec) -> nn.Module:
    """The layer norm of a spec."""
    return LayerNorm(spec.in_shape[0])


def group_norm(spec: ModuleSpec) -> nn.Module:
    """The group norm of a spec."""
    return GroupNorm(spec.number("groups"), spec.in_shape[0])


def attention(spec: ModuleSpec) -> nn.Module:
    """The attention of a spec."""
    return Attention(spec.in_shape[0], spec.out_shape[0], spec.number("heads"))


def position_embedding(spec: ModuleSpec) -> nn.Module:
    """The position embedding of a spec."""
    channels, *size = spec.in_shape
    return PositionEmbedding(torch.Size(size).numel(), channels)


def general_conv(spec: ModuleSpec) -> nn.Module:
    """A convolution in groups, of patches, or along a sequence."""
    groups = dict(spec.arguments).get("groups", 1)
    return _convolution(spec, int(groups))


def general_dwconv(spec: ModuleSpec) -> nn.Module:
    """A depthwise convolution along a sequence."""
    return _convolution(spec, spec.in_shape[0])


def _convolution(spec: ModuleSpec, groups: int) -> nn.Module:
    before, after = spec.in_shape[0], spec.out_shape[0]
    k, dilation = spec.number("k"), spec.number("dilation")
    if len(spec.in_shape) == 2:
        return CausalConv(before, after, k, dilation, groups)
    if k % 2 == 0:
        return PatchConv(before, after, k, groups)
    return nn.Conv2d(
        before,
        after,
        k,
        stride=spec.stride,
        padding=(k - 1) // 2 * dilation,
        dilation=dilation,
        groups=groups,
        bias=False,
        dtype=torch.float32,
    )


def dropout(draws: Draws, applied: Application) -> nn.Module:
    """The dropout of an application of that name."""
    return Dropout(draws, applied.random or "", float_of(applied, "p"))


# ------------------------------------------------------------------ functions
#
# Composed of what torch can differentiate forward over reverse; its own `silu`, `hardsigmoid` and `relu6` it cannot.


def relu6(x: Tensor) -> Tensor:
    """min(max(x, 0), 6), with the gradient 0 at both corners."""
    return F.hardtanh(x, 0.0, 6.0)


def silu(x: Tensor) -> Tensor:
    """x sigmoid(x)."""
    return x * torch.sigmoid(x)


def hard_sigmoid(x: Tensor) -> Tensor:
    """relu6(x + 3) / 6 (MobileNetV3, Howard et al., arXiv 1905.02244)."""
    return relu6(x + 3) / 6


def hard_swish(x: Tensor) -> Tensor:
    """x relu6(x + 3) / 6."""
    return x * hard_sigmoid(x)
