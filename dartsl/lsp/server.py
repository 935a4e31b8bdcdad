"""The server: what an editor asks for, handed to what answers it, by the Language Server Protocol over stdio."""

from __future__ import annotations

import asyncio
import time
from typing import Any
from urllib.parse import unquote

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.workspace import TextDocument

import dartsl
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.syntax.printer import print_file
from dartsl.lsp import faults, navigation, outline
from dartsl.lsp.completion import completion
from dartsl.lsp.costs import network_cost
from dartsl.lsp.documents import Document, Documents
from dartsl.lsp.hover import hover
from dartsl.lsp.tokens import LEGEND, semantic_tokens

REFUSED = -32803  # RequestFailed, of the protocol
QUICK = 0.05  # seconds of a check after which the next one follows at once
LONGEST_WAIT = 1.0  # seconds from a change to the check of a text that takes long to check


class DartsServer(LanguageServer):
    """A server with the texts that are open.

    A check that takes long waits, once a text has changed, as long as the last one took, so that fast typing in a large
    text is followed by one check and not by one a letter.
    """

    def __init__(self) -> None:
        super().__init__(
            "dartsl", dartsl.__version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full
        )  # changes of parts are left to the editor: its lines are counted in one way only
        self.documents = Documents(self.text_of, self.open_uris)
        self.waiting: dict[str, asyncio.TimerHandle] = {}
        self.took = 0.0

    def open_text(self, uri: str) -> TextDocument | None:
        found: TextDocument | None = self.workspace.text_documents.get(unquote(uri))  # pygls keeps no escapes
        return found

    def open_uris(self) -> list[str]:
        """Those of the texts that are open, as the editor writes them."""
        return [text.uri for text in list(self.workspace.text_documents.values())]

    def text_of(self, uri: str) -> str:
        """A text as the editor has it, or as it is on disk; an empty one where it is not open and cannot be read."""
        try:
            return self.workspace.get_text_document(uri).source
        except (OSError, ValueError):  # not there, or not UTF-8
            return ""

    def document(self, uri: str) -> Document:
        self.documents.encoding = str(
            getattr(self.workspace.position_encoding, "value", self.workspace.position_encoding)
        )
        return self.documents.get(uri)

    def check_soon(self, uri: str) -> None:
        """Publish what is wrong with a text, once it has not changed for a moment."""
        if uri in self.waiting:
            self.waiting.pop(uri).cancel()
        delay = 0 if self.took < QUICK else min(self.took, LONGEST_WAIT)
        self.waiting[uri] = asyncio.get_running_loop().call_later(delay, self.check, uri)

    def check(self, uri: str) -> None:
        """Publish what is wrong with a text."""
        self.waiting.pop(uri, None)
        text = self.open_text(uri)
        if text is None:
            return
        begun = time.perf_counter()
        found = faults.diagnostics(self.document(uri))
        self.took = time.perf_counter() - begun
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, found, text.version))

    def check_importers(self, uri: str) -> None:
        """Check what imports a text that was opened, changed or closed."""
        for other in self.documents.changed(uri):
            if (text := self.open_text(other)) is not None:
                self.check_soon(text.uri)

    def check_all(self) -> None:
        """Read all open texts anew: a file has changed that they may import."""
        self.documents.forget()
        for uri in self.open_uris():
            self.check_soon(uri)


def make_server() -> DartsServer:
    """A server that knows what it can do."""
    server = DartsServer()
    _follow_texts(server)
    _answer_places(server)
    _answer_texts(server)
    _answer_lenses(server)
    return server


def _follow_texts(server: DartsServer) -> None:
    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        server.check_soon(params.text_document.uri)
        server.check_importers(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        server.check_soon(params.text_document.uri)
        server.check_importers(params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_SAVE)
    def saved(params: lsp.DidSaveTextDocumentParams) -> None:
        server.check_all()

    @server.feature(lsp.INITIALIZED)
    def initialized(params: lsp.InitializedParams) -> None:
        if _watches_files(server.client_capabilities):
            specs = lsp.DidChangeWatchedFilesRegistrationOptions([lsp.FileSystemWatcher("**/*.darts")])
            wanted = lsp.Registration("specs", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, specs)
            server.client_register_capability(lsp.RegistrationParams([wanted]))

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(params: lsp.DidChangeWatchedFilesParams) -> None:
        server.check_all()

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        server.documents.drop(params.text_document.uri)
        server.check_importers(params.text_document.uri)
        server.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(params.text_document.uri, []))


def _watches_files(client: lsp.ClientCapabilities) -> bool:
    """Whether an editor tells of changed files if it is asked to."""
    files = client.workspace.did_change_watched_files if client.workspace else None
    return bool(files and files.dynamic_registration)


def _answer_places(server: DartsServer) -> None:
    """What is asked of a place in a text."""

    def at(params: Any) -> tuple[Document, int]:
        document = server.document(params.text_document.uri)
        return document, document.positions.offset(params.position)

    @server.feature(
        lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionOptions(trigger_characters=['"', "/", "(", ">", "|", ":"])
    )
    def complete(params: lsp.CompletionParams) -> lsp.CompletionList:
        return lsp.CompletionList(is_incomplete=False, items=completion(*at(params)))

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hovered(params: lsp.HoverParams) -> lsp.Hover | None:
        return hover(*at(params))

    @server.feature(lsp.TEXT_DOCUMENT_DEFINITION)
    def define(params: lsp.DefinitionParams) -> list[lsp.Location]:
        return navigation.definition(*at(params))

    @server.feature(lsp.TEXT_DOCUMENT_REFERENCES)
    def refer(params: lsp.ReferenceParams) -> list[lsp.Location]:
        document, offset = at(params)
        return navigation.references(server.documents, document, offset, params.context.include_declaration)

    @server.feature(lsp.TEXT_DOCUMENT_PREPARE_RENAME)
    def prepare(params: lsp.PrepareRenameParams) -> lsp.PrepareRenamePlaceholder:
        document, offset = at(params)
        try:
            symbol = navigation.require_renamable(document, offset)
        except UserError as fault:
            raise JsonRpcException(fault.message, REFUSED) from None
        span = document.at(offset)[0].span
        return lsp.PrepareRenamePlaceholder(document.positions.range(span), symbol.name)

    @server.feature(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameOptions(prepare_provider=True))
    def rename(params: lsp.RenameParams) -> lsp.WorkspaceEdit:
        document, offset = at(params)
        try:
            return navigation.renamed(server.documents, document, offset, params.new_name)
        except UserError as fault:
            raise JsonRpcException(fault.message, REFUSED) from None


def _answer_texts(server: DartsServer) -> None:
    """What is asked of a whole text."""

    @server.feature(
        lsp.TEXT_DOCUMENT_CODE_ACTION,
        lsp.CodeActionOptions(code_action_kinds=[lsp.CodeActionKind.QuickFix, faults.FIX_ALL]),
    )
    def act(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        return faults.actions(server.document(params.text_document.uri), params.range, params.context.only)

    @server.feature(lsp.TEXT_DOCUMENT_FORMATTING)
    def format_text(params: lsp.DocumentFormattingParams) -> list[lsp.TextEdit] | None:
        return formatted(server.document(params.text_document.uri))

    @server.feature(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL)
    def list_symbols(params: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
        return outline.symbols(server.document(params.text_document.uri))

    @server.feature(lsp.TEXT_DOCUMENT_FOLDING_RANGE)
    def fold(params: lsp.FoldingRangeParams) -> list[lsp.FoldingRange]:
        return outline.folding(server.document(params.text_document.uri))

    @server.feature(lsp.TEXT_DOCUMENT_SEMANTIC_TOKENS_FULL, LEGEND)
    def tokens(params: lsp.SemanticTokensParams) -> lsp.SemanticTokens:
        return semantic_tokens(server.document(params.text_document.uri))


def formatted(document: Document) -> list[lsp.TextEdit] | None:
    """The edit that writes a text as `dartsl fmt` does; none where it is so, None where it has syntax faults."""
    if not document.sound or document.root is None:
        return None
    text = print_file(document.root, as_read=True)
    return [] if text == document.text else [lsp.TextEdit(document.positions.whole(), text)]


def _answer_lenses(server: DartsServer) -> None:
    """What stands above cells and networks, which takes longer: on a thread of its own."""

    @server.feature(lsp.TEXT_DOCUMENT_CODE_LENS, lsp.CodeLensOptions(resolve_provider=True))
    def list_lenses(params: lsp.CodeLensParams) -> list[lsp.CodeLens]:
        return outline.lenses(server.document(params.text_document.uri))

    @server.feature(lsp.CODE_LENS_RESOLVE)
    @server.thread()
    def resolve(lens: lsp.CodeLens) -> lsp.CodeLens:
        data: Any = lens.data
        cost = network_cost(server.document(data["uri"]), data["network"])
        lens.command = lsp.Command(cost or "its cost is shown once the spec has no errors", "")
        return lens

    @server.command(outline.DRAW)
    @server.thread()
    def draw(uri: str, cell: str | None = None) -> str | None:
        return drawing(server.document(uri), cell)


def drawing(document: Document, cell: str | None) -> str | None:
    """A cell, or all that the spec has, as SVG; None where they cannot be drawn."""
    from dartsl.graph.render import render

    if document.spec is None:
        return None
    try:
        return render(dartsl.draw(document.spec, cell=cell), "svg").decode()
    except (SpecError, UserError):
        return None
