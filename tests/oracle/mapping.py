"""From the oracle's names to dartsl's (language rule 18), and the two brought together."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import nn

from dartsl import compile
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read
from dartsl.nn.supernet import Supernet

from .naive.networks import BlockNetwork

TOLERANCE = 1e-10

# what the oracle calls a part of an operation, and its place in the operation's flattened body
PARTS = {
    "conv": "conv",
    "bn": "bn",
    "conv_a": "conv",
    "conv_b": "conv_2",
    "depth": "dwconv",
    "point": "conv",
    "depth_a": "dwconv",
    "point_a": "conv",
    "bn_a": "bn",
    "depth_b": "dwconv_2",
    "point_b": "conv_2",
    "bn_b": "bn_2",
}
RESIDUAL = {"a.conv": "conv", "a.bn": "bn", "b.conv": "conv_2", "b.bn": "bn_2", "shortcut": "conv_3"}


def dartsl_name(name: str, block: bool = False) -> str:
    """dartsl's state_dict name for one of the oracle's; `block` for NAS-Bench-201's network."""
    kind, _, rest = name.partition(".")
    if kind == "alphas":
        return f"betas.{rest.removesuffix('_edges')}" if rest.endswith("_edges") else name
    if kind in ("stem", "stem1", "auxiliary") and not rest.startswith("linear"):
        part, _, leaf = rest.partition(".")
        return f"network.{kind if kind != 'stem' else 'stem0'}.{PARTS[part]}.{leaf}"
    if kind == "auxiliary":
        return f"network.{name}"
    if kind == "classifier":
        return f"network.head.linear.{rest}"
    if kind == "last_bn":
        return f"network.head.bn.{rest}"
    index, _, rest = rest.partition(".")
    layer = f"network.layer{index}"
    if found := re.fullmatch(r"preprocess\.(c[01])\.(\w+)\.(\w+)", rest):
        source, part, leaf = found.groups()
        return f"{layer}.{source}.{PARTS[part]}.{leaf}"
    if found := re.fullmatch(r"edges\.(\d+)_(\d+)\.(?:ops\.)?(\w+)\.(\w+)\.(\w+)", rest):
        node, source, op, part, leaf = found.groups()
        op = "auxiliary_skip" if op == "beside" else op
        inputs = ["x"] if block else ["c0", "c1"]
        first = 1 if block else 0  # the number in the name of the cell's first node
        sources = [*inputs, *(f"n{i + first}" for i in range(int(node)))]
        return f"{layer}.n{int(node) + first}.{sources[int(source)]}.{op}.{PARTS[part]}.{leaf}"
    if found := re.fullmatch(r"(.*)\.(\w+)", rest):
        part, leaf = found.groups()
        return f"{layer}.{RESIDUAL[part]}.{leaf}"
    raise KeyError(name)


def renamed(model: nn.Module, values: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The oracle's tensors by dartsl's names."""
    block = isinstance(model, BlockNetwork)
    return {dartsl_name(name, block): value for name, value in values.items()}


def spec_text(name: str, size: tuple[int, int], nodes: int = 4) -> str:
    """A shipped spec for images of another size, and perhaps for cells of fewer nodes than four."""
    image = rf"image\(3, {'224, 224' if 'imagenet' in name else '32, 32'}\)"
    text, count = re.subn(image, f"image(3, {size[0]}, {size[1]})", read(name).text)
    assert count == 1
    return text.replace("n0..n3", f"n0..n{nodes - 1}")


def checked(text: str) -> Spec:
    return check(Source("test.darts", text))


def twin(
    model: nn.Module, text: str, parameters: Mapping[str, int], level: int = 0, relaxation: str = "softmax"
) -> Supernet:
    """dartsl's network with the oracle's weights and alphas in it (and so with the same names)."""
    made = compile(checked(text), None, dict(parameters), level=level, dtype="float64", relaxation=relaxation)
    made.load_state_dict(renamed(model, model.state_dict()), strict=True)
    return made


def randomise(model: nn.Module, seed: int) -> None:
    """Alphas from N(0, 1); weights as they are initialised, but batch norms' off their ones and zeros."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            draw = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            if name.startswith("alphas."):
                parameter.copy_(draw)
            elif "bn" in name:
                parameter.add_(draw, alpha=0.3)


def batch(size: tuple[int, int], count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Normal images (count, 3, height, width) and labels below 10."""
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 3, *size, generator=generator, dtype=torch.float64)
    return images, torch.randint(10, (count,), generator=generator)


def assert_equal(found: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> None:
    """Every tensor equal to a part in 1e10 of its largest entry (a mean: of the deviation, if larger)."""
    assert found.keys() == wanted.keys()
    for name, expected in wanted.items():
        actual, expected = found[name].detach(), expected.detach()
        assert actual.shape == expected.shape, name
        if not expected.is_floating_point():
            assert torch.equal(actual, expected), name
            continue
        assert expected.isfinite().all(), name
        largest = float(expected.abs().max())
        if name.endswith("running_mean"):  # may be nothing but rounding, after another batch norm
            variance = wanted[name.replace("running_mean", "running_var")]
            largest = max(largest, float(variance.max()) ** 0.5)
        error = float((actual - expected).abs().max())
        assert error <= TOLERANCE * largest, f"{name}: off by {error}, largest entry {largest}"
