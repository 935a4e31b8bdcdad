"""The faults of one operation: arguments out of range, strides and tensors that it cannot take."""

from __future__ import annotations

from fractions import Fraction

from dartsl.lang.codes import e04_values, e05
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.plan.evaluate import Closure, Environment, Value, kind_of
from dartsl.lang.records.accepted import kernel_help, wanted
from dartsl.lang.records.primitives import called, even_pool
from dartsl.lang.records.record import ParameterKind, Primitive
from dartsl.lang.records.tensors import Pair, Tensor
from dartsl.lang.records.widths import Symbolic, channels, shown
from dartsl.lang.syntax.ast import Call, Name

_EXPECTED = {"any": "a value", "boolean": "a boolean", "share": "a string", "tie": "a string"}


def stride_text(stride: Pair | None) -> str:
    """`stride 2`, `stride 1x2` (down x across), or what a global average gives instead."""
    if stride is None:
        return "one value for the whole image"
    return f"stride {stride[0]}" if stride[0] == stride[1] else f"stride {stride[0]}x{stride[1]}"


def bad_argument(
    primitive: Primitive, name: str, kind: ParameterKind, value: Value, call: Name | Call, scope: Environment
) -> Diagnostic | None:
    """E0402, E0405, E0413, E0503 or E0508 for an argument of a primitive, reported where its value was written."""
    place = scope.places.get(name, call.span)
    inside = call.span.source == place.source and call.span.start <= place.start < call.span.end
    used = () if inside else (Label(call.span, f"`{primitive.name}` gets it here"),)
    expected = _EXPECTED.get(kind, "a number")
    if isinstance(value, Closure) or (expected != "a value" and kind_of(value) != expected):
        what = f"`{name}` of `{primitive.name}`"
        return e04_values.must_be(place, what, expected, kind_of(value), *used)
    needed = wanted(kind, value)
    if needed is not None:
        if kind == "width":
            return e04_values.bad_width(place, shown(value), needed, *used)
        code = {"share": "E0413", "tie": "E0508"}.get(kind, "E0405")
        help = kernel_help(value) if kind in ("kernel", "patch") else None
        label = f"this must be {needed}"
        return e04_values.bad_value(code, place, primitive.name, name, shown(value), label, help, *used)

    def bad(label: str, help: str | None, *more: Label) -> Diagnostic:
        return e04_values.bad_value("E0405", place, primitive.name, name, str(value), label, help, *more)

    k = scope.names.get("k")
    if kind == "dilation" and value != 1 and isinstance(k, Fraction) and k % 2 == 0:
        label = "an even kernel is that of a patch, which is not dilated"
        return bad(label, None, *used)
    if kind not in ("kernel", "patch") or isinstance(value, Symbolic | str | bool):
        return None
    patches = kind == "patch" and call.span.source.version > 1
    if not patches and not even_pool(primitive, value):
        if value % 2:
            return None
        help = kernel_help(value)
        if value == 2 and primitive.has("pool"):
            help += f", or `{primitive.name}(2)/2`: the one even kernel is that of a pool with k = stride"
        return bad("a kernel must be odd", help, *used)
    if value == scope.stride or value % 2:
        return None
    what = "convolution" if patches else "pool"
    label = f"an even kernel of a {what} needs stride {value}; the stride here is {scope.stride}"
    return bad(label, f"write `{primitive.name}({value})/{value}`, or 3", *used)


def indivisible(
    primitive: Primitive, call: Name | Call, scope: Environment, tensor: Tensor, given: Tensor
) -> Diagnostic | None:
    """E0405 for a number of heads or groups that does not divide a width that it must."""
    for name, kind, *_ in primitive.signature:
        parts = scope.names.get(name)
        if kind != "divisor" or not isinstance(parts, Fraction):
            continue
        dense = primitive.width == "out"
        widths = {"arrive": tensor.width} | ({"are given": given.width} if dense else {})
        for verb, width in widths.items():
            if isinstance(width, Fraction) and width.denominator == 1 and width % parts:
                place, label = (
                    scope.places.get(name, call.span),
                    f"{channels(width)} {verb}, which it must divide",
                )
                return e04_values.bad_value(
                    "E0405", place, called(primitive.name), name, str(parts), label, None
                )
    return None


def unfit(primitive: Primitive, call: Name | Call, tensor: Tensor, stride: Pair) -> Diagnostic | None:
    """E0507 or E0504: a tensor that a primitive cannot take."""
    name = called(primitive.name)
    arrives = tensor.size_text()
    kind = "a series" if tensor.series else "a map"
    if tensor.tokens is not (primitive.takes == "tokens"):
        label = f"{arrives} {'arrive' if tensor.tokens else 'arrives'} here"
        help = "the first stem of a network of text begins with `embedding(vocab)`"
        what = arrives if not tensor.is_map else kind
        return e05.cannot_apply(call.span, name, what, label, help)
    if primitive.takes == "map" and not tensor.is_map:
        label = f"{name} needs a map of the image, and {arrives} arrives here"
        remedy = None if call.span.source.version == 1 else _no_map(primitive, tensor)
        return e05.cannot_apply(call.span, name, arrives, label, remedy)
    if tensor.series and (name == "conv_down" or primitive.has("opaque")):
        label = f"{tensor.what} arrives here, which has one axis"
        remedy = "`conv` and `conv_across` go along a series" if name == "conv_down" else None
        return e05.cannot_apply(call.span, name, "a series", label, remedy)
    if primitive.takes == "single" and tensor.is_sequence:
        label = f"{name} needs a map or a vector, and a sequence arrives here"
        norm = "`layer_norm` is the norm of each element by itself"
        remedy = None if call.span.source.version == 1 else norm
        return e05.cannot_apply(call.span, name, "a sequence", label, remedy)
    if primitive.takes == "places" and not tensor.size:
        label = f"{name} needs a map or a sequence, and a vector arrives here"
        return e05.cannot_apply(call.span, name, "a vector", label)
    if primitive.takes == "vectors" and tensor.is_map:
        label = f"{tensor.what} arrives here"
        return e05.cannot_apply(call.span, name, kind, label)
    if primitive.takes == "linear" and tensor.is_map and not tensor.is_point:
        label = f"{tensor.what} arrives here"
        help = "in a head, put `global_avg_pool >` before it; on an edge, `conv(1)` is linear in the channels"
        return e05.cannot_apply(call.span, name, kind, label, help)
    if max(stride) > 1 and not tensor.is_map:
        return e05.cannot_stride_over(call.span, name, arrives)
    for axis, by in list(zip(tensor.size, stride, strict=False))[int(tensor.series) :]:
        if axis == 1 and by > 1:
            label = f"stride {by} on {tensor.what}"
            help, small = (
                "use larger images, or fewer steps that stride",
                "the image is too small for this stride",
            )
            if tensor.series:
                help, small = (
                    help.replace("larger images", "longer series"),
                    "the series is too short for this stride",
                )
            return e05.too_small(call.span, small, label, help)
    return None


def _no_map(primitive: Primitive, tensor: Tensor) -> str | None:
    """What takes the place of a primitive of maps where a vector or a sequence arrives (darts 2)."""
    if primitive.has("convolution") or primitive.has("filters"):
        here = "`conv` and `dwconv` go along a sequence"
        return here if tensor.size else "on vectors, `linear` takes the place of a convolution"
    pools = primitive.gives == "point" and not tensor.size
    return "a vector has no pixels to average: leave it out" if pools else None


def passed_at(target: Name | Call, scope: Environment) -> tuple[Label, ...]:
    """Where an operation that was passed as an argument is written."""
    place = scope.places.get(target.id) if isinstance(target, Name) else None
    return () if place is None else (Label(place, f"`{target.span.text}` stands for this"),)
