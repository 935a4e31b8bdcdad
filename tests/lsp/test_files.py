"""Several files: what an editor has not saved yet, what changes on disk, and a name that is changed in all of them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("pygls")

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException

from dartsl.api.specs import diagnose
from tests.lsp.client import Client, client
from tests.lsp.test_session import Text

PARTS = 'darts 1\nimport "std/cnn"\nop twice(f) = f > f\n'
MIDDLE = 'darts 1\nimport "./parts"\n'
MINE = """darts 1
import "./middle"
cell one {
  input  a, b : preprocess
  node   n : sum
  edge   all -> n : twice(relu)
  output n
}
"""
OTHER = MINE.replace("./middle", "./parts")
FILES = {"parts": PARTS, "middle": MIDDLE, "mine": MINE, "other": OTHER}


def written(folder: Path) -> dict[str, Path]:
    paths = {name: folder / f"{name}.darts" for name in FILES}
    for name, path in paths.items():
        path.write_text(FILES[name], encoding="utf-8")
    return paths


async def anew(text: Text) -> list[tuple[object, str]]:
    """The code and first line of each diagnostic that comes next for a text which has not changed itself."""
    found = await text.faults()
    text.editor.found.pop((text.uri, text.version))
    return [(each.code, each.message.split("\n")[0]) for each in found]


def test_texts_that_are_not_saved_are_those_that_others_import(tmp_path: Path) -> None:
    paths = written(tmp_path)

    async def session() -> None:
        async with client(tmp_path) as editor:
            mine, other = Text(editor, paths["mine"], MINE), Text(editor, paths["other"], OTHER)
            assert await anew(mine) == await anew(other) == []
            parts = Text(editor, paths["parts"], PARTS)
            assert (
                await anew(mine) == await anew(other) == []
            )  # it is read as it is in the editor from now on
            parts.change("twice", "thrice")
            for text in (mine, other):  # one of them imports it by way of a file that is not open
                assert [code for code, _ in await anew(text)] == ["E0201"]
            parts.change("= f", "= nowhere")
            said = ("E0201", "parts.darts:3: unknown operation `nowhere`")
            for text in (mine, other):
                assert (await anew(text))[0] == said
            parts.change("nowhere", "f")
            parts.change("thrice", "twice")
            await last(editor, mine, other)
            parts.change("darts 1", "# one\n\ndarts 1")
            await anew(mine)
            place = lsp.DefinitionParams(mine.id, mine.position("twice"))
            (found,) = await editor.text_document_definition_async(place)  # type: ignore[misc]
            assert found == lsp.Location(parts.uri, lsp.Range(lsp.Position(4, 3), lsp.Position(4, 8)))
            parts.change("twice", "thrice")
            assert [code for code, _ in await anew(mine)] == ["E0201"]
            editor.text_document_did_close(lsp.DidCloseTextDocumentParams(parts.id))
            assert await anew(mine) == []  # what was not saved is gone
            assert editor.errors == []

    async def last(editor: Client, *texts: Text) -> None:
        """Wait until all changes are followed."""
        for text in texts:
            while await anew(text) != []:
                pass

    asyncio.run(session())


def test_a_file_that_changes_on_disk(tmp_path: Path) -> None:
    paths = written(tmp_path)

    async def session() -> None:
        async with client(tmp_path) as editor:
            mine = Text(editor, paths["mine"], MINE)
            assert await anew(mine) == []
            for text in (
                PARTS.replace("twice", "thrice"),
                PARTS,
                "darts 1\nop twice(f) = oops\n",
                None,
                PARTS,
            ):
                if text is None:
                    paths["parts"].unlink()
                else:
                    paths["parts"].write_text(text, encoding="utf-8")
                kind = lsp.FileChangeType.Deleted if text is None else lsp.FileChangeType.Changed
                events = [lsp.FileEvent(paths["parts"].as_uri(), kind)]
                editor.workspace_did_change_watched_files(lsp.DidChangeWatchedFilesParams(events))
                said = diagnose(paths["mine"]).diagnostics
                assert [code for code, _ in await anew(mine)] == [fault.code for fault in said]
            assert editor.errors == []

    asyncio.run(session())


def test_a_name_is_changed_in_all_files_that_see_its_declaration(tmp_path: Path) -> None:
    """Also where it is asked for in a file that only uses it, and while none of them is saved."""
    paths = written(tmp_path)

    async def session() -> None:
        async with client(tmp_path) as editor:
            mine = Text(editor, paths["mine"], MINE)
            asked = lsp.RenameParams(mine.id, mine.position("twice"), "again")
            await editor.text_document_rename_async(asked)
            paths["parts"].write_text("# changed by another program\n" + PARTS, encoding="utf-8")
            with pytest.raises(
                JsonRpcException, match=r"parts.darts has changed on disk meanwhile: try again"
            ):
                await editor.text_document_rename_async(asked)
            found = await editor.text_document_rename_async(asked)
            assert found is not None
            assert found.changes is not None
            (edit,) = found.changes[paths["parts"].as_uri()]
            assert edit.range.start == lsp.Position(3, 3)
            parts = Text(editor, paths["parts"], PARTS)
            parts.change("op twice", "# unsaved\nop twice")
            found = await editor.text_document_rename_async(asked)
            assert found is not None
            assert found.changes is not None
            assert set(found.changes) == {paths[name].as_uri() for name in ("mine", "other", "parts")}
            assert mine.after(found.changes[mine.uri]) == MINE.replace("twice", "again")
            assert parts.after(found.changes[parts.uri]) == parts.text.replace("twice", "again")
            context = lsp.ReferenceContext(include_declaration=True)
            places = await editor.text_document_references_async(
                lsp.ReferenceParams(context, mine.id, mine.position("twice"))
            )
            lines = {(Path(each.uri).name, each.range.start.line) for each in places or ()}
            assert lines == {("mine.darts", 5), ("other.darts", 5), ("parts.darts", 3)}
            places = await editor.text_document_references_async(  # of what comes with dartsl: here, and in importers
                lsp.ReferenceParams(context, mine.id, mine.position("preprocess"))
            )
            assert {Path(each.uri).name for each in places or ()} == {"mine.darts", "cnn.darts"}
            assert editor.errors == []

    asyncio.run(session())
