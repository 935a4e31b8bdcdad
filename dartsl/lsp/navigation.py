"""Where a name is declared and used, and giving it another one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from lsprotocol import types as lsp

from dartsl.lang.check.resolve import LAYER, meaning
from dartsl.lang.checker import target_of
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Span
from dartsl.lang.syntax import ast
from dartsl.lang.syntax.grammar import VERSIONS, keywords
from dartsl.lang.syntax.paths import resolved
from dartsl.lang.syntax.resources import specs_dir
from dartsl.lsp.documents import Document, Documents, uri_of
from dartsl.lsp.names import Symbol

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
MOST_FILES = 200  # that are looked through for uses of what a file declares


def symbol_at(document: Document, offset: int) -> Symbol | None:
    found = document.at(offset)
    return found[0].symbol if found else None


def definition(document: Document, offset: int) -> list[lsp.Location]:
    symbol = symbol_at(document, offset)
    if symbol is None:
        return []
    if symbol.kind == "import":
        return _imported(document, symbol.name)
    return [
        place
        for file in document.loaded.files
        for one in document.names_in(file)
        if one.declares and one.symbol == symbol and (place := _location(document, one.span)) is not None
    ][:1]


def _imported(document: Document, path: str) -> list[lsp.Location]:
    start = lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0))
    items = [item for item in (document.root.imports if document.root else ()) if item.path.value == path]
    found = target_of(document.root, items[0]) if document.root and items else None
    return [lsp.Location(uri_of(found), start)] if found is not None and found.is_file() else []


def _location(document: Document, span: Span) -> lsp.Location | None:
    place = document.location(span)
    return None if place is None else lsp.Location(place[0], place[1].range(span))


def references(
    documents: Documents, document: Document, offset: int, declaration: bool
) -> list[lsp.Location]:
    """The places of a name in the files of its spec, and in those beside and above it that import them."""
    symbol = symbol_at(document, offset)
    if symbol is None:
        return []
    found = [
        place
        for one, owner in _uses(documents, document, symbol)
        if declaration or not one[1]
        if (place := _location(owner, one[0])) is not None
    ]
    return list(
        {(each.uri, each.range.start.line, each.range.start.character): each for each in found}.values()
    )


def _uses(
    documents: Documents, document: Document, symbol: Symbol
) -> Iterator[tuple[tuple[Span, bool], Document]]:
    """Each place of a symbol, with whether it is declared there, and the text whose spec the place is of; each file
    once, the document's own as it is in the editor."""
    seen: set[Path] = set()
    for owner in _readers(documents, document, symbol):
        for file in owner.loaded.files:
            path = resolved(file.source.path) if file.source.path else Path()
            if path in seen:
                continue
            seen.add(path)
            for one in owner.names_in(file):
                if one.symbol == symbol:
                    yield (one.span, one.declares), owner


def _readers(documents: Documents, document: Document, symbol: Symbol) -> Iterator[Document]:
    """A text, and the specs, open or not, that import the file in which a symbol of it is declared."""
    yield document
    path = _declaring(document, symbol)
    if path is None or not path.is_file():
        return
    declaring, own = resolved(path), document.source.path
    for other in _above(path):
        if own is not None and resolved(other) == resolved(own):
            continue
        reader = documents.get(uri_of(other))
        if any(
            f.source.path is not None and resolved(f.source.path) == declaring for f in reader.loaded.files
        ):
            yield reader


def _declaring(document: Document, symbol: Symbol) -> Path | None:
    """The file of the user's in which a symbol is declared; the text's own where that comes with dartsl, or is none."""
    shipped = resolved(specs_dir())
    for file in document.loaded.files:
        path = file.source.path
        own = path is not None and not resolved(path).is_relative_to(shipped)
        if own and any(one.declares and one.symbol == symbol for one in document.names_in(file)):
            return path
    return document.source.path


def _above(path: Path) -> Iterator[Path]:
    """The specs beside a file and in the folders above it, as far as they are few: no other ones can import it."""
    found = (each for folder in path.parents for each in sorted(folder.glob("*.darts")))
    return islice((each for each in found if os.path.isfile(each)), MOST_FILES)


# ---------------------------------------------------------------------- rename


def renamed(documents: Documents, document: Document, offset: int, name: str) -> lsp.WorkspaceEdit:
    """The edits that give what stands at a place another name. Raises UserError, which says why not."""
    symbol = require_renamable(document, offset)
    for reader in _readers(documents, document, symbol):
        if not reader.sound:
            raise UserError(
                f"mend the syntax of {reader.source.name} first: what cannot be read would keep the name"
            )
        _require_free(reader, symbol, name)
    changes: dict[str, list[lsp.TextEdit]] = {}
    for (span, _), owner in _uses(documents, document, symbol):
        place = _location(owner, span)
        if place is not None and span.text == symbol.name:
            if (
                place.uri != document.uri
                and Document(place.uri, documents.text_of(place.uri)).source.text != span.source.text
            ):
                documents.forget()
                raise UserError(f"{span.source.name} has changed on disk meanwhile: try again")
            edit = lsp.TextEdit(place.range, name)
            edits = changes.setdefault(place.uri, [])
            if edit not in edits:
                edits.append(edit)
    return lsp.WorkspaceEdit(changes=changes)


def require_renamable(document: Document, offset: int) -> Symbol:
    """What stands at a place, if it can have another name. Raises UserError."""
    found = document.at(offset)
    if not found:
        raise UserError("there is no name here")
    symbol = found[0].symbol
    if symbol.kind in ("setting", "built-in", "import"):
        raise UserError(f"`{symbol.name}` is a word of the language")
    mine = [one for one in document.names if one.symbol == symbol]
    if any(one.spread for one in mine):
        raise UserError(f"`{symbol.name}` is one of a range: name the nodes one by one first")
    if not document.sound:
        raise UserError("mend the syntax first: what cannot be read would keep the name")
    folder = document.source.path.parent if document.source.path else Path()
    for file in document.loaded.files[:-1]:
        outside = file.source.path is None or not resolved(file.source.path).is_relative_to(resolved(folder))
        if outside and any(one.declares and one.symbol == symbol for one in document.names_in(file)):
            raise UserError(f"`{symbol.name}` comes with dartsl, in {file.source.name}")
    return symbol


def _require_free(document: Document, symbol: Symbol, name: str) -> None:
    """Raises UserError for what is no name, is reserved, or stands for something else where the symbol is used."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"`{name}` is not a name", "names are ASCII letters, digits and `_`, not starting with a digit"
        )
    version = document.source.version
    span = Span(document.source, 0, 0)
    width = name == "C" and symbol.kind == "parameter" and symbol.scope[:1] == ("network",)
    kept = symbol.kind != "network" and not width and meaning(ast.Name(name, span=span)) is not None
    layer = symbol.kind == "cell" and version > 1 and LAYER.fullmatch(name) is not None
    if kept or layer or name in keywords(version if version in VERSIONS else VERSIONS[-1]):
        raise UserError(f"`{name}` is reserved")
    if name == symbol.name:
        return
    known = {each.name.id for each in document.networks} if symbol.kind == "network" else document.declared
    spec_wide = name in known
    taken = {each.symbol for each in document.names if each.symbol.name == name}
    local = any(
        each.scope == symbol.scope or (not symbol.scope and each.kind in ("parameter", "input", "node"))
        for each in taken
    )
    if spec_wide or local:
        raise UserError(f"the name `{name}` is taken")
