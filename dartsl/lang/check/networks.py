"""Networks: their structure, their parameters, and what may be a layer (rules 9, 11 to 13)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dartsl.lang.check import network_faults as faults_of
from dartsl.lang.check.arguments import bind
from dartsl.lang.check.cells import Cells
from dartsl.lang.check.kinds import ExprKind, Local, Scope
from dartsl.lang.check.model import Candidate, Network, Stage
from dartsl.lang.check.offers import Offers, offers_in_arguments
from dartsl.lang.check.resolve import NamedDecl
from dartsl.lang.check.scans import cell_faults, merges_by_highway, read_scan
from dartsl.lang.check.signatures import Signature
from dartsl.lang.check.within import cells_in, closed, scanned_cells, use_faults
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.records.inputs import INPUTS, inputs_of
from dartsl.lang.syntax.ast import (
    AliasDecl,
    Binary,
    Call,
    CellDecl,
    Chain,
    Choice,
    Expr,
    ExternDecl,
    HeadItem,
    Name,
    NetworkDecl,
    NetworkItem,
    Number,
    OpDecl,
    OpsDecl,
    Parameter,
    ShapeItem,
    StageItem,
    StemItem,
)

ITEMS: tuple[tuple[type[NetworkItem], str, bool], ...] = (  # in their order; whether there is exactly one
    (ShapeItem, "input", True),
    (StemItem, "stem", False),
    (StageItem, "stage", False),
    (HeadItem, "head", True),
)
LAYERS: tuple[type[NamedDecl], ...] = (CellDecl, AliasDecl, OpDecl, ExternDecl)


class NetworkReader:
    """Reads networks; faults go to the checker's."""

    def __init__(self, offers: Offers, cells: Cells) -> None:
        self.checker = offers.checker
        self.offers = offers
        self.cells = cells
        self._choices: list[tuple[Expr, tuple[Candidate, ...]]] = []

    def read(self, declaration: NetworkDecl) -> Network | None:
        """A network; None where it has a fault."""
        before = len(self.checker.faults)
        self._choices = []
        known = self._parameters(declaration.parameters)
        entries = [item.value.function.id for item in declaration.items if isinstance(item, ShapeItem)]
        self._sequence = any(INPUTS[entry].sequence for entry in entries if entry in INPUTS)
        self.checker.faults += structure(declaration)
        input: Call | None = None
        stems: list[Expr] = []
        stages: list[Stage] = []
        heads: list[Expr] = []
        used: dict[str, None] = {}
        for item in declaration.items:
            match item:
                case ShapeItem():
                    input = self._input(item.value, known)
                case StemItem():
                    self._end(item.operation, Scope("stem", known))
                    stems.append(item.operation)
                case HeadItem():
                    self._end(item.operation, Scope("head", known))
                    heads.append(item.operation)
                case StageItem():
                    self._layers(item.layers, Scope("stage", known), used)
                    self.checker.check(item.width, ExprKind.NUMBER, Scope("network", known))
                    stages.append(Stage(item.layers, item.width, item.span))
        self.checker.faults += use_faults(self.checker.cells, self.cells.cells, self.cells.open)
        self.checker.cells.clear()
        if len(self.checker.faults) > before or input is None:
            return None
        offered = [each.expr for _, candidates in self._choices for each in candidates]
        chosen = [
            name.id for expr in offered for name in cells_in(expr, self.cells.cells) if name.id not in known
        ]
        return Network(
            declaration.name.id,
            declaration.parameters,
            input,
            tuple(stems),
            tuple(stages),
            heads[0],
            closed([*used, *chosen], self.cells.cells),
            declaration.name.span,
            tuple(self._choices),
        )

    def _parameters(self, parameters: Sequence[Parameter]) -> dict[str, Local]:
        known: dict[str, Local] = {}
        for parameter in parameters:
            scope = Scope("network", dict(known))
            if parameter.default is None:
                self.checker.report(faults_of.no_default(parameter))
            elif self.checker.kind_of(parameter.default, scope) in (ExprKind.NUMBER, ExprKind.ANY):
                self.checker.check(parameter.default, ExprKind.NUMBER, scope)
            else:
                self.checker.report(faults_of.bad_default(parameter, parameter.default))
            known.setdefault(parameter.name.id, Local(parameter.name, ExprKind.NUMBER))
        return known

    def _input(self, call: Call, known: dict[str, Local]) -> Call | None:
        """One of the forms of `INPUTS`; None where it has a fault."""
        before = len(self.checker.faults)
        found = inputs_of(call.span.source.version).get(call.function.id)
        if found is None:
            self.checker.report(faults_of.not_an_input(call))
            return None
        named = any(argument.name is not None for argument in call.arguments)
        if named or len(call.arguments) != len(found.sizes):
            self.checker.report(faults_of.input_arguments(call, found))
            return None
        for argument in call.arguments:
            self.checker.check(argument.value, ExprKind.NUMBER, Scope("network", known))
        return call if len(self.checker.faults) == before else None

    def _end(self, operation: Expr, scope: Scope) -> None:
        """A stem or a head: an operation."""
        names = [operation]
        if isinstance(operation, Chain):
            names = list(operation.steps)
        cells = [n for n in names if isinstance(n, Name) and self._is_cell(n, scope)]
        for name in cells:
            self.checker.report(faults_of.cell_at_end(name, scope.place))
        if not cells:
            self.checker.check(operation, ExprKind.OPERATION, scope)

    def _is_cell(self, name: Name, scope: Scope) -> bool:
        return name.id not in scope.locals and isinstance(
            self.checker.symbols.find(name), CellDecl | AliasDecl
        )

    # ------------------------------------------------------------------ stages

    def _layers(self, expr: Expr, scope: Scope, used: dict[str, None]) -> None:
        """Check the layers of a stage; the cells among them are added to `used`."""
        match expr:
            case Chain():
                for step in expr.steps:
                    self._layers(step, scope, used)
            case Binary(operator="*" | "/") if not self._is_number(expr.left, scope):
                self.checker.repeated_or_strided(
                    expr, scope, lambda layers: self._layers(layers, scope, used), choices=_may_offer(expr)
                )
            case Choice() if not _may_offer(expr):
                self.checker.report(faults_of.choice_as_layer(expr.span))
            case Choice():
                self._choice(expr, scope)
            case Name() | Call():
                self._layer(expr, scope, used)
            case _:
                self.checker.check(expr, ExprKind.OPERATION, scope)

    def _is_number(self, expr: Expr, scope: Scope) -> bool:
        return isinstance(expr, Number) or self.checker.kind_of(expr, scope) is ExprKind.NUMBER

    def _layer(self, expr: Name | Call, scope: Scope, used: dict[str, None]) -> None:
        name = expr if isinstance(expr, Name) else expr.function
        if name.id == "scan":
            self._scan(expr, scope, used)
            return
        found = None if name.id in scope.locals else self.checker.symbols.find(name)
        if isinstance(found, CellDecl | AliasDecl):
            if name.id in self.cells.open:
                self.checker.report(faults_of.open_cell(expr, self.cells.open[name.id]))
            elif isinstance(expr, Call):
                faults = bind(Signature(name.id, (), found.name.span), expr).faults
                if all(isinstance(argument.value, Number) for argument in expr.arguments):
                    help = f"a stride is written after the cell: `{name.id}/2`"
                    faults = tuple(replace(fault, help=help) for fault in faults)
                self.checker.faults += faults
            used.setdefault(name.id)
            self._plain(name)
        elif isinstance(found, OpsDecl) and not _may_offer(expr):
            self.checker.report(faults_of.choice_as_layer(expr.span, found))
        elif isinstance(found, OpsDecl) or offers_in_arguments(expr):
            self._choice(expr, scope)
        elif isinstance(expr, Name) and expr.id == "none" and _may_offer(expr):
            return  # what won a layer of a choice
        elif isinstance(expr, Name) and found is None and self.checker.is_unknown(expr, scope):
            self.checker.report(self.checker.symbols.unknown(name, "cell or operation", LAYERS))
        else:
            self.checker.check(expr, ExprKind.OPERATION, scope)

    def _choice(self, expr: Expr, scope: Scope) -> None:
        """A layer that offers a choice: what an edge may offer (darts 2)."""
        offer = self.offers.read(expr, Scope("layer", scope.locals))
        self._choices.append((expr, offer.candidates))

    def _plain(self, name: Name) -> None:
        """A cell as a layer of its own: of images, and from version 2 on of whole sequences."""
        cell = self.cells.cells.get(name.id)
        if self._sequence and name.span.source.version == 1:
            self.checker.report(faults_of.image_cell(name))
        elif cell is not None and (merges_by_highway(cell) or cell.further):
            self.checker.report(faults_of.recurrent_cell(name, cell, self._sequence))

    def _scan(self, expr: Name | Call, scope: Scope, used: dict[str, None]) -> None:
        """A cell that runs along the sequence."""
        call = read_scan(expr)
        if not self._sequence:
            self.checker.report(faults_of.scan_of_images(expr))
        if isinstance(call, Diagnostic):
            self.checker.report(call)
            return
        for rate in call.dropouts.values():
            self.checker.check(rate, ExprKind.NUMBER, Scope("network", scope.locals))
        found = self.checker.symbols.find(call.cell)
        if not isinstance(found, CellDecl | AliasDecl):
            self.checker.report(
                self.checker.symbols.unknown(call.cell, "cell", (CellDecl, AliasDecl))
                if found is None
                else faults_of.no_cell(call.cell, found)
            )
        elif call.cell.id in self.cells.open:
            self.checker.report(faults_of.open_cell(call.cell, self.cells.open[call.cell.id]))
        else:
            used.setdefault(call.cell.id)
            cell = self.cells.cells.get(call.cell.id)
            if cell is not None:
                self.checker.faults += cell_faults(call, cell)
                self.checker.faults += scanned_cells(cell, self.cells.cells)


def _may_offer(expr: Expr) -> bool:
    """Whether a layer may offer a choice, by the version of the language that it is written in."""
    return expr.span.source.version > 1


def structure(declaration: NetworkDecl) -> list[Diagnostic]:
    """E0308: one input, then stems, then stages, then one head."""
    faults: list[Diagnostic] = []
    lacking: list[str] = []
    rank = {kind: place for place, (kind, _, _) in enumerate(ITEMS)}
    for kind, word, single in ITEMS:
        items = [item for item in declaration.items if isinstance(item, kind)]
        if not items:
            lacking.append(word)
        elif single:
            faults += [
                faults_of.second(declaration.name, word, item.span, items[0].span) for item in items[1:]
            ]
    if lacking:
        faults.append(faults_of.missing(declaration.name, lacking))
    latest: NetworkItem | None = None
    for item in declaration.items:
        if latest is not None and rank[type(item)] < rank[type(latest)]:
            words = ITEMS[rank[type(item)]][1], ITEMS[rank[type(latest)]][1]
            faults.append(faults_of.order(*words, item.span, latest.span))
        else:
            latest = item
    return faults
