"""Static checks of expressions: names, arguments, kinds, and where each may stand (rules 1, 2, 11)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import assert_never

from dartsl.lang.check import literals, misplaced, within
from dartsl.lang.check.arguments import bind, wrong_kind
from dartsl.lang.check.kinds import ExprKind, Scope, mismatch, use
from dartsl.lang.check.model import REACHING
from dartsl.lang.check.resolve import Symbols, meaning
from dartsl.lang.check.signatures import Signature
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.records.primitives import PRIMITIVES
from dartsl.lang.records.record import MERGES
from dartsl.lang.syntax.ast import (
    AliasDecl,
    Argument,
    Binary,
    Boolean,
    Call,
    CellDecl,
    Chain,
    Choice,
    Expr,
    ExternDecl,
    Match,
    Name,
    Number,
    OpDecl,
    OpsDecl,
    Range,
    String,
)

CALLABLE = (OpDecl, ExternDecl, OpsDecl)


class Checker:
    """Checks expressions against the names of a spec; faults gather in `faults`.

    `signatures` must hold every operation that an expression can call. Checking the uses of parameters
    teaches the scope their kinds.
    """

    def __init__(self, symbols: Symbols, faults: list[Diagnostic]) -> None:
        self.symbols = symbols
        self.faults = faults
        self.signatures: dict[str, Signature] = {}
        self.cells: list[Name | Call] = []  # those that stand as operations

    def report(self, fault: Diagnostic | None) -> None:
        if fault is not None:
            self.faults.append(fault)

    def check(self, expr: Expr, want: ExprKind, scope: Scope) -> bool:
        """Check an expression where a value of kind `want` is asked for; whether nothing was wrong."""
        before = len(self.faults)
        match expr:
            case Number():
                self._literal(expr, ExprKind.NUMBER, want)
                self.report(literals.out_of_range(expr))
            case String():
                self._literal(expr, ExprKind.STRING, want)
            case Boolean():
                self._literal(expr, ExprKind.BOOLEAN, want)
            case Range():
                help = "ranges name nodes, inputs and their edges"
                self.report(mismatch(expr, want, "this is a range", help))
            case Name():
                self._name(expr, want, scope)
            case Call():
                self._call(expr, want, scope)
            case Match():
                self._match(expr, want, scope)
            case Chain():
                if self._operation_fits(expr, want, "a chain of operations"):
                    for step in expr.steps:
                        self.check(step, ExprKind.OPERATION, scope)
            case Choice():
                if expr.span.source.version > 1 and ExprKind.OPERATION.narrowed(want) is None:
                    self.report(misplaced.choice_of_values(expr, scope))
                elif self._operation_fits(expr, want, "a choice of operations"):
                    self.report(misplaced.choice(expr, scope))
            case Binary():
                self._binary(expr, want, scope)
            case _:
                assert_never(expr)
        return len(self.faults) == before

    def kind_of(self, expr: Expr, scope: Scope) -> ExprKind:
        """What an expression looks like, ANY if that is unknown."""
        match expr:
            case Number():
                return ExprKind.NUMBER
            case String():
                return ExprKind.STRING
            case Boolean():
                return ExprKind.BOOLEAN
            case Name(id):
                if id in scope.locals:
                    return scope.locals[id].kind
                if _is_asked(expr):
                    return ExprKind.NUMBER
                known = meaning(expr) is not None or self.symbols.find(expr) is not None
                return ExprKind.OPERATION if known else ExprKind.ANY
            case Binary(operator, left, _):
                return ExprKind.NUMBER if operator in "+-" else self.kind_of(left, scope)
            case Match(_, arms):
                return self.kind_of(arms[0].body, scope) if arms else ExprKind.OPERATION
        return ExprKind.OPERATION

    # ------------------------------------------------------------------ names and calls

    def _literal(self, expr: Number | String | Boolean, kind: ExprKind, want: ExprKind) -> None:
        if kind.narrowed(want) is None:
            help = None
            if isinstance(expr, String) and want is ExprKind.OPERATION:
                help = f"operations are written without quotes: `{expr.value}`"
            elif isinstance(expr, String) and want is ExprKind.NUMBER:
                help = f"numbers and parameters are written without quotes: `{expr.value}`"
            group = f"quoted {want.value}" if help else ""
            self.report(replace(mismatch(expr, want, f"this is {_article(kind)}", help), group=group))

    def _operation_fits(self, expr: Expr, want: ExprKind, what: str) -> bool:
        if ExprKind.OPERATION.narrowed(want) is not None:
            return True
        self.report(mismatch(expr, want, f"this is {what}"))
        return False

    def _name(self, name: Name, want: ExprKind, scope: Scope) -> None:
        if name.id in scope.locals:
            self.report(use(scope.locals[name.id], name, want))
        elif _is_asked(name):
            if not scope.is_body:
                self.report(misplaced.width_or_stride(name, scope))
            elif ExprKind.NUMBER.narrowed(want) is None:
                self.report(mismatch(name, want, f"`{name.id}` is a number: {meaning(name)}"))
        elif meaning(name) is not None:
            self.report(misplaced.builtin(name, want, scope))
        else:
            self._global(name, name, want, scope)

    def _call(self, call: Call, want: ExprKind, scope: Scope) -> None:
        name = call.function
        if name.id in MERGES and name.id != "highway":
            if self._operation_fits(call, want, "an operation"):
                self._merge(call, scope)
        elif name.id in scope.locals and scope.calls_parameters and name.span.source.version > 1:
            self.report(use(scope.locals[name.id], name, ExprKind.OPERATION))
            if self._operation_fits(call, want, "an operation"):
                self.arguments(
                    Signature(name.id, (), scope.locals[name.id].name.span, width=True), call, scope
                )
        elif name.id in scope.locals or _is_asked(name):
            self.report(
                misplaced.call_of_value(call, "a parameter" if name.id in scope.locals else "a number")
            )
        elif meaning(name) is not None:
            self.report(misplaced.builtin(name, want, scope))
        else:
            self._global(name, call, want, scope)

    def _merge(self, call: Call, scope: Scope) -> None:
        if not call.arguments:
            self.report(misplaced.empty_merge(call))
        for argument in call.arguments:
            named = argument.name is not None
            if named:
                self.report(misplaced.named_branch(call, argument))
            self.check(argument.value, ExprKind.ANY if named else ExprKind.OPERATION, scope)

    def _global(self, name: Name, expr: Name | Call, want: ExprKind, scope: Scope) -> None:
        """A name, perhaps with arguments, that a file declares."""
        declaration = self.symbols.find(name)
        if declaration is None:
            if want in (ExprKind.OPERATION, ExprKind.ANY) or isinstance(expr, Call):
                what = "name" if want is ExprKind.ANY and isinstance(expr, Name) else "operation"
                self.report(self.symbols.unknown(name, what, CALLABLE))
            else:
                self.report(misplaced.unknown_value(name, scope))
            self._stray(expr.arguments if isinstance(expr, Call) else (), scope)
        elif isinstance(declaration, CellDecl | AliasDecl) and name.span.source.version > 1:
            self._cell(name, expr, declaration, want, scope)
        elif isinstance(declaration, CellDecl | AliasDecl) and want is not ExprKind.ANY:
            fault = mismatch(expr, want, f"`{name.id}` is a cell", misplaced.CELL_HELP)
            self.report(replace(fault, group="cell as operation" if want is ExprKind.OPERATION else ""))
        elif isinstance(declaration, CellDecl | AliasDecl):
            pass  # an argument of what is unknown, which is reported
        elif isinstance(declaration, OpsDecl):
            if self._operation_fits(expr, want, f"a choice, the `ops` `{name.id}`"):
                self.report(misplaced.ops(name, declaration, scope))
        elif self._operation_fits(expr, want, "an operation"):
            self._operation(name, expr, scope)

    def _operation(self, name: Name, expr: Name | Call, scope: Scope) -> None:
        signature = self.signatures.get(name.id)
        if signature is None:  # part of a recursion, which is reported where it is declared
            self._stray(expr.arguments if isinstance(expr, Call) else (), scope)
            return
        self.arguments(signature.at(name.span.source.version), expr, scope)
        if signature.builtin and name.id == "none":
            self.report(misplaced.none(name, scope))
        mixing = signature.builtin and PRIMITIVES[name.id].has("mixing")
        found = expr.span if mixing else signature.mix_bn
        in_layer = scope.place == "stage" and expr.span.source.version > 1
        if found is not None and not (scope.takes_mix_bn or in_layer):
            self.report(misplaced.mix_bn(expr, found, scope))
        if found is not None and scope.mix_bn is None:
            scope.mix_bn = found

    def _cell(
        self, name: Name, expr: Name | Call, declaration: CellDecl | AliasDecl, want: ExprKind, scope: Scope
    ) -> None:
        """A cell as an operation (darts 2). What else it must be is known once all cells are read."""
        if not self._operation_fits(expr, want, f"the cell `{name.id}`"):
            return
        if scope.place not in ("edge", "node", "layer"):
            self.report(within.misplaced_cell(name, scope))
        elif isinstance(declaration, CellDecl) and declaration.parameters:
            self._stray(expr.arguments if isinstance(expr, Call) else (), scope)
        else:
            self.arguments(Signature(name.id, (), declaration.name.span, width=True), expr, scope)
        self.cells.append(expr)

    def arguments(self, signature: Signature, expr: Name | Call, scope: Scope) -> Mapping[str, Expr] | None:
        """Check the arguments of a call; the values given, or None where something was wrong."""
        binding = bind(signature, expr)
        self.faults += binding.faults
        sound = not binding.faults
        for parameter, value in binding.values.items():
            before = len(self.faults)
            sound = self.check(value, signature.kind(parameter), scope) and sound
            for number, fault in enumerate(self.faults[before:], before):
                if fault.code == "E0402" and fault.primary.span == value.span and not fault.secondary:
                    self.faults[number] = wrong_kind(
                        signature, parameter, binding.arguments[parameter], fault
                    )
            if signature.builtin:
                self.report(literals.argument(signature, parameter, value))
        self._stray(binding.stray, scope)
        return binding.values if sound else None

    def _stray(self, arguments: tuple[Argument, ...], scope: Scope) -> None:
        """Arguments that belong to nothing are still checked for what is wrong in themselves."""
        for argument in arguments:
            self.check(argument.value, ExprKind.ANY, scope)

    # ------------------------------------------------------------------ match, *, /, +, -

    def _match(self, expr: Match, want: ExprKind, scope: Scope) -> None:
        shapes = expr.subject.id == "shape" and expr.subject.span.source.version > 1
        if expr.subject.id != "stride" and not shapes:
            self.report(misplaced.subject(expr))
        elif not scope.is_body:
            self.report(misplaced.width_or_stride(expr.subject, scope))
        self.faults += literals.shape_arms(expr) if shapes else literals.arms(expr)
        for arm in expr.arms:
            self.check(arm.body, want, scope)

    def _binary(self, expr: Binary, want: ExprKind, scope: Scope) -> None:
        left, right = self.kind_of(expr.left, scope), self.kind_of(expr.right, scope)
        arithmetic = expr.operator in "+-"
        if want is ExprKind.OPERATION and (arithmetic or left is ExprKind.NUMBER):
            self.report(
                misplaced.arithmetic(expr, turned=expr.operator == "*" and right is ExprKind.OPERATION)
            )
        elif want in (ExprKind.STRING, ExprKind.BOOLEAN):
            self.report(mismatch(expr, want, f"this is {_article(ExprKind.NUMBER if arithmetic else left)}"))
        elif want is not ExprKind.OPERATION and left is not ExprKind.OPERATION:
            self.check(expr.left, ExprKind.NUMBER, scope)
            self.check(expr.right, ExprKind.NUMBER, scope)
            self.report(literals.division(expr))
        elif arithmetic or want not in (ExprKind.OPERATION, ExprKind.ANY):
            self.check(expr.left, ExprKind.NUMBER, scope)
            self.check(expr.right, ExprKind.NUMBER, scope)
        else:
            self.repeated_or_strided(expr, scope, lambda inner: self.check(inner, ExprKind.OPERATION, scope))

    def repeated_or_strided(
        self, expr: Binary, scope: Scope, check: Callable[[Expr], object], choices: bool = False
    ) -> None:
        """Check `a * n` or `a / s` on operations or layers, `a` by `check`; with `choices` that may be one."""
        choice = choices and (isinstance(expr.left, Choice) or self._is_ops(expr.left))
        strides = expr.operator == "/" and not choice
        fault = misplaced.stride(expr, self._is_ops(expr.left)) if strides else None
        self.report(fault)
        if fault is None:
            check(expr.left)
        self.check(expr.right, ExprKind.NUMBER, scope)
        self.report(literals.count(expr))

    def is_unknown(self, name: Name, scope: Scope) -> bool:
        """Whether a name means nothing where it stands."""
        return name.id not in scope.locals and meaning(name) is None and self.symbols.find(name) is None

    def _is_ops(self, expr: Expr) -> bool:
        return isinstance(expr, Name) and isinstance(self.symbols.find(expr), OpsDecl)


def _is_asked(name: Name) -> bool:
    """Whether a name is a number that is known in a body."""
    return name.id in ("C", "stride") or (name.id == REACHING and name.span.source.version > 1)


def _article(kind: ExprKind) -> str:
    return {ExprKind.NUMBER: "a number", ExprKind.STRING: "a string", ExprKind.BOOLEAN: "a boolean"}.get(
        kind, "an operation"
    )
