"""Op expressions to terms: rules 1 to 3 of the language, carried out for one width, stride and input shape.

`Elaborator.run` reads an expression as the body of an unnamed op. Faults are collected, not raised; a part in
which one was found says so (`ok` is False) and carries the likely shape, so that it causes no other fault.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from dartsl.lang.check.matched import WIDTH, matched
from dartsl.lang.check.model import Operation
from dartsl.lang.codes import e03, e04, e04_values
from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.limits import too_large
from dartsl.lang.codes.source import Span
from dartsl.lang.plan.applied import Norms, Primitives
from dartsl.lang.plan.evaluate import (
    Closure,
    Environment,
    FaultError,
    NoArmError,
    Value,
    arm,
    bind,
    body_width,
    kind_of,
    whole,
)
from dartsl.lang.plan.merging import merge_branches
from dartsl.lang.plan.op_faults import passed_at, stride_text
from dartsl.lang.plan.parts import Given, Part, called, merged, term, then
from dartsl.lang.plan.terms import Merge
from dartsl.lang.plan.width_faults import argument_fault
from dartsl.lang.records import primitives
from dartsl.lang.records.accepted import LARGEST_KERNEL
from dartsl.lang.records.record import MERGES
from dartsl.lang.records.tensors import Tensor
from dartsl.lang.records.widths import Width
from dartsl.lang.syntax.ast import Binary, Call, Chain, Choice, Expr, Match, Name

MAX_DEPTH = 120  # ops within ops; each level takes up to six of Python's frames
CELL_DEPTH = 3  # what a cell within another counts, for the frames that it takes
MAX_STEPS = 10_000  # primitives and merges of one candidate


class CellsWithin(Protocol):
    """Plans the cells that stand as operations."""

    def __contains__(self, name: str) -> bool:
        """Whether there is a cell of this name."""

    def part(
        self, elaborator: Elaborator, name: str, span: Span, tensor: Tensor, width: Width, stride: int
    ) -> tuple[Part, int]:
        """What a cell is, asked for a width and a stride, and of how many primitives and merges."""


_Question = tuple[Tensor, Width, int]  # what arrives, the width and the stride that are asked for


@dataclass
class _Answers:
    """The parts that expressions are, asked one question: by their id, and the sound ones by their label."""

    known: dict[int, tuple[Expr, Part]] = field(default_factory=dict)
    sound: dict[str, Part] = field(default_factory=dict)


class Elaborator:
    """Elaborates the expressions of one place: inside the cells of a network, or outside them.

    `names` are the network's parameters (none inside a cell), `within` plans the cells that stand as operations, where
    they may; found faults are appended to `faults`.
    """

    def __init__(
        self,
        operations: Mapping[str, Operation],
        norms: Norms,
        faults: list[Diagnostic],
        names: Mapping[str, Value] | None = None,
        within: CellsWithin | None = None,
    ) -> None:
        self.operations = operations
        self._primitives = Primitives(norms, faults)
        self._faults = faults
        self._names = dict(names or {})
        self._within = within
        self._answers: dict[_Question, _Answers] = {}
        self._asked: tuple[_Question | None, _Answers] = (None, _Answers())
        self._steps = 0
        self._depth = 0
        # Where in nested bodies a call stands: the names that lead there, and how often each body named what.
        self._path: list[str] = []
        self._named: list[Counter[str]] = [Counter()]

    def run(self, expr: Expr, tensor: Tensor, width: Width, stride: int, label: str = "") -> Part:
        """The part that an unnamed op with this body is, asked for `width` and `stride` on `tensor`.

        The same question is answered once, so its faults are reported once. Expressions printed alike, by their
        `label`, share their answer too, unless it has a fault, which belongs to the place of each.
        """
        answers = self._answers_of((tensor, width, stride))
        if label and label in answers.sound:
            return answers.sound[label]
        if id(expr) not in answers.known:
            # Of the candidate that holds a cell, which asks this.
            at_hand = self._steps, self._path, self._named
            self._steps, self._path, self._named = 0, [], [Counter()]
            scope = Environment(self._names, width, stride, reaching=tensor.width)
            try:
                part = self._body(expr, tensor, scope)
            except NoArmError as error:
                part = Part((), tensor, None, missing=error.match)
            except FaultError as error:
                part = self._poisoned(error.diagnostic, tensor)
            self._steps, self._path, self._named = at_hand
            answers.known[id(expr)] = (expr, part)
            if label and part.ok and part.missing is None and part.output.width == width:
                answers.sound[label] = part
        return answers.known[id(expr)][1]

    def _answers_of(self, question: _Question) -> _Answers:
        """The answers to a question so far. The candidates of an edge ask the very same one, which is found without
        comparing tensors and widths."""
        last, answers = self._asked
        same = (
            last is not None and last[0] is question[0] and last[1] is question[1] and last[2] == question[2]
        )
        if not same:
            answers = self._answers.setdefault(question, _Answers())
            self._asked = (question, answers)
        return answers

    # ----------------------------------------------------------- expressions

    def _body(self, expr: Expr, tensor: Tensor, scope: Environment) -> Part:
        """A body or an arm: a single name or call is asked for the body's stride."""
        if isinstance(expr, Name | Call):
            return self._apply(expr, tensor, scope, scope.stride)
        return self._element(expr, tensor, scope)

    def _element(self, expr: Expr, tensor: Tensor, scope: Environment) -> Part:
        """An element of a chain, a branch of a merge: asked for stride 1 unless a `/` is written."""
        match expr:
            case Name() | Call():
                return self._apply(expr, tensor, scope, 1)
            case Match():
                return self._body(arm(expr, scope), tensor, scope)
            case Chain():
                part = Part((), tensor, (1, 1))
                for step in expr.steps:
                    part = then(part, self._element(step, part.output, scope))
                return part
            case Binary(operator="*"):
                return self._repeated(expr, tensor, scope, None)
            case Binary(operator="/"):
                return self._divided(expr, tensor, scope)
            case Choice():
                raise FaultError(
                    e04.choice_at(expr.span, "here", "only the whole of an edge can be chosen", None)
                )
        raise FaultError(e04_values.expected(expr.span, "an operation", "this is not an operation"))

    def _divided(self, expr: Binary, tensor: Tensor, scope: Environment) -> Part:
        """`x/s`: the stride of a name, a call, or the first element of a repetition."""
        asked = whole(expr.right, scope, "a stride", high=LARGEST_KERNEL)
        target = expr.left
        if isinstance(target, Binary) and target.operator == "*":
            return self._repeated(target, tensor, scope, asked)
        return self._strided(target, tensor, scope, asked)

    def _strided(self, target: Expr, tensor: Tensor, scope: Environment, asked: int) -> Part:
        """A name or call with a `/` written after it."""
        if not isinstance(target, Name | Call):
            help = "write `/` after the step that strides"
            diagnostic = e04.cannot_stride(target.span, "`/` applies to a name, a call or a repetition", help)
            return self._poisoned(diagnostic, tensor)
        if not self._may_stride(target, scope):
            return self._poisoned(e04.cannot_stride(target.span, "it always has stride 1", None), tensor)
        try:
            part = self._apply(target, tensor, scope, asked)
        except NoArmError as error:
            label = Label(error.match.span, f"no arm for stride {error.stride}")
            return self._poisoned(
                e04.cannot_stride(target.span, f"asked for stride {asked}", None, label), tensor
            )
        if part.ok and asked != 1 and (part.stride == (1, 1) or not set(part.stride or ()) <= {1, asked}):
            label_text = f"asked for stride {asked}, gives {stride_text(part.stride)}"
            given = passed_at(target, scope)
            return self._poisoned(e04.cannot_stride(target.span, label_text, None, *given), part.output)
        return part

    def _may_stride(self, target: Name | Call, scope: Environment) -> bool:
        """False for merges and for primitives that cannot; an op shows it when it is elaborated."""
        name = target.id if isinstance(target, Name) else target.function.id
        if name in scope.names or name not in self.operations:
            return name not in MERGES
        return not self.operations[name].builtin or primitives.PRIMITIVES[name].can_stride

    def _repeated(self, expr: Binary, tensor: Tensor, scope: Environment, first: int | None) -> Part:
        """`x*n`; with `first`, a stride is written after it, which its first element takes."""
        count = whole(expr.right, scope, "a repetition")
        part = Part((), tensor, (1, 1))
        for turn in range(count):
            if turn or first is None:
                following = self._element(expr.left, part.output, scope)
            elif isinstance(expr.left, Binary) and expr.left.operator == "*":
                following = self._repeated(expr.left, part.output, scope, first)
            else:
                following = self._strided(expr.left, part.output, scope, first)
            self._count(expr.span)
            part = then(part, following)
            if not part.ok:
                break
        return part

    # ----------------------------------------------------------------- calls

    def _apply(self, expr: Name | Call, tensor: Tensor, scope: Environment, asked: int) -> Part:
        """A name or a call, asked for a stride: a passed operation, a merge, an op or a primitive."""
        name = expr.id if isinstance(expr, Name) else expr.function.id
        if self._depth >= MAX_DEPTH:
            raise FaultError(e03.too_nested(expr.span, MAX_DEPTH))
        self._depth += 1
        merges = name in MERGES and name not in scope.names and isinstance(expr, Call)
        if not merges:  # branches stand in the body around their merge
            self._named[-1][name] += 1
            count = self._named[-1][name]
            self._path.append(name if count == 1 else f"{name}_{count}")
            self._named.append(Counter())
        try:
            if name in scope.names:
                return self._passed(expr, scope.names[name], tensor, scope, asked)
            if merges and isinstance(expr, Call):
                branches = [self._element(a.value, tensor, scope) for a in expr.arguments]
                return self._merged(expr, branches, tensor)
            operation = self.operations.get(name)
            if operation is None and self._within is not None and name in self._within:
                return self._cell(name, self._within, expr, tensor, scope, asked)
            if operation is None:
                raise FaultError(e04_values.expected(expr.span, "an operation", "this is not an operation"))
            try:
                bound = bind(operation, expr, scope, asked, tensor.width)
            except FaultError as error:
                return self._poisoned(error.diagnostic, tensor)
            inner = scope.inside(bound.values, bound.places, asked, tensor.width, bound.width)
            if operation.body is not None:
                part = called(self._body(operation.body, tensor, inner), expr.span, inner.width)
            else:
                self._count(expr.span)
                part = self._primitives.part(operation, expr, tensor, inner, self._path)
            return part if bound.written is None else self._as_wide(part, expr, inner.width)
        finally:
            self._depth -= 1
            if not merges:
                self._path.pop()
                self._named.pop()

    def _passed(
        self, expr: Name | Call, value: Value, tensor: Tensor, scope: Environment, asked: int
    ) -> Part:
        """A parameter that stands for an operation."""
        if not isinstance(value, Closure):
            raise FaultError(e04_values.expected(expr.span, "an operation", f"this is {kind_of(value)}"))
        try:
            width, written = body_width(matched((), expr, width=True).given.get(WIDTH), scope)
        except FaultError as error:
            return self._poisoned(error.diagnostic, tensor)
        inner = scope.inside(value.names, value.places, asked, tensor.width, width)
        part = self._body(value.expr, tensor, inner)
        return part if written is None else self._as_wide(part, expr, width)

    def _cell(
        self,
        name: str,
        within: CellsWithin,
        expr: Name | Call,
        tensor: Tensor,
        scope: Environment,
        asked: int,
    ) -> Part:
        """A cell that stands as an operation."""
        try:
            width, written = body_width(matched((), expr, width=True).given.get(WIDTH), scope)
        except FaultError as error:
            return self._poisoned(error.diagnostic, tensor)
        self._depth += CELL_DEPTH
        part, size = within.part(self, name, expr.span, tensor, width, asked)
        self._depth -= CELL_DEPTH
        self._count(expr.span, size)
        return part if written is None else self._as_wide(part, expr, width)

    def _as_wide(self, part: Part, call: Name | Call, width: Width) -> Part:
        """The part of a call that says its width by `out`: E0502 where it has another."""
        if not part.ok or part.missing is not None:
            return part
        if part.output.width != width:
            name = call.id if isinstance(call, Name) else call.function.id
            self._faults.append(argument_fault(name, call.span, part, width))
            return replace(part, output=replace(part.output, width=width), ok=False)
        return replace(part, given=(Given(call.span, width, written=True),)) if part.given else part

    def _merged(self, expr: Call, branches: list[Part], tensor: Tensor) -> Part:
        kind = expr.function.id
        outcome = merge_branches(expr, [(p.output, p.stride, p.ok) for p in branches])
        self._faults.extend(outcome.faults)
        output = outcome.output or tensor
        ok = not outcome.faults and all(p.ok for p in branches)
        before, after = tensor.shape(), output.shape()
        written = [(p, a.value.span) for p, a in zip(branches, expr.arguments, strict=True)]
        given = merged(kind, written)
        if before is None or after is None or not ok:
            return Part((), output, outcome.stride, ok, given=given)
        self._count(expr.span)
        terms = tuple(term(part, before, span) for part, span in written)
        return Part((Merge(kind, terms, after),), output, outcome.stride, given=given)

    def _poisoned(self, diagnostic: Diagnostic, tensor: Tensor) -> Part:
        self._faults.append(diagnostic)
        return Part((), tensor, None, ok=False)

    def _count(self, span: Span, steps: int = 1) -> None:
        self._steps += steps
        if self._steps > MAX_STEPS:
            raise FaultError(too_large(span, "operations in one candidate", self._steps, MAX_STEPS))
