"""What may be written at the cursor: keywords, operations, nodes, settings and their values, imports."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lsprotocol import types as lsp

from dartsl.lang.check.resolve import NamedDecl
from dartsl.lang.codes.source import Span
from dartsl.lang.fixes import import_edit
from dartsl.lang.records.inputs import INPUTS
from dartsl.lang.records.record import MERGES
from dartsl.lang.settings.schedules import SHAPES
from dartsl.lang.settings.stages import OWN
from dartsl.lang.settings.values import CONFIGS, accepted, written
from dartsl.lang.syntax import library
from dartsl.lang.syntax.ast import CellDecl
from dartsl.lang.syntax.grammar import VERSIONS, grammar
from dartsl.lang.syntax.resources import shipped_specs
from dartsl.lsp.documents import Document
from dartsl.lsp.faults import text_edit
from dartsl.lsp.names import kind_of
from dartsl.lsp.spot import Spot, spot_at
from dartsl.lsp.wording import (
    ARMS,
    OF_SCAN,
    about_setting,
    about_value,
    block,
    settings,
    signature,
)

Kind = lsp.CompletionItemKind
_KINDS = {"operation": Kind.Function, "choice": Kind.Enum, "cell": Kind.Class}
_REST = re.compile(r'[\w./-]*(?=")')  # what stands behind the cursor in a string that is closed
_FIRST, _SECOND, _LAST = "0", "1", "2"  # how items are sorted: what is at hand before keywords, imports last


def completion(document: Document, offset: int) -> list[lsp.CompletionItem]:
    spot = spot_at(document.source, offset)
    if spot.comment:
        return []
    if spot.headless:
        return [lsp.CompletionItem(f"darts {version}", kind=Kind.Keyword) for version in reversed(VERSIONS)]
    if spot.quoted is not None:
        return list(_in_string(document, spot, offset))
    if spot.names_something:
        return []
    found = {
        item.label: item for item in (*_keywords(spot), *_names(document, spot))
    }  # a name before a keyword
    return list(found.values())


def _keywords(spot: Spot) -> Iterator[lsp.CompletionItem]:
    rules, block = grammar(spot.version), spot.where.rpartition(" ")[2]
    for kind in sorted(spot.accepts):
        word = rules.spelling.get(kind, "")
        idle = kind in ("TRUE", "FALSE") and not _takes_booleans(spot, block)
        if word.isidentifier() and not idle:
            yield lsp.CompletionItem(word, kind=Kind.Keyword, sort_text=_SECOND + word)


def _takes_booleans(spot: Spot, block: str) -> bool:
    """Whether a boolean has a meaning at a place; the grammar takes one wherever it takes a number."""
    if block in CONFIGS:
        spec = settings(block).get(spot.setting or "")
        return spec is not None and isinstance(spec.default, bool)
    return spot.called is not None or (spot.last == "EQUAL" and spot.depth > 0)


def _names(document: Document, spot: Spot) -> Iterator[lsp.CompletionItem]:
    """The names that may stand at a place, by the statement that is open there."""
    block = spot.where.rpartition(" ")[2]
    if block in CONFIGS:
        yield from _settings(document, spot, block)
    if "NAME" not in spot.accepts or block in CONFIGS:
        return
    if spot.arm:
        yield from _plain(ARMS, Kind.Keyword)
        return
    yield from _arguments(document, spot)
    match spot.where:
        case "cell edge" if not spot.after("COLON"):
            yield from _plain(spot.members, Kind.Variable)
        case "cell output" if spot.after("MORETHAN"):
            yield from _plain(["mix_bn"], Kind.Function)
        case "cell output":
            yield from _plain(MERGES, Kind.Keyword)
            yield from _plain(spot.members, Kind.Variable)
        case "cell node" if not spot.after("MORETHAN"):
            yield from _plain(MERGES, Kind.Keyword)
        case "network input" if spot.depth:
            yield from _plain(dict.fromkeys([*spot.parameters, "C"]), Kind.TypeParameter)
        case "network input":
            yield from _plain((w for w, each in INPUTS.items() if each.since <= spot.version), Kind.Keyword)
        case "network stage" if spot.after("WIDTH"):
            yield from _plain(dict.fromkeys([*spot.parameters, "C"]), Kind.TypeParameter)
        case _:
            yield from _plain(_demanded(spot), Kind.TypeParameter)
            yield from _plain((word for word, merge in MERGES.items() if not merge.state), Kind.Function)
            if spot.where == "network stage":
                yield from _plain(["scan"], Kind.Function)
            yield from _declared(document, spot)


def _demanded(spot: Spot) -> list[str]:
    """The parameters of the open declaration, and what is asked of the body that is open."""
    asked = ["C"] if spot.where.startswith("network") else ["C", "stride"]
    later = ["Cin", "shape"] if spot.version > 1 and not spot.where.startswith("network") else []
    return list(dict.fromkeys([*spot.parameters, *asked, *later]))


def _plain(words: Iterable[str], kind: Kind) -> Iterator[lsp.CompletionItem]:
    return (lsp.CompletionItem(word, kind=kind, sort_text=_FIRST + word) for word in words)


# ------------------------------------------------------------------ operations


def _declared(document: Document, spot: Spot) -> Iterator[lsp.CompletionItem]:
    """Operations, choices where they may stand, cells in stages and aliases; those of the library with their import."""
    edges = ("cell edge", "ops") if spot.version > 1 else ()  # where cells are operations
    cells = spot.where in ("network stage", "cell", *edges)
    offered = ("cell node", "network stage") if spot.version > 1 else ()  # as in edges
    choices = spot.where in ("cell edge", "ops", *offered)
    choices = choices or (spot.where == "cell" and spot.last in ("LPAR", "COMMA"))
    kinds = {"operation", *(("cell",) if cells else ()), *(("choice",) if choices else ())}
    for name, declaration in document.declared.items():
        is_open = isinstance(declaration, CellDecl) and bool(declaration.parameters)
        if kind_of(declaration) in kinds and not (is_open and spot.where != "cell"):
            yield _item(declaration, document.comment_of(declaration), _FIRST + name)
    if not document.readable:
        return
    for name, (file, other) in library.declared().items():
        if name in document.declared or not isinstance(other, NamedDecl) or kind_of(other) not in kinds:
            continue
        item = _item(other, "", _LAST + name)
        item.label_details = lsp.CompletionItemLabelDetails(description=file)
        item.additional_text_edits = [text_edit(document, import_edit(document.source, file))]
        yield item


def _item(declaration: NamedDecl, comment: str, sort: str) -> lsp.CompletionItem:
    text = block(declaration.span.text) + (f"\n\n{comment}" if comment else "")
    return lsp.CompletionItem(
        declaration.name.id,
        kind=_KINDS[kind_of(declaration)],
        detail=signature(declaration),
        documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, text),
        sort_text=sort,
    )


def _arguments(document: Document, spot: Spot) -> Iterator[lsp.CompletionItem]:
    """The parameters of the call in whose brackets the cursor is, as named arguments."""
    if spot.called == "scan":
        yield from (_argument(name, spot) for name in OF_SCAN)
        return
    called = document.declared.get(spot.called or "")
    for parameter in getattr(called, "parameters", ()):
        yield _argument(parameter.name.id, spot)


def _argument(name: str, spot: Spot) -> lsp.CompletionItem:
    return lsp.CompletionItem(
        f"{name} =", kind=Kind.Field, insert_text=f"{name} = ", filter_text=name, sort_text=_FIRST + name,
        detail=f"of {spot.called}",
    )  # fmt: skip


# -------------------------------------------------------------------- settings


def _settings(document: Document, spot: Spot, kind: str) -> Iterator[lsp.CompletionItem]:
    """The names of settings that are not given yet, or the values of the one that is."""
    known = {name: spec for name, spec in settings(kind).items() if spec.metadata["since"] <= spot.version}
    if spot.called == "stage":
        parameters = (p.name.id for network in document.networks for p in network.parameters)
        yield from _plain(dict.fromkeys([*OWN, *parameters]), Kind.Field)
        return
    given = spot.setting
    if given is not None:
        spec = known.get(given)
        values = [] if spec is None else [written(value) for value in accepted(spec) or ()]
        yield from _plain([each for each in values if "STRING" in spot.accepts], Kind.EnumMember)
        if "SCHEDULE" in spot.accepts and spec is not None and spec.default.__class__.__name__ == "Schedule":
            yield from _plain(SHAPES, Kind.Function)
        return
    if "NAME" in spot.accepts:
        for name, spec in known.items():
            if name not in spot.given:
                yield lsp.CompletionItem(
                    name,
                    kind=Kind.Property,
                    detail=f"{written(spec.default)} by default",
                    documentation=lsp.MarkupContent(lsp.MarkupKind.Markdown, about_setting(kind, spec)),
                    insert_text=f"{name} = ",
                    sort_text=_FIRST + name,
                )


def _in_string(document: Document, spot: Spot, offset: int) -> Iterator[lsp.CompletionItem]:
    """The paths of an import, or the values of a setting."""
    quoted = spot.quoted or ""
    rest = _REST.match(document.source.text, offset)
    end = rest.end() if rest else offset
    place = document.positions.range(Span(document.source, offset - len(quoted), end))
    if spot.last == "IMPORT":
        for path in _paths(document):
            yield lsp.CompletionItem(path, kind=Kind.File, text_edit=lsp.TextEdit(place, path))
        return
    kind = spot.where.rpartition(" ")[2]
    spec = settings(kind).get(spot.setting or "") if kind in CONFIGS else None
    if spec is None:
        return
    for value in accepted(spec) or ():
        yield lsp.CompletionItem(
            value,
            kind=Kind.EnumMember,
            detail=about_value(spec, value) or None,
            text_edit=lsp.TextEdit(place, value),
        )


def _paths(document: Document) -> Iterator[str]:
    own = document.source.path
    if own is not None and own.parent.is_dir():
        yield from (f"./{each.stem}" for each in sorted(own.parent.glob("*.darts")) if each != own)
    yield from (name for name in shipped_specs() if name.startswith("std/"))
    yield from (name for name in shipped_specs() if not name.startswith("std/"))
