"""A session with a real server over stdio: every feature, with the right values, in UTF-16 positions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("pygls")

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from dartsl.lang.codes.table import page
from tests.lsp.client import Client, client

PARTS = """darts 1

import "std/cnn"

# What the edges offer.
ops mine = none | sep_conv(3)

op twice(f, k = 1) = f > f > conv(k) > bn
"""
SPEC = """darts 1

import "./parts"

cell one {
  input  a, b : preprocess
  node   n0..n1 : sum keep 2
  node   last : sum
  edge   all -> n0..n1 : mine
  edge   n0, n1 -> last : twice(relu)
  output last
}

network net(C = 4) {
  input image(1, 8, 8)
  stem  conv(3) > bn
  stage one width C
  head  global_avg_pool > linear(10)
}

search {
  data = "𝒳é"  epochs = 3  # 𝒳é
}
"""


class Text:
    """A text that is open, and what is asked at a piece of it."""

    def __init__(self, editor: Client, path: Path, text: str) -> None:
        self.editor, self.uri, self.text = editor, path.as_uri(), text
        self.id = lsp.TextDocumentIdentifier(self.uri)
        self.version = 0
        editor.open(self.uri, text, 0)

    def change(self, old: str, new: str) -> None:
        assert old in self.text
        self.text = self.text.replace(old, new)
        self.version += 1
        self.editor.change(self.uri, self.text, self.version)

    async def faults(self) -> list[lsp.Diagnostic]:
        return await self.editor.diagnostics(self.uri, self.version)

    def position(self, piece: str, after: int = 0) -> lsp.Position:
        """Where a piece of the text starts (or so many characters after that), as the protocol counts."""
        assert piece in self.text, piece
        before = self.text[: self.text.index(piece) + after]
        line = before.rpartition("\n")[2]
        return lsp.Position(before.count("\n"), len(line.encode("utf-16-le")) // 2)

    def range(self, piece: str) -> lsp.Range:
        return lsp.Range(self.position(piece), self.position(piece, len(piece)))

    async def hover(self, piece: str) -> str:
        found = await self.editor.text_document_hover_async(lsp.HoverParams(self.id, self.position(piece)))
        assert found is not None
        assert isinstance(found.contents, lsp.MarkupContent)
        return str(found.contents.value)

    async def complete(self, piece: str, after: int = 0) -> dict[str, lsp.CompletionItem]:
        asked = lsp.CompletionParams(self.id, self.position(piece, after))
        found = await self.editor.text_document_completion_async(asked)
        assert isinstance(found, lsp.CompletionList)
        return {item.label: item for item in found.items}

    async def actions(self, piece: str, *only: str) -> list[lsp.CodeAction]:
        context = lsp.CodeActionContext([], only=list(only) or None)
        asked = lsp.CodeActionParams(self.id, self.range(piece), context)
        found = await self.editor.text_document_code_action_async(asked)
        return [each for each in found or () if isinstance(each, lsp.CodeAction)]

    def after(self, edits: object) -> str:
        """The text with edits made."""
        assert isinstance(edits, list | tuple)
        lines = self.text.splitlines(keepends=True)
        for edit in sorted(edits, key=lambda each: each.range.start, reverse=True):
            start, end = (_offset(lines, place) for place in (edit.range.start, edit.range.end))
            lines = ("".join(lines)[:start] + edit.new_text + "".join(lines)[end:]).splitlines(keepends=True)
        return "".join(lines)


def _offset(lines: list[str], place: lsp.Position) -> int:
    line = lines[place.line] if place.line < len(lines) else ""
    column = len(line.encode("utf-16-le")[: 2 * place.character].decode("utf-16-le"))
    return sum(map(len, lines[: place.line])) + column


def test_a_session(tmp_path: Path) -> None:
    tmp_path = tmp_path / "é +(@) %41"  # whose URI has escapes
    tmp_path.mkdir()
    (tmp_path / "parts.darts").write_text(PARTS, encoding="utf-8")
    (tmp_path / "mine.darts").write_text(SPEC, encoding="utf-8")

    async def session() -> None:
        async with client(tmp_path) as editor:
            mine = Text(editor, tmp_path / "mine.darts", SPEC)
            assert await mine.faults() == []
            await look(mine)
            await go(mine, tmp_path)
            await rename(mine, tmp_path)
            await outline(mine)
            await complete(mine)
            await mend(mine)
            await follow(mine, tmp_path)
            await torch_is_not_there(mine)
            assert editor.errors == []

    asyncio.run(session())


async def look(mine: Text) -> None:
    """Hovers and lenses."""
    called = await mine.hover("twice(relu)")
    assert "op twice(f, k = 1) = f > f > conv(k) > bn" in called
    assert "twice(relu) = relu > relu > conv(1) > bn" in called
    assert (
        "on n0 -> last of one, layer0 of net: (4, 8, 8) to (4, 8, 8), 24 parameters once found, 1,024 multiply-adds"
        in called
    )
    assert "What the edges offer." in await mine.hover("mine\n")
    edges = await mine.hover("edge   all")
    assert edges.startswith("5 edges of `one`: `a -> n0`, `b -> n0`, `a -> n1` and 2 more")
    # 2*(9*4 + 4*4 + 8) parameters of two separable convolutions, 8*8 places
    assert (
        "* `sep_conv(3)` in layer0 of net: (4, 8, 8) to (4, 8, 8), 120 parameters once found, 6,656 multiply-adds"
        in edges
    )
    setting = await mine.hover("epochs")
    assert "passes over the weights' half of the training data" in setting
    assert "default: `50`" in setting
    assert "from 1 to 1000000" in setting
    assert "a parameter of" in await mine.hover("C = 4")
    lenses = await mine.editor.text_document_code_lens_async(lsp.CodeLensParams(mine.id))
    assert lenses is not None
    cell, network = lenses
    assert cell.range == mine.range("one")
    assert cell.command == lsp.Command("draw", "dartsl.draw", arguments=(mine.uri, "one"))
    shown = await mine.editor.code_lens_resolve_async(network)
    assert shown.command is not None
    assert shown.command.title in await mine.hover("net(")
    assert shown.command.title.endswith(" multiply-adds per image")
    asked = lsp.ExecuteCommandParams("dartsl.draw", [mine.uri, "one"])
    picture = await mine.editor.workspace_execute_command_async(asked)
    assert isinstance(picture, str)
    assert "<svg" in picture
    assert "last" in picture


async def go(mine: Text, folder: Path) -> None:
    """Definitions and references, in this file and in others."""

    async def defined(piece: str) -> lsp.Location:
        asked = lsp.DefinitionParams(mine.id, mine.position(piece))
        found = await mine.editor.text_document_definition_async(asked)
        assert isinstance(found, list | tuple)
        assert isinstance(found[0], lsp.Location)
        return found[0]

    parts = (folder / "parts.darts").as_uri()
    assert (await defined("twice")).uri == parts
    assert (await defined("twice")).range == lsp.Range(lsp.Position(7, 3), lsp.Position(7, 8))
    assert (await defined('"./parts"')).uri == parts
    assert (await defined("preprocess")).uri.endswith("/std/cnn.darts")
    assert (await defined("global_avg_pool")).uri.endswith("/std/prelude.darts")
    assert (await defined("n1 -> last")).range == mine.range("n0..n1")
    assert (await defined("one width")).range == mine.range("one")
    context = lsp.ReferenceContext(include_declaration=True)
    other = Text(mine.editor, folder / "parts.darts", PARTS)
    asked = lsp.ReferenceParams(context, other.id, other.position("mine"))
    found = await mine.editor.text_document_references_async(asked)
    assert found is not None
    assert {(each.uri, each.range.start.line) for each in found} == {(other.uri, 5), (mine.uri, 8)}
    inside = lsp.ReferenceParams(lsp.ReferenceContext(False), mine.id, mine.position("last : sum"))
    found = await mine.editor.text_document_references_async(inside)
    assert [each.range.start.line for each in found or ()] == [9, 10]


async def rename(mine: Text, folder: Path) -> None:
    async def named(piece: str, name: str, text: Text = mine) -> lsp.WorkspaceEdit:
        asked = lsp.RenameParams(text.id, text.position(piece), name)
        found = await mine.editor.text_document_rename_async(asked)
        assert found is not None
        return found

    edit = await named("last", "end")
    assert edit.changes is not None
    assert mine.after(edit.changes[mine.uri]) == SPEC.replace("last", "end")
    parts = Text(mine.editor, folder / "parts.darts", PARTS)
    both = (await named("twice", "thrice", parts)).changes
    assert both is not None
    assert mine.after(both[mine.uri]) == SPEC.replace("twice", "thrice")
    assert parts.after(both[parts.uri]) == PARTS.replace("twice", "thrice")
    (folder / "reader.darts").write_text('darts 1\nimport "./mine"\nop taken = relu\n', encoding="utf-8")
    with pytest.raises(
        JsonRpcException, match="the name `taken` is taken"
    ):  # in a file that imports this one
        await named("one", "taken")
    (folder / "reader.darts").write_text('darts 1\nimport "./mine"\nop = relu\n', encoding="utf-8")
    with pytest.raises(JsonRpcException, match=r"mend the syntax of reader.darts first"):
        await named("one", "two")
    (folder / "reader.darts").write_bytes(b'darts 1\n# \xe9\nimport "./mine"\n')  # which no check can read
    (folder / "link.darts").symlink_to("nowhere")
    edit = await named("last", "end")
    assert edit.changes is not None
    assert mine.after(edit.changes[mine.uri]) == SPEC.replace("last", "end")
    (folder / "link.darts").unlink()
    (folder / "reader.darts").unlink()
    gone = lsp.ExecuteCommandParams("dartsl.draw", [(folder / "gone.darts").as_uri(), None])
    assert await mine.editor.workspace_execute_command_async(gone) is None
    for piece, name, why in (
        ("last", "sum", "reserved"),
        ("last", "edge", "reserved"),
        ("last", "n0", "taken"),
        ("one", "twice", "taken"),
        ("last", "1st", "not a name"),
        ("n0, n1", "n5", "range"),
        ("preprocess", "prepare", "comes with dartsl"),
        ("epochs", "rounds", "a word of the language"),
    ):
        with pytest.raises(JsonRpcException, match=why):
            await named(piece, name)
    prepared = lsp.PrepareRenameParams(mine.id, mine.position("last"))
    found = await mine.editor.text_document_prepare_rename_async(prepared)
    assert found == lsp.PrepareRenamePlaceholder(mine.range("last"), "last")


async def outline(mine: Text) -> None:
    """Symbols, folding, tokens, formatting."""
    symbols = await mine.editor.text_document_document_symbol_async(lsp.DocumentSymbolParams(mine.id))
    named = [(each.name, [child.name for child in each.children or ()]) for each in symbols or ()]  # type: ignore[union-attr]
    assert named == [("one", ["a", "b", "n0", "n1", "last"]), ("net", []), ("search", ["data", "epochs"])]
    folds = await mine.editor.text_document_folding_range_async(lsp.FoldingRangeParams(mine.id))
    assert [(each.start_line, each.end_line) for each in folds or ()] == [(4, 11), (13, 18), (20, 22)]
    tokens = await mine.editor.text_document_semantic_tokens_full_async(lsp.SemanticTokensParams(mine.id))
    assert tokens is not None
    assert mine.range("epochs").start.character == 16  # two units before it are one letter
    assert (21, 16, 6, "property") in list(decoded(tokens.data))
    assert (9, 26, 5, "function") in list(decoded(tokens.data))
    assert (4, 5, 3, "class") in list(decoded(tokens.data))
    asked = lsp.DocumentFormattingParams(mine.id, lsp.FormattingOptions(2, True))
    edits = await mine.editor.text_document_formatting_async(asked)
    assert 'data   = "𝒳é"\n  epochs = 3  # 𝒳é\n' in mine.after(edits)


def decoded(data: object) -> list[tuple[int, int, int, str]]:
    from dartsl.lsp.tokens import TYPES

    assert isinstance(data, list | tuple)
    found, line, column = [], 0, 0
    for place in range(0, len(data), 5):
        below, after, length, kind, _ = data[place : place + 5]
        line, column = line + below, after + (0 if below else column)
        found.append((line, column, length, TYPES[kind]))
    return found


async def complete(mine: Text) -> None:
    ops = await mine.complete(": twice", 2)
    assert ops["twice"].detail == "twice(f, k = 1)"
    assert ops["sep_conv"].detail == "sep_conv(k)"
    assert "last" not in ops
    assert {"a", "b", "n0", "n1", "last", "all"} <= (await mine.complete("edge   all", 7)).keys()
    assert {"sum", "concat", "last"} <= (await mine.complete("output last", 7)).keys()
    settings = await mine.complete("epochs")
    assert settings["lr"].detail == "0.025 by default"
    assert "initial learning rate" in settings["lr"].documentation.value  # type: ignore[union-attr]
    assert "data" not in settings  # it is given
    assert {"cell", "network", "op"} <= (await mine.complete("network net")).keys()
    assert {"one", "conv"} <= (await mine.complete("stage one", 6)).keys()
    assert "std/cnn" in await mine.complete('"./parts', 1)
    assert (await mine.complete("# 𝒳é", 3)) == {}
    assert "k =" in await mine.complete("twice(relu)", 6)
    mine.change("epochs = 3", 'relaxation = "s')
    values = await mine.complete('"s', 2)
    assert {"softmax", "gumbel"} <= values.keys()
    mine.change('relaxation = "s', "epochs = 3")


async def mend(mine: Text) -> None:
    """Diagnostics in a text that was not saved, quick fixes, and all safe fixes at once."""
    mine.change("epochs = 3", "epoks = 3")
    (fault,) = await mine.faults()
    assert fault.range == mine.range("epoks")
    assert (fault.code, fault.severity) == ("E0602", lsp.DiagnosticSeverity.Error)
    assert fault.code_description == lsp.CodeDescription(page("E0602"))
    (action,) = await mine.actions("epoks")
    assert (action.title, action.is_preferred) == ("change to `epochs`", False)
    assert action.edit is not None
    assert action.edit.changes is not None
    assert mine.after(action.edit.changes[mine.uri]) == SPEC
    mine.change("epoks", "EPOCHS")
    mine.change('import "./parts"\n', "")
    mine.change("mine\n", "darts\n")
    mine.change("twice(relu)", "relu")
    titles = [each.title for piece in ("preprocess", "darts\n") for each in await mine.actions(piece)]
    assert 'add `import "std/cnn"`' in titles
    (everything,) = await mine.actions("cell one", "source.fixAll")
    assert everything.edit is not None
    assert everything.edit.changes is not None
    whole = mine.after(everything.edit.changes[mine.uri])
    assert 'import "std/cnn"' in whole
    assert "epochs = 3" in whole
    mine.change("node   last", "noed   last")
    assert [each.code for each in await mine.faults()] == ["E0100"]
    with pytest.raises(JsonRpcException, match="mend the syntax first"):
        await mine.editor.text_document_rename_async(lsp.RenameParams(mine.id, mine.position("one"), "two"))
    asked = lsp.DocumentFormattingParams(mine.id, lsp.FormattingOptions(2, True))
    assert await mine.editor.text_document_formatting_async(asked) is None
    assert "edge" in await mine.complete("edge   all")  # a broken line above


async def follow(mine: Text, folder: Path) -> None:
    """A file that is imported changes on disk."""
    assert mine.editor.registered == [lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES]
    text = Text(mine.editor, folder / "other.darts", 'darts 1\nimport "./late"\n')
    assert [each.code for each in await text.faults()] == ["E0204"]
    (folder / "late.darts").write_text("darts 1\n", encoding="utf-8")
    mine.editor.found.clear()
    change = lsp.FileEvent((folder / "late.darts").as_uri(), lsp.FileChangeType.Created)
    mine.editor.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams([change]))
    assert await text.faults() == []


async def torch_is_not_there(mine: Text) -> None:
    """What was imported for all of the above."""
    assert mine.editor._server is not None
    maps = Path(f"/proc/{mine.editor._server.pid}/maps")
    if maps.exists():
        assert "libtorch" not in maps.read_text(encoding="utf-8")
