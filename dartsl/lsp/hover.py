"""What stands at a place: an operation's body and cost, an edge's candidates, what a setting means."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsprotocol import types as lsp

from dartsl.lang.codes.source import Span
from dartsl.lang.syntax import ast
from dartsl.lsp.costs import candidates, first_use, network_cost, placed
from dartsl.lsp.documents import Document
from dartsl.lsp.names import Occurrence, parameter_scope
from dartsl.lsp.wording import WORDS, about_setting, block, expanded, settings, signature

MOST_EDGES = 3  # of a statement whose candidates are listed


def hover(document: Document, offset: int) -> lsp.Hover | None:
    found = document.at(offset)
    if found:
        one = found[0]
        text = _about(document, one)
        return _hover(document, text, one.span) if text else None
    item = _edge_at(document, offset)
    if item is None:
        return None
    text = "\n\n".join(_about_edge(document, item))
    return _hover(document, text, item.span) if text else None


def _hover(document: Document, text: str, span: Span) -> lsp.Hover:
    content = lsp.MarkupContent(lsp.MarkupKind.Markdown, text)
    return lsp.Hover(content, document.positions.range(span))


def _about(document: Document, one: Occurrence) -> str:
    symbol = one.symbol
    match symbol.kind:
        case "setting":
            known = settings(symbol.scope[0]).get(symbol.name)
            return "" if known is None else about_setting(symbol.scope[0], known)
        case "operation" | "choice" | "cell":
            return "\n\n".join(_about_declared(document, one))
        case "network":
            cost = network_cost(document, symbol.name)
            network = next(each for each in document.networks if each.name.id == symbol.name)
            return "\n\n".join(filter(None, (block(f"network {signature(network)}"), cost)))
        case "built-in":
            return f"`{symbol.name}`: {WORDS[symbol.name]}"
        case "parameter":
            return _about_parameter(document, one)
        case "input" | "node":
            return f"`{symbol.name}`, {'an input' if symbol.kind == 'input' else 'a node'} of `{symbol.scope[1]}`"
    return ""


def _about_declared(document: Document, one: Occurrence) -> Iterator[str]:
    declaration = document.declared[one.symbol.name]
    shown = declaration.span.text or f"extern op {signature(declaration)}"
    yield block(shown)
    comment = document.comment_of(declaration)
    if comment:
        yield comment
    if one.symbol.kind != "operation":
        return
    call = None if one.declares or document.root is None else call_at(document.root, one.span)
    if call is not None and isinstance(declaration, ast.OpDecl) and declaration.parameters:
        yield block(expanded(declaration, call))
    place = first_use(document, one.symbol.name) if call is None else placed(document, call.span)
    if place is not None:
        yield place.text()


def _about_parameter(document: Document, one: Occurrence) -> str:
    owners = [*document.declared.values(), *document.networks]
    owner = next((each for each in owners if parameter_scope(each) == one.symbol.scope), None)
    return "" if owner is None else f"`{one.symbol.name}`, a parameter of\n\n{block(signature(owner))}"


# ----------------------------------------------------------------------- edges


def _edge_at(document: Document, offset: int) -> ast.EdgeItem | None:
    for declaration in document.root.declarations if document.root else ():
        for item in declaration.items if isinstance(declaration, ast.CellDecl) else ():
            if isinstance(item, ast.EdgeItem) and item.span.start <= offset <= item.span.end:
                return item
    return None


def _about_edge(document: Document, item: ast.EdgeItem) -> Iterator[str]:
    cells = document.spec.cells.values() if document.spec else ()
    cell = next((each for each in cells if any(edge.span == item.span for edge in each.edges)), None)
    if cell is None:
        return
    edges = [edge for edge in cell.edges if edge.span == item.span]
    first, count = edges[0], len(edges)
    shown = ", ".join(f"`{edge.name}`" for edge in edges[:MOST_EDGES])
    more = f" and {count - MOST_EDGES} more" if count > MOST_EDGES else ""
    yield f"{count} edge{'s' * (count > 1)} of `{cell.name}`: {shown}{more}"
    places = candidates(document, first, cell.name)
    if places is None:
        yield "\n".join(f"* `{each.label}`" for each in first.candidates)
        return
    yield f"candidates, on `{first.name}`:"
    pairs = zip(first.candidates, places, strict=True)
    yield "\n".join(f"* `{candidate.label}` {place.text()}" for candidate, place in pairs)


# ----------------------------------------------------------------------- calls


def call_at(file: ast.File, name: Span) -> ast.Name | ast.Call | None:
    """The call, or the bare name, whose name stands at a place."""
    return next((each for each in _calls(_expressions(file)) if _name_of(each) == name), None)


def _name_of(expr: ast.Name | ast.Call) -> Span:
    return expr.function.span if isinstance(expr, ast.Call) else expr.span


def _expressions(file: ast.File) -> Iterator[ast.Expr]:
    for node in file.declarations:
        match node:
            case ast.OpDecl() | ast.OpsDecl():
                yield node.body
            case ast.AliasDecl():
                yield node.value
            case ast.CellDecl() | ast.NetworkDecl():
                for item in node.items:
                    match item:
                        case ast.InputItem() if item.operation is not None:
                            yield item.operation
                        case ast.EdgeItem() | ast.StemItem() | ast.HeadItem():
                            yield item.operation
                        case ast.NodeItem():
                            yield item.merge
                        case ast.StageItem():
                            yield item.layers


def _calls(expressions: Iterable[ast.Expr]) -> Iterator[ast.Name | ast.Call]:
    for expr in expressions:
        match expr:
            case ast.Name():
                yield expr
            case ast.Call():
                yield expr
                yield from _calls(argument.value for argument in expr.arguments)
            case ast.Match():
                yield from _calls(arm.body for arm in expr.arms)
            case ast.Binary():
                yield from _calls((expr.left, expr.right))
            case ast.Chain(parts) | ast.Choice(parts):
                yield from _calls(parts)
