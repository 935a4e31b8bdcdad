"""A spec typed from nothing, letter by letter: no exception, and the diagnostics of `dartsl check` after each."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from dartsl.api.specs import diagnose
from dartsl.lang.codes.source import Source

pytest.importorskip("pygls")

from lsprotocol import types as lsp

from dartsl.lsp.documents import Document
from tests.lsp.client import Client, client

TYPED = """darts 2  # é𝒳
import "./mine"
cell one {
  input a, b : my_op
  node n0..n1 : sum
  edge all -> n0..n1 : sep_conv(3) | my_op
  output concat(n0..n1)
}
network net(C = 4) {
  input image(1, 8, 8)
  stem conv(3)
}
"""
MINE = "darts 1\nop my_op = relu > conv(1) > bn\n"


def test_200_keystrokes(tmp_path: Path) -> None:
    assert len(TYPED) > 200
    (tmp_path / "mine.darts").write_text(MINE, encoding="utf-8")
    path = tmp_path / "typed.darts"
    texts = [TYPED[:length] for length in range(len(TYPED) + 1)]

    async def session() -> list[list[lsp.Diagnostic]]:
        async with client(tmp_path) as editor:
            editor.open(path.as_uri(), "", 0)
            found = [await editor.diagnostics(path.as_uri(), 0)]
            for version, text in enumerate(texts[1:], 1):
                editor.change(path.as_uri(), text, version)
                found.append(await editor.diagnostics(path.as_uri(), version))
                if version % 20 == 0:
                    await every_answer(editor, path.as_uri(), text)
            assert editor.errors == []
            return found

    async def every_answer(editor: Client, uri: str, text: str) -> None:
        """Ask for all that is asked of a text while one types."""
        text_document = lsp.TextDocumentIdentifier(uri)
        line = text.count("\n")
        units = len(text.rpartition("\n")[2].encode("utf-16-le")) // 2
        place = lsp.Position(line, units)
        whole = lsp.Range(lsp.Position(0, 0), place)
        await editor.text_document_completion_async(lsp.CompletionParams(text_document, place))
        await editor.text_document_hover_async(lsp.HoverParams(text_document, place))
        await editor.text_document_document_symbol_async(lsp.DocumentSymbolParams(text_document))
        await editor.text_document_semantic_tokens_full_async(lsp.SemanticTokensParams(text_document))
        await editor.text_document_folding_range_async(lsp.FoldingRangeParams(text_document))
        await editor.text_document_code_lens_async(lsp.CodeLensParams(text_document))
        await editor.text_document_code_action_async(
            lsp.CodeActionParams(text_document, whole, lsp.CodeActionContext([]))
        )

    for text, found in zip(texts, asyncio.run(session()), strict=True):
        said = diagnose(Source(path.name, text, path)).diagnostics
        assert [(each.code, each.message.split("\n")[0]) for each in found] == [
            (fault.code, fault.title) for fault in said
        ]
        positions = Document(path.as_uri(), text).positions
        for each, fault in zip(found, said, strict=True):
            assert positions.offset(each.range.start) == fault.primary.span.start
            assert positions.offset(each.range.end) == fault.primary.span.end
