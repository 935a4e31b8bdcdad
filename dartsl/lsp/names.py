"""What each name of a file stands for: read from its syntax tree, whether the rest of the spec is sound or not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from dartsl.lang.check.members import expand
from dartsl.lang.check.resolve import NamedDecl, meaning
from dartsl.lang.check.scans import ScanCall, read_scan
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.limits import Budget, TooLargeError
from dartsl.lang.codes.source import Span
from dartsl.lang.syntax import ast
from dartsl.lsp.wording import ARMS, OF_SCAN, OF_STAGE

Kind = Literal[
    "operation", "choice", "cell", "network", "parameter", "input", "node", "setting", "built-in", "import"
]
Scope = tuple[
    str, ...
]  # whose name it is: () of the spec, ("network",), ("op", "sep_conv"), ("cell", "normal")
Declared = Mapping[str, NamedDecl]
_WORD = re.compile(r"\w+")


@dataclass(frozen=True)
class Symbol:
    """What names stand for: equal for all names of one thing."""

    kind: Kind
    name: str
    scope: Scope = ()


@dataclass(frozen=True)
class Occurrence:
    """A name where it stands. `declares` says that it is declared there; `spread` that it stands in a range such as
    `n0..n3`, whose span this is, so that it is not written there itself."""

    symbol: Symbol
    span: Span
    declares: bool = False
    spread: bool = False


_KINDS: Mapping[type[NamedDecl], Kind] = {
    ast.OpDecl: "operation",
    ast.ExternDecl: "operation",
    ast.OpsDecl: "choice",
    ast.CellDecl: "cell",
    ast.AliasDecl: "cell",
}


def kind_of(declaration: NamedDecl) -> Kind:
    return _KINDS[type(declaration)]


def declared(files: Iterable[ast.File]) -> dict[str, NamedDecl]:
    """The operations, choices and cells of files, the first declaration of a name."""
    found: dict[str, NamedDecl] = {}
    for file in files:
        for each in file.declarations:
            if isinstance(each, ast.OpDecl | ast.ExternDecl | ast.OpsDecl | ast.CellDecl | ast.AliasDecl):
                found.setdefault(each.name.id, each)
    return found


def parameter_scope(declaration: NamedDecl | ast.NetworkDecl) -> Scope:
    """The scope of a declaration's parameters, and of a cell's inputs and nodes."""
    return ("network" if isinstance(declaration, ast.NetworkDecl) else "global", declaration.name.id)


def members(item: ast.Name | ast.Range) -> list[str]:
    """The names that a range stands for, none where it is not one; or the one name."""
    try:
        found = expand((item,), Budget())
    except TooLargeError:
        return []
    return [] if isinstance(found, Diagnostic) else [member.id for member in found]


def occurrences(file: ast.File, known: Declared, networks: Iterable[ast.NetworkDecl]) -> list[Occurrence]:
    """The names of a file in order of their place; `known` and `networks` are those of the whole spec."""
    walk = _Walk(known, tuple(networks))
    for item in file.imports:
        walk.add(Symbol("import", item.path.value), item.path.span)
    for each in file.declarations:
        walk.declaration(each)
    return sorted(walk.found, key=lambda one: (one.span.start, one.span.end))


@dataclass
class _Walk:
    known: Declared
    networks: tuple[ast.NetworkDecl, ...]
    found: list[Occurrence] = field(default_factory=list)
    local: dict[str, Symbol] = field(
        default_factory=dict
    )  # parameters, and a cell's members where they are meant

    def add(self, symbol: Symbol, span: Span, declares: bool = False, spread: bool = False) -> None:
        self.found.append(Occurrence(symbol, span, declares, spread))

    def declaration(self, node: ast.Declaration) -> None:
        self.local = {}
        if isinstance(node, ast.SettingsDecl):
            self._settings(node)
            return
        network = isinstance(node, ast.NetworkDecl)
        scope: Scope = ("network",) if network else ()
        self.add(
            Symbol("network" if isinstance(node, ast.NetworkDecl) else kind_of(node), node.name.id, scope),
            node.name.span,
            True,
        )
        for parameter in getattr(node, "parameters", ()):
            if parameter.default is not None:
                self.expression(parameter.default)
            symbol = Symbol("parameter", parameter.name.id, parameter_scope(node))
            self.local[parameter.name.id] = symbol
            self.add(symbol, parameter.name.span, True)
        match node:
            case ast.OpDecl() | ast.OpsDecl():
                self.expression(node.body)
            case ast.AliasDecl():
                self.expression(node.value)
            case ast.CellDecl():
                self._cell(node)
            case ast.NetworkDecl():
                for item in node.items:
                    self._network_item(item)

    def _settings(self, node: ast.SettingsDecl) -> None:
        for setting in node.settings:
            self.add(Symbol("setting", setting.name.id, (node.kind,)), setting.name.span)
            for entry in _entries(setting.value):
                if entry.name.id in OF_STAGE:
                    self.add(Symbol("built-in", entry.name.id), entry.name.span)
                    continue
                owners = [each for each in self.networks if _has(each, entry.name.id)]
                if len(owners) == 1:
                    self.add(Symbol("parameter", entry.name.id, parameter_scope(owners[0])), entry.name.span)

    def _network_item(self, item: ast.NetworkItem) -> None:
        match item:
            case ast.ShapeItem():
                self.expression(item.value)
            case ast.StageItem():
                self.expression(item.layers)
                self.expression(item.width)
            case ast.StemItem() | ast.HeadItem():
                self.expression(item.operation)

    # -------------------------------------------------------------- cells

    def _cell(self, node: ast.CellDecl) -> None:
        parts: dict[str, Symbol] = {}
        scope = parameter_scope(node)
        for item in node.items:
            if isinstance(item, ast.InputItem | ast.NodeItem):
                kind: Kind = "input" if isinstance(item, ast.InputItem) else "node"
                for name in item.names:
                    for member in members(name):
                        parts.setdefault(member, Symbol(kind, member, scope))
        for item in node.items:
            match item:
                case ast.InputItem():
                    self._members(item.names, parts, True)
                    if item.operation is not None:
                        self.expression(item.operation)
                case ast.NodeItem():
                    self._members(item.names, parts, True)
                    self.expression(item.merge)
                case ast.EdgeItem():
                    if not isinstance(item.sources, ast.All):
                        self._members(item.sources, parts, False)
                    self._members(item.targets, parts, False)
                    self.expression(item.operation)
                case ast.OutputItem():
                    outer, self.local = self.local, self.local | parts
                    for value in item.values:
                        self.expression(value)
                    self.local = outer

    def _members(
        self, names: Iterable[ast.Name | ast.Range], parts: Mapping[str, Symbol], declares: bool
    ) -> None:
        for name in names:
            for member in members(name):
                if member in parts:
                    self.add(parts[member], name.span, declares, isinstance(name, ast.Range))

    # -------------------------------------------------------- expressions

    def expression(self, expr: ast.Expr) -> None:
        match expr:
            case ast.Name():
                self._name(expr)
            case ast.Range():
                self._members((expr,), self.local, False)
            case ast.Call():
                self._name(expr.function)
                for argument in expr.arguments:
                    if argument.name is not None:
                        self._argument(expr.function, argument.name)
                    self.expression(argument.value)
                if expr.function.id == "scan":
                    self._carries(expr)
            case ast.Match():
                self._name(expr.subject)
                for arm in expr.arms:
                    if isinstance(arm.value, ast.Name) and arm.value.id in ARMS:
                        self.add(Symbol("built-in", arm.value.id), arm.value.span)
                    self.expression(arm.body)
            case ast.Binary():
                self.expression(expr.left)
                self.expression(expr.right)
            case ast.Chain(steps) | ast.Choice(steps):
                for step in steps:
                    self.expression(step)

    def _name(self, name: ast.Name) -> None:
        if name.id in self.local:
            self.add(self.local[name.id], name.span)
        elif name.id in self.known:
            self.add(Symbol(kind_of(self.known[name.id]), name.id), name.span)
        elif meaning(name) is not None:
            self.add(Symbol("built-in", name.id), name.span)

    def _carries(self, call: ast.Call) -> None:
        """The inputs of its cell that a `scan` names in a string."""
        scan = read_scan(call)
        cell = self._cell_of(scan.cell.id) if isinstance(scan, ScanCall) else None
        if cell is None or not isinstance(scan, ScanCall):
            return
        names = [name for item in cell.items if isinstance(item, ast.InputItem) for name in item.names]
        inputs = {member for name in names for member in members(name)}
        source, start = scan.carry.span.source, scan.carry.span.start
        for found in _WORD.finditer(scan.carry.span.text):
            if found[0] in inputs:
                span = Span(source, start + found.start(), start + found.end())
                self.add(Symbol("input", found[0], parameter_scope(cell)), span)

    def _cell_of(self, name: str) -> ast.CellDecl | None:
        """The cell that a name stands for, through the cells that are copies of it."""
        passed: set[str] = set()
        found = self.known.get(name)
        while isinstance(found, ast.AliasDecl) and found.name.id not in passed:
            passed.add(found.name.id)
            value = found.value.function if isinstance(found.value, ast.Call) else found.value
            found = self.known.get(value.id)
        return found if isinstance(found, ast.CellDecl) else None

    def _argument(self, function: ast.Name, name: ast.Name) -> None:
        called = self.known.get(function.id)
        if function.id == "scan" and name.id in OF_SCAN:
            self.add(Symbol("built-in", name.id), name.span)
        if called is not None and function.id not in self.local and _has(called, name.id):
            self.add(Symbol("parameter", name.id, parameter_scope(called)), name.span)


def _has(declaration: NamedDecl | ast.NetworkDecl, parameter: str) -> bool:
    return any(each.name.id == parameter for each in getattr(declaration, "parameters", ()))


def _entries(value: ast.SettingValue) -> list[ast.StageEntry]:
    if isinstance(value, ast.StageLiteral):
        return list(value.entries)
    return (
        [entry for item in value.items for entry in _entries(item)]
        if isinstance(value, ast.ListLiteral)
        else []
    )
