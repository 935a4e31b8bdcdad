"""Diagnostics, those of `dartsl check`, and the actions that mend them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lsprotocol import types as lsp

from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.limits import MAX_BYTES
from dartsl.lang.codes.table import page
from dartsl.lang.fixes import Edit, Fix, fix_of, mended
from dartsl.lsp.documents import Document

SOURCE = "dartsl"
FIX_ALL = f"{lsp.CodeActionKind.SourceFixAll.value}.darts"


def diagnostics(document: Document) -> list[lsp.Diagnostic]:
    """What `dartsl check` says of a text; what is wrong in another file stands at the import that brings it in."""
    if not document.readable and not document.faults:
        message = f"a spec has at most {MAX_BYTES:,} bytes"
        return [lsp.Diagnostic(_start(), message, lsp.DiagnosticSeverity.Error, source=SOURCE)]
    return [diagnostic(document, fault) for fault in document.report.diagnostics]


def diagnostic(document: Document, fault: Diagnostic) -> lsp.Diagnostic:
    own = fault.primary.span.source is document.source
    place = fault.primary.span if own else document.import_of(fault.primary.span.source)
    labels = fault.secondary if own else (fault.primary, *fault.secondary)
    error = fault.severity == "error"
    return lsp.Diagnostic(
        range=_start() if place is None else document.positions.range(place),
        message=_message(fault, own),
        severity=lsp.DiagnosticSeverity.Error if error else lsp.DiagnosticSeverity.Warning,
        code=fault.code,
        code_description=lsp.CodeDescription(page(fault.code)),
        source=SOURCE,
        related_information=list(_related(document, labels)) or None,
    )


def _start() -> lsp.Range:
    return lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0))


def _message(fault: Diagnostic, own: bool) -> str:
    span = fault.primary.span
    where = "" if own else f"{span.source.name}:{span.position[0]}: "
    lines = [where + fault.title, fault.primary.text, f"help: {fault.help}" if fault.help else ""]
    return "\n".join(line for line in lines if line)


def _related(document: Document, labels: Iterable[Label]) -> Iterator[lsp.DiagnosticRelatedInformation]:
    for label in labels:
        place = document.location(label.span)
        if place is not None:
            uri, positions = place
            yield lsp.DiagnosticRelatedInformation(
                lsp.Location(uri, positions.range(label.span)), label.text or "here"
            )


def actions(document: Document, place: lsp.Range, only: Iterable[str] | None) -> list[lsp.CodeAction]:
    """The fixes of the faults at a place, and one for all safe fixes of the text."""
    wanted = None if only is None else [str(getattr(kind, "value", kind)) for kind in only]
    found: list[lsp.CodeAction] = []
    if _asks_for(wanted, lsp.CodeActionKind.QuickFix.value):
        start, end = document.positions.offset(place.start), document.positions.offset(place.end)
        for fault in document.report.diagnostics:
            span = fault.primary.span
            if span.source is document.source and span.start <= end and start <= span.end:
                fix = fix_of(fault, document.known)
                found += [] if fix is None else [_action(document, fault, fix)]
    if wanted is not None and _asks_for(wanted, FIX_ALL):
        done = mended(document.source, document.read) if document.readable else None
        if done is not None and done.count:
            edit = lsp.TextEdit(document.positions.whole(), done.source.text)
            found.append(
                _edit("mend all that can have been meant in one way only", FIX_ALL, document, [edit])
            )
    return found


def _asks_for(wanted: list[str] | None, kind: str) -> bool:
    return wanted is None or any(kind == each or kind.startswith(f"{each}.") for each in wanted)


def _action(document: Document, fault: Diagnostic, fix: Fix) -> lsp.CodeAction:
    kind = lsp.CodeActionKind.QuickFix.value
    action = _edit(fix.title, kind, document, [text_edit(document, edit) for edit in fix.edits])
    action.diagnostics = [diagnostic(document, fault)]
    action.is_preferred = fix.safe
    return action


def text_edit(document: Document, edit: Edit) -> lsp.TextEdit:
    """An edit of the document's own text."""
    return lsp.TextEdit(document.positions.range(edit.span), edit.text)


def _edit(title: str, kind: str, document: Document, edits: list[lsp.TextEdit]) -> lsp.CodeAction:
    return lsp.CodeAction(title, kind, edit=lsp.WorkspaceEdit(changes={document.uri: edits}))
