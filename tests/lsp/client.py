"""A client that talks to a real server, `dartsl lsp`, over stdio."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

TIME = 60  # seconds that an answer may take before a test gives up


class Client(LanguageClient):
    """A client that keeps the diagnostics of each version of a text."""

    def __init__(self) -> None:
        super().__init__("test", "1")
        self.found: dict[tuple[str, int | None], list[lsp.Diagnostic]] = {}
        self.errors: list[Exception] = []
        self.registered: list[str] = []
        self.news = asyncio.Condition()

        @self.feature(lsp.WINDOW_LOG_MESSAGE)  # type: ignore[untyped-decorator]
        def logged(params: lsp.LogMessageParams) -> None:
            self.errors.append(AssertionError(params.message))

        @self.feature(lsp.WINDOW_SHOW_MESSAGE)  # type: ignore[untyped-decorator]
        def shown(params: lsp.ShowMessageParams) -> None:
            self.errors.append(AssertionError(params.message))

        @self.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)  # type: ignore[untyped-decorator]
        async def published(params: lsp.PublishDiagnosticsParams) -> None:
            async with self.news:
                self.found[params.uri, params.version] = list(params.diagnostics)
                self.news.notify_all()

        @self.feature(lsp.CLIENT_REGISTER_CAPABILITY)  # type: ignore[untyped-decorator]
        def registered(params: lsp.RegistrationParams) -> None:
            self.registered += [each.method for each in params.registrations]

    def report_server_error(self, error: Exception, source: Any) -> None:
        self.errors.append(error)

    def open(self, uri: str, text: str, version: int = 1) -> None:
        item = lsp.TextDocumentItem(uri, "darts", version, text)
        self.text_document_did_open(lsp.DidOpenTextDocumentParams(item))

    def change(self, uri: str, text: str, version: int) -> None:
        whole = lsp.TextDocumentContentChangeWholeDocument(text)
        self.text_document_did_change(
            lsp.DidChangeTextDocumentParams(lsp.VersionedTextDocumentIdentifier(version, uri), [whole])
        )

    async def diagnostics(self, uri: str, version: int) -> list[lsp.Diagnostic]:
        """Those of one version of a text, once they have come."""
        async with asyncio.timeout(TIME), self.news:
            await self.news.wait_for(lambda: (uri, version) in self.found)
            return self.found[uri, version]


@asynccontextmanager
async def client(folder: Path) -> AsyncIterator[Client]:
    """A client of a server that was started for it; the server has left by itself when this ends."""
    one = Client()
    await one.start_io(sys.executable, "-m", "dartsl", "lsp", "--stdio", cwd=folder)
    files = lsp.DidChangeWatchedFilesClientCapabilities(dynamic_registration=True)
    able = lsp.ClientCapabilities(lsp.WorkspaceClientCapabilities(did_change_watched_files=files))
    asked = lsp.InitializeParams(capabilities=able, root_uri=folder.as_uri())
    async with asyncio.timeout(5 * TIME):  # a whole session, on a machine that is busy
        await one.initialize_async(asked)
        one.initialized(lsp.InitializedParams())
        yield one
        await one.shutdown_async(None)
        one.exit(None)
        await one.stop()  # type: ignore[no-untyped-call]
