"""ProxylessNAS's search network (Cai et al., arXiv 1812.00332) with all choices mixed, by its formulas alone.

A block of ratio e and kernel k widens e times, convolves each channel, and narrows; a batch norm after each, and ReLU6
between. Weights come by name. Maps are (B, C, H, W).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from torch import Tensor
from torch.nn import functional as F

from .transformer import mixed

Weights = Mapping[str, Tensor]

KERNELS = (3, 5, 7)
RATIOS = (3, 6)
STAGES = ((3, 1), (5, 2), (10, 2), (12, 1), (24, 2), (40, 1))  # widths over C, and strides


def norm(w: Weights, name: str, x: Tensor) -> Tensor:
    """The batch norm of each channel; of what is still open it learns no scale."""
    centred = x - x.mean((0, 2, 3), keepdim=True)
    x = centred / (centred.square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()
    if f"{name}.weight" in w:
        x = x * w[f"{name}.weight"][:, None, None] + w[f"{name}.bias"][:, None, None]
    return x


def conv(w: Weights, name: str, x: Tensor, stride: int = 1) -> Tensor:
    weight = w[f"{name}.weight"]
    groups = x.shape[1] // weight.shape[1]
    return F.conv2d(x, weight, stride=stride, padding=weight.shape[2] // 2, groups=groups)


def separable(
    w: Weights, name: str, x: Tensor, stride: int = 1, after: tuple[str, str, str] = ("bn", "conv", "bn_2")
) -> Tensor:
    """A convolution of each channel, then one that mixes them."""
    first, point, last = after
    x = norm(w, f"{name}.{first}", conv(w, f"{name}.dwconv", x, stride)).clamp(0, 6)
    return norm(w, f"{name}.{last}", conv(w, f"{name}.{point}", x))


def blocks(w: Weights, layer: str, x: Tensor, stride: int, width: int) -> Iterator[Tensor]:
    """Every block that a layer offers; what enters is added where the shape is kept."""
    for ratio in RATIOS:
        for kernel in KERNELS:
            name = f"{layer}.mb_{ratio}_{kernel}"
            wide = norm(w, f"{name}.bn", conv(w, f"{name}.conv", x)).clamp(0, 6)
            block = separable(w, name, wide, stride, ("bn_2", "conv_2", "bn_3"))
            yield x + block if stride == 1 and x.shape[1] == width else block


def supernet(w: Weights, images: Tensor, c: int, n: int) -> Tensor:
    """Logits (B, classes) of a network whose stages have n layers after the first, which may do nothing; the last stage
    has one alone."""
    x = norm(w, "stem0.bn", conv(w, "stem0.conv", images)).clamp(0, 6)
    x = separable(w, "layer0", x)
    layer = 1
    for place, (wide, stride) in enumerate(STAGES):
        for copy in range(1 if place == len(STAGES) - 1 else n + 1):
            name = f"layer{layer}"
            offered = [*blocks(w, name, x, 1 if copy else stride, wide * c), *([x] if copy else [])]
            x = mixed(w[f"alphas.{name}"], offered)
            layer += 1
    x = norm(w, "head.bn", conv(w, "head.conv", x)).clamp(0, 6)
    return x.mean((2, 3)) @ w["head.linear.weight"].T + w["head.linear.bias"]
