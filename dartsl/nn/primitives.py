"""What the primitives of std/prelude.darts compute, in torch.

Primitives with parameters or buffers are built as modules (`build_module`); the others, and the merges, are
functions of tensors. Nothing here writes over what it is given, so that functional_call, double backward and
forward-mode differentiation go through. A strided primitive gives ceil(H / stride) for every H, odd or even.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dartsl.graph.checks import factors
from dartsl.graph.kinds import KINDS
from dartsl.graph.operations import Application, Value
from dartsl.lang.records.primitives import owner
from dartsl.lang.records.record import ModuleSpec
from dartsl.nn import norms, places, text
from dartsl.nn.builders import Builder, Drawn, Function, Module, attributes, module_builder, provide
from dartsl.nn.draws import Draws, DropPath, Noise, SkipDropout

Pair = tuple[int, int]

BN_EPS = 1e-5  # method.md, "Convolutional search"; torch's defaults, written down since the method fixes them
BN_MOMENTUM = 0.1


# ------------------------------------------------------------------ functions


def identity(x: Tensor) -> Tensor:
    """The tensor itself."""
    return x


def zeros(x: Tensor, channels: int, stride: Pair = (1, 1)) -> Tensor:
    """`none`: zeros of width `channels` and of the strided size."""
    if x.dim() != 4:
        return x.new_zeros((*x.shape[:-1], channels))  # vectors (B, channels), or sequences (T, B, channels)
    size = (-(-length // step) for length, step in zip(x.shape[2:], stride, strict=False))
    return x.new_zeros((x.shape[0], channels, *size))  # (B, channels, ceil(H/s), ceil(W/s))


def max_pool(x: Tensor, k: int, stride: Pair = (1, 1)) -> Tensor:
    """Maximum over k x k windows; with an even k (= stride) they lie side by side, the last ones cut."""
    if k % 2 == 0:
        return F.max_pool2d(x, k, stride, ceil_mode=True)
    return F.max_pool2d(x, k, stride, padding=(k - 1) // 2)


def avg_pool(x: Tensor, k: int, stride: Pair = (1, 1)) -> Tensor:
    """Mean over k x k windows, of the pixels that lie in the image: padding is not counted."""
    if k % 2 == 0:
        return F.avg_pool2d(x, k, stride, ceil_mode=True, count_include_pad=False)
    return F.avg_pool2d(x, k, stride, padding=(k - 1) // 2, count_include_pad=False)


def global_avg_pool(x: Tensor) -> Tensor:
    """Mean over the image: (B, C, H, W) -> (B, C, 1, 1)."""
    return x.mean(dim=(2, 3), keepdim=True)


def shift(x: Tensor, dy: int, dx: int) -> Tensor:
    """out[y, x] = in[y + dy, x + dx], zeros beyond the image."""
    height, width = x.shape[2:]
    if abs(dy) >= height or abs(dx) >= width:
        # Zeros, but of x: what is in front of it has a gradient, zero, and takes its step.
        return x.masked_fill(torch.ones_like(x, dtype=torch.bool), 0.0)
    # Cropped by negative padding, not by a slice, whose gradient torch would lay out anew.
    return F.pad(x, (-dx, dx, -dy, dy))  # (B, C, H, W)


def flatten(x: Tensor) -> Tensor:
    """(B, C, 1, 1) -> (B, C), in front of a linear layer."""
    return x.flatten(1)


# --------------------------------------------------------------------- merges


def total(*inputs: Tensor) -> Tensor:
    """The merge `sum`, added from the left; 1 x 1 images are broadcast."""
    result = inputs[0]
    for place, x in enumerate(inputs[1:]):
        # From the second one on into the memory of the sum so far: no gradient needs what it was.
        own = place > 0 and (result.shape, result.dtype) == (x.shape, x.dtype)
        result = result.add_(x) if own else result + x
    return result


def mean(*inputs: Tensor) -> Tensor:
    """The merge `mean`."""
    return total(*inputs) / len(inputs)


def product(*inputs: Tensor) -> Tensor:
    """The merge `product`, multiplied from the left; 1 x 1 images are broadcast."""
    result = inputs[0]
    for x in inputs[1:]:
        result = result * x
    return result


def concat(*inputs: Tensor) -> Tensor:
    """The merge `concat`, along channels, the last axis but of maps; 1 x 1 images are broadcast."""
    if inputs[0].dim() != 4:
        return torch.cat(inputs, dim=-1)  # vectors (B, C), or sequences of them (T, B, C)
    if len({x.shape[2:] for x in inputs}) > 1:
        size = max((x.shape[2:] for x in inputs), key=lambda shape: shape.numel())
        inputs = tuple(x.expand(*x.shape[:2], *size) for x in inputs)
    return torch.cat(inputs, dim=1)


def lerp(a: Tensor, b: Tensor, t: Tensor) -> Tensor:
    """The merge `lerp`: from a to b by t (method.md, the recurrent node)."""
    return a + t * (b - a)


def mix(weights: Tensor, *candidates: Tensor, columns: tuple[int, ...] | None = None) -> Tensor:
    """A mixed edge: sum_o weights[o] * o(x), over all candidates, `none` included (DARTS, equation 2).

    `weights` is the edge's row of mixing weights; where it is longer than the candidates, its end is not
    read. `columns` has the place of each candidate in the row, where some that give zeros are left out.
    """
    places = tuple(range(len(candidates))) if columns is None else columns
    result = weights[places[0]] * candidates[0]
    for column, candidate in zip(places[1:], candidates[1:], strict=True):
        result = result + weights[column] * candidate
    return result


# -------------------------------------------------------------------- modules


def _convolution(spec: ModuleSpec, kernel: Pair, dilation: int = 1, groups: int = 1) -> nn.Module:
    padding = tuple((k - 1) // 2 * dilation for k in kernel)
    return nn.Conv2d(
        spec.in_shape[0],
        spec.out_shape[0],
        kernel,
        stride=spec.stride,
        padding=(padding[0], padding[1]),
        dilation=dilation,
        groups=groups,
        bias=False,
        dtype=torch.float32,
    )


def _conv(spec: ModuleSpec) -> nn.Module:
    k = spec.number("k")
    return _convolution(spec, (k, k), dilation=spec.number("dilation"))


def _conv_across(spec: ModuleSpec) -> nn.Module:
    return _convolution(spec, (1, spec.number("k")))


def _conv_down(spec: ModuleSpec) -> nn.Module:
    return _convolution(spec, (spec.number("k"), 1))


def _dwconv(spec: ModuleSpec) -> nn.Module:
    k = spec.number("k")
    return _convolution(spec, (k, k), dilation=spec.number("dilation"), groups=spec.in_shape[0])


def _series_conv(spec: ModuleSpec) -> nn.Module:
    return _convolution(spec, (1, spec.number("k")), dilation=spec.number("dilation"))


def _series_general_conv(spec: ModuleSpec) -> nn.Module:
    k, groups = spec.number("k"), int(dict(spec.arguments).get("groups", 1))
    if k % 2 == 0:
        return places.PatchConv(spec.in_shape[0], spec.out_shape[0], (1, k), groups)
    return _convolution(spec, (1, k), dilation=spec.number("dilation"), groups=groups)


def _series_dwconv(spec: ModuleSpec) -> nn.Module:
    k, channels = spec.number("k"), spec.in_shape[0]
    return _convolution(spec, (1, k), dilation=spec.number("dilation"), groups=channels)


def _batch_norm(spec: ModuleSpec, affine: bool) -> nn.Module:
    kind = norms.BatchNorm2d if len(spec.in_shape) == 3 else norms.BatchNorm1d
    return kind(spec.in_shape[0], eps=BN_EPS, momentum=BN_MOMENTUM, affine=affine, dtype=torch.float32)


def _bn(spec: ModuleSpec) -> nn.Module:
    return _batch_norm(spec, affine=bool(dict(spec.arguments).get("affine", True)))


def _mix_bn(spec: ModuleSpec) -> nn.Module:
    return _batch_norm(spec, affine=False)


def _noise(draws: Draws, applied: Application) -> nn.Module:
    return Noise(draws, applied.random or "", applied.shape[0], factors(applied, "stride"))


def _drop_path(draws: Draws, applied: Application) -> nn.Module:
    return DropPath(draws, applied.random or "")


def _skip_dropout(draws: Draws, applied: Application) -> nn.Module:
    return SkipDropout(draws, applied.random or "")


def _size(applied: Application) -> dict[str, Value]:
    """What `none` gives."""
    return {"channels": applied.shape[0], "stride": dict(applied.attributes).get("stride", (1, 1))}


_BUILDERS: dict[str, Builder] = {
    "none": Function(zeros, _size),
    "identity": Function(identity),
    "relu": Function(F.relu),
    "sigmoid": Function(torch.sigmoid),
    "tanh": Function(torch.tanh),
    "relu6": Function(places.relu6),
    "silu": Function(places.silu),
    "gelu": Function(F.gelu),
    "hard_swish": Function(places.hard_swish),
    "hard_sigmoid": Function(places.hard_sigmoid),
    "noise": Drawn(_noise),
    "bn": Module(_bn),
    "mix_bn": Module(_mix_bn),
    "layer_norm": Module(places.layer_norm),
    "group_norm": Module(places.group_norm),
    "conv": Module(_conv),
    "general conv": Module(places.general_conv),
    "general dwconv": Module(places.general_dwconv),
    "conv_across": Module(_conv_across),
    "conv_down": Module(_conv_down),
    "dwconv": Module(_dwconv),
    "series conv": Module(_series_conv),
    "series conv_across": Module(_conv_across),
    "series dwconv": Module(_series_dwconv),
    "series general conv": Module(_series_general_conv),
    "max_pool": Function(max_pool, attributes("k", "stride")),
    "avg_pool": Function(avg_pool, attributes("k", "stride")),
    "global_avg_pool": Function(global_avg_pool),
    "shift": Function(shift, attributes("dy", "dx")),
    "linear": Module(text.build_linear),
    "embedding": Module(text.build_embedding, text.draw_words),
    "locked_dropout": Drawn(text.locked_dropout),
    "dropout": Drawn(places.dropout),
    "attention": Module(places.attention),
    "position_embedding": Module(places.position_embedding),
    # merges
    "sum": Function(total),
    "concat": Function(concat),
    "mean": Function(mean),
    "product": Function(product),
    "lerp": Function(lerp),
    "highway": Module(text.build_highway),
    # what only the graph has
    "dropout_mask": Drawn(text.dropout_mask),
    "drop_path": Drawn(_drop_path),
    "skip_dropout": Drawn(_skip_dropout),
}
for _name, _builder in _BUILDERS.items():
    provide(KINDS.get(_name) or owner(_name), _builder)


def build_module(spec: ModuleSpec) -> nn.Module:
    """The module of a primitive in float32, initialised by torch's defaults from torch's CPU generator.

    Raises KeyError for a primitive that has no module.
    """
    builder = module_builder(spec.primitive)
    if builder is None:
        raise KeyError(spec.primitive)
    return builder.build(spec)
