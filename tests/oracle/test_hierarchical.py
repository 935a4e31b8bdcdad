"""A cell of motifs against a naive network: every mix written out, in float64."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from dartsl.lang.checker import check
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile

MOTIFS = [f"m{number}" for number in range(1, 6)]


class Naive:
    """The network of the spec `hierarchical`, from its parameters and alphas by name; batch norms as in training."""

    def __init__(self, parameters: dict[str, Tensor], alphas: dict[str, Tensor]) -> None:
        self.parameters = parameters
        self.mixing = {name: torch.softmax(alpha, dim=1) for name, alpha in alphas.items()}

    def __call__(self, x: Tensor) -> Tensor:
        """(B, 1, 8, 8) -> (B, classes)."""
        x = self.affine("stem0.bn", norm(self.conv(x, "stem0.conv", 3))).relu()
        x = self.whole(x, "layer0")
        x = self.conv(x, "layer1.conv", 3, stride=2)
        x = self.affine("head.bn", norm(self.whole(x, "layer2"))).mean((2, 3))
        return x @ self.parameters["head.linear.weight"].T + self.parameters["head.linear.bias"]

    def whole(self, x: Tensor, at: str) -> Tensor:
        x = norm(self.conv(x, f"{at}.x.conv", 1))

        def edge(x: Tensor, place: str, weights: Tensor) -> Tensor:
            found = weights[1] * x
            for weight, name in zip(weights[2:], MOTIFS, strict=True):
                found = found + weight * self.motif(x, f"{place}.{name}", self.mixing[name])
            return found

        return two_nodes(x, at, self.mixing["whole"], edge, lambda x: x)

    def motif(self, x: Tensor, at: str, mixing: Tensor) -> Tensor:
        def edge(x: Tensor, place: str, weights: Tensor) -> Tensor:
            found = weights[1] * x
            found = found + weights[2] * norm(self.conv(x, f"{place}.conv_1_bn.conv", 1))
            found = found + weights[3] * norm(self.conv(x, f"{place}.dwconv_3_bn.dwconv", 3, x.shape[1]))
            found = found + weights[4] * F.max_pool2d(x, 3, 1, 1)
            return found + weights[5] * F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)

        return two_nodes(x, at, mixing, edge, torch.relu)

    def conv(self, x: Tensor, name: str, kernel: int, groups: int = 1, stride: int = 1) -> Tensor:
        return F.conv2d(x, self.parameters[f"{name}.weight"], None, stride, kernel // 2, groups=groups)

    def affine(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"]
        return x * weight[:, None, None] + bias[:, None, None]


def two_nodes(
    x: Tensor,
    at: str,
    mixing: Tensor,
    edge: Callable[[Tensor, str, Tensor], Tensor],
    after: Callable[[Tensor], Tensor],
) -> Tensor:
    """a from x, and y from both, each the sum of its edges, and then `after` it."""
    a = after(edge(x, f"{at}.a.x", mixing[0]))
    return after(edge(x, f"{at}.y.x", mixing[1]) + edge(a, f"{at}.y.a", mixing[2]))


def norm(x: Tensor) -> Tensor:
    mean = x.mean((0, 2, 3), keepdim=True)
    return (x - mean) / ((x - mean).square().mean((0, 2, 3), keepdim=True) + 1e-5).sqrt()


def test_outputs_and_gradients() -> None:
    """Of all weights and alphas."""
    made = compile(check(read("hierarchical")), None, {"C": 2}, Build(dtype="float64", level=2))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
    weights = {
        name.removeprefix("network."): each for name, each in made.named_parameters() if "network." in name
    }
    alphas = {table.name: made.alpha(table.name) for table in made.tables}
    images = torch.randn(4, 1, 8, 8, generator=generator, dtype=torch.float64)
    ours, theirs = made(images), Naive(weights, alphas)(images)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    learnt = [*weights.values(), *alphas.values()]
    found = torch.autograd.grad(ours.square().sum(), learnt)
    wanted = torch.autograd.grad(theirs.square().sum(), learnt)
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9 * float(other.abs().max() + 1))
