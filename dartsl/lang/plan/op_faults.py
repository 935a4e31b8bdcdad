"""The faults of one operation: arguments out of range, strides and tensors that it cannot take."""

from __future__ import annotations

from fractions import Fraction

from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.source import Span
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


def cannot_stride(span: Span, label: str, help: str | None, *secondary: Label) -> Diagnostic:
    """E0410: a `/` after something that cannot stride."""
    return Diagnostic("E0410", f"`{_short(span)}` cannot take a stride", Label(span, label), secondary, help)


def bad_argument(
    primitive: Primitive, name: str, kind: ParameterKind, value: Value, call: Name | Call, scope: Environment
) -> Diagnostic | None:
    """E0402, E0405, E0413, E0503 or E0508 for an argument of a primitive, reported where its value was written."""
    place = scope.places.get(name, call.span)
    inside = call.span.source == place.source and call.span.start <= place.start < call.span.end
    used = () if inside else (Label(call.span, f"`{primitive.name}` gets it here"),)
    expected = _EXPECTED.get(kind, "a number")
    if isinstance(value, Closure) or (expected != "a value" and kind_of(value) != expected):
        title = f"`{name}` of `{primitive.name}` must be {expected}"
        return Diagnostic("E0402", title, Label(place, f"this is {kind_of(value)}"), used)
    needed = wanted(kind, value)
    if needed is not None:
        if kind == "width":
            return Diagnostic(
                "E0503", f"a width cannot be {shown(value)}", Label(place, f"this must be {needed}"), used
            )
        title = f"`{primitive.name}` cannot have {name} = {shown(value)}"
        code = {"share": "E0413", "tie": "E0508"}.get(kind, "E0405")
        help = kernel_help(value) if kind in ("kernel", "patch") else None
        return Diagnostic(code, title, Label(place, f"this must be {needed}"), used, help)
    k = scope.names.get("k")
    if kind == "dilation" and value != 1 and isinstance(k, Fraction) and k % 2 == 0:
        label = Label(place, "an even kernel is that of a patch, which is not dilated")
        return Diagnostic("E0405", f"`{primitive.name}` cannot have dilation = {value}", label, used)
    if kind not in ("kernel", "patch") or isinstance(value, Symbolic | str | bool):
        return None
    patches = kind == "patch" and call.span.source.version > 1
    if not patches and not even_pool(primitive, value):
        if value % 2:
            return None
        title = f"`{primitive.name}` cannot have {name} = {value}"
        help = kernel_help(value)
        if value == 2 and primitive.has("pool"):
            help += f", or `{primitive.name}(2)/2`: the one even kernel is that of a pool with k = stride"
        return Diagnostic("E0405", title, Label(place, "a kernel must be odd"), used, help)
    if value == scope.stride or value % 2:
        return None
    title = f"`{primitive.name}` cannot have {name} = {value}"
    what = "convolution" if patches else "pool"
    label = Label(
        place, f"an even kernel of a {what} needs stride {value}; the stride here is {scope.stride}"
    )
    return Diagnostic("E0405", title, label, used, f"write `{primitive.name}({value})/{value}`, or 3")


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
                title = f"`{called(primitive.name)}` cannot have {name} = {parts}"
                label = Label(
                    scope.places.get(name, call.span), f"{channels(width)} {verb}, which it must divide"
                )
                return Diagnostic("E0405", title, label)
    return None


def unfit(primitive: Primitive, call: Name | Call, tensor: Tensor, stride: Pair) -> Diagnostic | None:
    """E0507 or E0504: a tensor that a primitive cannot take."""
    name = called(primitive.name)
    arrives = tensor.size_text()
    kind = "a series" if tensor.series else "a map"
    if tensor.tokens is not (primitive.takes == "tokens"):
        label = Label(call.span, f"{arrives} {'arrive' if tensor.tokens else 'arrives'} here")
        help = "the first stem of a network of text begins with `embedding(vocab)`"
        what = arrives if not tensor.is_map else kind
        return Diagnostic("E0507", f"`{name}` cannot be applied to {what}", label, help=help)
    if primitive.takes == "map" and not tensor.is_map:
        label = Label(call.span, f"{name} needs a map of the image, and {arrives} arrives here")
        vectors = "in a network of vectors, `linear` takes the place of a convolution"
        remedy = None if tensor.size or call.span.source.version == 1 else vectors
        return Diagnostic("E0507", f"`{name}` cannot be applied to {arrives}", label, help=remedy)
    if tensor.series and (name == "conv_down" or primitive.has("opaque")):
        label = Label(call.span, f"{tensor.what} arrives here, which has one axis")
        remedy = "`conv` and `conv_across` go along a series" if name == "conv_down" else None
        return Diagnostic("E0507", f"`{name}` cannot be applied to a series", label, help=remedy)
    if primitive.takes == "single" and tensor.is_sequence:
        label = Label(call.span, f"{name} needs a map or a vector, and a sequence arrives here")
        return Diagnostic("E0507", f"`{name}` cannot be applied to a sequence", label)
    if primitive.takes == "places" and not tensor.size:
        label = Label(call.span, f"{name} needs a map or a sequence, and a vector arrives here")
        return Diagnostic("E0507", f"`{name}` cannot be applied to a vector", label)
    if primitive.takes == "vectors" and tensor.is_map:
        label = Label(call.span, f"{tensor.what} arrives here")
        return Diagnostic("E0507", f"`{name}` cannot be applied to {kind}", label)
    if primitive.takes == "linear" and tensor.is_map and not tensor.is_point:
        label = Label(call.span, f"{tensor.what} arrives here")
        help = "in a head, put `global_avg_pool >` before it; on an edge, `conv(1)` is linear in the channels"
        return Diagnostic("E0507", f"`{name}` cannot be applied to {kind}", label, help=help)
    if max(stride) > 1 and not tensor.is_map:
        label = Label(call.span, f"{arrives} arrives here, which has no size to be strided")
        return Diagnostic("E0507", f"`{name}` cannot stride over {arrives}", label)
    for axis, by in list(zip(tensor.size, stride, strict=False))[int(tensor.series) :]:
        if axis == 1 and by > 1:
            label = Label(call.span, f"stride {by} on {tensor.what}")
            help, small = (
                "use larger images, or fewer steps that stride",
                "the image is too small for this stride",
            )
            if tensor.series:
                help, small = (
                    help.replace("larger images", "longer series"),
                    "the series is too short for this stride",
                )
            return Diagnostic("E0504", small, label, help=help)
    return None


def _short(span: Span) -> str:
    text = " ".join(span.text.split())
    return text if len(text) <= 40 else text[:37] + "..."


def passed_at(target: Name | Call, scope: Environment) -> tuple[Label, ...]:
    """Where an operation that was passed as an argument is written."""
    place = scope.places.get(target.id) if isinstance(target, Name) else None
    return () if place is None else (Label(place, f"`{target.span.text}` stands for this"),)
