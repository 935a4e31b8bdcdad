"""The parts of a text: its symbols, what can be folded, what stands above a cell or a network."""

from __future__ import annotations

from collections.abc import Iterator

from lsprotocol import types as lsp

from dartsl.lang.codes.source import Span
from dartsl.lang.syntax import ast
from dartsl.lsp.documents import Document
from dartsl.lsp.names import members
from dartsl.lsp.wording import signature

DRAW = "dartsl.draw"
_KINDS = {
    ast.OpDecl: lsp.SymbolKind.Function,
    ast.ExternDecl: lsp.SymbolKind.Function,
    ast.OpsDecl: lsp.SymbolKind.Enum,
    ast.CellDecl: lsp.SymbolKind.Class,
    ast.AliasDecl: lsp.SymbolKind.Class,
    ast.NetworkDecl: lsp.SymbolKind.Module,
}


# --------------------------------------------------------------------- symbols


def symbols(document: Document) -> list[lsp.DocumentSymbol]:
    """The declarations of a text; in cells their inputs and nodes, in settings the settings."""
    return [_symbol(document, each) for each in (document.root.declarations if document.root else ())]


def _symbol(document: Document, node: ast.Declaration) -> lsp.DocumentSymbol:
    whole = document.positions.range(node.span)
    if isinstance(node, ast.SettingsDecl):
        inside = [_part(document, each.name, each.name.id, lsp.SymbolKind.Property) for each in node.settings]
        start = Span(node.span.source, node.span.start, node.span.start + len(node.kind))
        selected = document.positions.range(start)
        return lsp.DocumentSymbol(node.kind, lsp.SymbolKind.Object, whole, selected, children=inside)
    return lsp.DocumentSymbol(
        node.name.id,
        _KINDS[type(node)],
        whole,
        document.positions.range(node.name.span),
        detail=signature(node),
        children=list(_members(document, node)) if isinstance(node, ast.CellDecl) else None,
    )


def _members(document: Document, cell: ast.CellDecl) -> Iterator[lsp.DocumentSymbol]:
    for item in cell.items:
        if isinstance(item, ast.InputItem | ast.NodeItem):
            kind = lsp.SymbolKind.Variable if isinstance(item, ast.NodeItem) else lsp.SymbolKind.Field
            for name in item.names:
                for member in members(name):
                    yield _part(document, name, member, kind)


def _part(
    document: Document, node: ast.Name | ast.Range, name: str, kind: lsp.SymbolKind
) -> lsp.DocumentSymbol:
    place = document.positions.range(node.span)
    return lsp.DocumentSymbol(name, kind, place, place)


# --------------------------------------------------------------------- folding


def folding(document: Document) -> list[lsp.FoldingRange]:
    """Declarations of several lines, the imports, and comments that stand on lines below one another."""
    root = document.root
    if root is None:
        return []
    found = [_lines(document, each.span) for each in root.declarations]
    if root.imports:
        found.append((*_lines(document, root.imports[0].span.to(root.imports[-1].span))[:2], "imports"))
    found += _comments(document, root)
    return [
        lsp.FoldingRange(start, end, kind=lsp.FoldingRangeKind(kind))
        for start, end, kind in found
        if end > start
    ]


def _lines(document: Document, span: Span) -> tuple[int, int, str]:
    first, last = span.source.position(span.start)[0], span.source.position(max(span.start, span.end - 1))[0]
    return first - 1, last - 1, "region"


def _comments(document: Document, root: ast.File) -> Iterator[tuple[int, int, str]]:
    runs: list[list[int]] = []  # the first and the last line of each
    for each in root.comments:
        line = root.source.position(each.start)[0] - 1
        if each.own_line and runs and line == runs[-1][1] + 1:
            runs[-1][1] = line
        elif each.own_line:
            runs.append([line, line])
    yield from ((start, end, "comment") for start, end in runs)


# ---------------------------------------------------------------------- lenses


def lenses(document: Document) -> list[lsp.CodeLens]:
    """Above a cell what draws it, above a network what it costs, which is worked out when it is shown."""
    found = []
    for node in document.root.declarations if document.root else ():
        if isinstance(node, ast.AliasDecl) or (isinstance(node, ast.CellDecl) and not node.parameters):
            command = lsp.Command("draw", DRAW, arguments=[document.uri, node.name.id])
            found.append(lsp.CodeLens(document.positions.range(node.name.span), command=command))
        elif isinstance(node, ast.NetworkDecl):
            data = {"uri": document.uri, "network": node.name.id}
            found.append(lsp.CodeLens(document.positions.range(node.name.span), data=data))
    return found
