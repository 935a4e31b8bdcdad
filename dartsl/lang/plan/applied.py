"""A call of a primitive as a step: its width, its stride, its arguments, and what does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dartsl.lang.check.model import Operation
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.plan.evaluate import Environment, plain
from dartsl.lang.plan.matrices import misused
from dartsl.lang.plan.op_faults import bad_argument, indivisible, unfit
from dartsl.lang.plan.parts import Given, Part
from dartsl.lang.plan.terms import Argument, Step
from dartsl.lang.records import primitives
from dartsl.lang.records.record import Primitive
from dartsl.lang.records.tensors import Tensor
from dartsl.lang.records.widths import Width
from dartsl.lang.syntax.ast import Call, Name


@dataclass(frozen=True)
class Norms:
    """What depends on the place: whether `bn` is affine, whether `mix_bn` is a batch norm (language rule 10),
    and whether the matrix of a `linear` may be its node's, or the embedding's (rule 19); whether convolutions go along
    sequences (`general`), from version 2 on."""

    affine: bool
    mixing: bool
    shares: bool = False
    ties: bool = False
    general: bool = False


class Primitives:
    """Applies primitives in one place, with its `norms`; found faults are appended to `faults`."""

    def __init__(self, norms: Norms, faults: list[Diagnostic]) -> None:
        self._norms = norms
        self._faults = faults

    def part(
        self, operation: Operation, expr: Name | Call, tensor: Tensor, scope: Environment, path: Sequence[str]
    ) -> Part:
        """One step; `scope` holds the values of its arguments, its width and the stride asked of it.

        `path` has the names of the bodies that lead to the call, and its own.
        """
        name = operation.name
        own = primitives.PRIMITIVES[name] if operation.builtin else None
        primitive = own or primitives.plugin(name, tuple(p.name.id for p in operation.parameters))
        if primitive.has("mixing") and not self._norms.mixing:
            return Part((), tensor, (1, 1))
        stride = primitive.stride(scope.stride, tensor.series)
        values = self._arguments(primitive, expr, scope)
        out = scope.names.get("out")
        decided = primitives.decided_width(primitive, scope.width, out if isinstance(out, Width) else None)
        output = primitives.output(primitive, tensor, decided, stride)
        if own is not None and values is not None and (self._norms.general or not tensor.is_sequence):
            primitive = primitives.general(own, tensor, values)
            name = primitive.name
        fault = unfit(primitive, expr, tensor, stride)
        if fault is None and values is not None and own:
            fault = misused(values, expr, scope, self._norms.shares, self._norms.ties)
            fault = fault or indivisible(primitive, expr, scope, tensor, output)
        if fault is not None:
            self._faults.append(fault)
        declared = "out" in scope.places or (own is None and out is not None)
        steps = () if decided is None else (Given(expr.span, decided, declared),)
        by = None if primitive.gives != "strided" and tensor.is_map else stride
        if values is None or fault is not None:
            return Part((), output, by, ok=False)
        before, after = tensor.shape(), output.shape()
        if before is None or after is None:
            return Part((), output, by, given=steps)
        if primitive.has("batch_norm"):
            affine = self._norms.affine and not primitive.has("mixing")
            name, values = "bn", (("affine", affine),)
        if own is None:  # the width is the implementation's out_channels
            values = tuple((name, value) for name, value in values if name != "out")
            name = primitives.plugin_kind(name)
        elif tensor.series:
            name, values = primitives.on_series(name, values)
        share = ".".join(path) if own and dict(values).get("share") else ""
        step = Step(name, values, stride, before, after, expr.span, share, primitive.has("mixing"))
        return Part((step,), output, by, given=steps)

    def _arguments(
        self, primitive: Primitive, expr: Name | Call, scope: Environment
    ) -> tuple[tuple[str, Argument], ...] | None:
        """The evaluated arguments in order of the signature; None, with faults, where one is out of range."""
        values: list[tuple[str, Argument]] = []
        good = True
        for name, kind, default, since in primitive.signature:
            if name not in scope.names:  # a parameter that the version of the spec does not have
                continue
            value = scope.names[name]
            fault = bad_argument(primitive, name, kind, value, expr, scope)
            if fault is None:
                # What a later version added is left out at its default: a step of both versions is the same.
                if since == 1 or default is None or str(value) != default:
                    values.append((name, plain(value)))
            else:
                good = False
                # A fraction as the width of the body is reported there.
                at_default = fault.primary.span == expr.span and not primitive.has("opaque")
                if not at_default or fault.code != "E0503":
                    self._faults.append(fault)
        return tuple(values) if good else None
