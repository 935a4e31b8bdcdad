"""What is known of a text: positions in each encoding, faults of other files, texts that are half written or none."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pygls")

from lsprotocol import types as lsp

from dartsl.lang.codes.limits import MAX_BYTES
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.resources import shipped_specs
from dartsl.lsp.completion import completion
from dartsl.lsp.documents import Document, uri_of
from dartsl.lsp.faults import diagnostics
from dartsl.lsp.outline import folding
from dartsl.lsp.positions import Positions
from dartsl.lsp.server import drawing
from dartsl.lsp.tokens import semantic_tokens


@pytest.mark.parametrize(
    ("encoding", "columns"),
    [("utf-8", [0, 1, 3, 7, 8]), ("utf-16", [0, 1, 2, 4, 5]), ("utf-32", [0, 1, 2, 3, 4])],
)
def test_positions_and_offsets(encoding: str, columns: list[int]) -> None:
    source = Source("mine.darts", "one\na\u00e9\U0001d4b3b\nlast")
    positions = Positions(source, encoding)
    places = [lsp.Position(1, column) for column in columns]
    assert [positions.position(4 + index) for index in range(5)] == places
    assert [positions.offset(place) for place in places] == [4, 5, 6, 7, 8]
    assert positions.offset(lsp.Position(1, 99)) == 8  # beyond the end of a line, and of the text
    assert positions.offset(lsp.Position(9, 0)) == len(source.text)


def test_a_mark_and_line_ends_of_windows_count_as_the_editor_counts_them() -> None:
    document = Document("untitled:mine", "\ufeffdarts 1 oops\r\nop f = nowhere\r\n")
    fault = diagnostics(document)[0]
    assert fault.range == lsp.Range(lsp.Position(0, 9), lsp.Position(0, 13))
    assert document.positions.offset(fault.range.start) == 8


def test_a_fault_of_an_imported_file_stands_at_its_import(tmp_path: Path) -> None:
    (tmp_path / "one.darts").write_text('darts 1\nimport "./two"\n', encoding="utf-8")
    (tmp_path / "two.darts").write_text("darts 1\n\nop f = nowhere\n", encoding="utf-8")
    document = Document(uri_of(tmp_path / "mine.darts"), 'darts 1\nimport "std/cnn"\nimport "./one"\n')
    (fault,) = diagnostics(document)
    assert fault.range == lsp.Range(lsp.Position(2, 7), lsp.Position(2, 14))
    assert fault.message.startswith("two.darts:3: unknown operation `nowhere`")
    (related,) = fault.related_information or ()
    assert related.location.uri == uri_of(tmp_path / "two.darts")
    assert related.location.range == lsp.Range(lsp.Position(2, 7), lsp.Position(2, 14))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("darts 1\n" + "#" * MAX_BYTES, "at most 4,000,000 bytes"),
        ("darts 1\n# \ud800\n", "not UTF-8"),
        ("", "darts 1"),
    ],
)
def test_texts_that_cannot_be_read(text: str, said: str) -> None:
    document = Document("untitled:mine", text)
    assert said in diagnostics(document)[0].message
    assert drawing(document, None) is None
    assert completion(document, 0) != [] or not document.readable
    semantic_tokens(document)


def test_what_comes_with_dartsl_has_no_fault() -> None:
    for name in ("std/prelude", "std/prelude_2", "std/cnn", "digits"):
        path = shipped_specs()[name]
        assert diagnostics(Document(uri_of(path), path.read_text(encoding="utf-8"))) == [], name


CELL = "cell one {\n  input a, b\n  node n0..n1 : sum\n"


@pytest.mark.parametrize(
    ("text", "there", "not_there"),
    [
        ("", {"darts 2"}, {"cell"}),
        ("darts 1\n", {"import", "cell", "op"}, {"node", "relu"}),
        ("darts 1\nop f = ", {"relu", "match", "sep_conv", "C", "stride"}, {"cell", "sum x", "one"}),
        ("darts 2\nop f(act) = ", {"act", "Cin"}, {"true"}),
        ("darts 1\nop ", set(), {"relu"}),
        ("darts 1\n" + CELL, {"edge", "node", "output"}, {"cell", "stage"}),
        ("darts 1\n" + CELL + "  edge n0 -> ", {"a", "n0", "n1"}, {"relu"}),
        ("darts 1\n" + CELL + "  edge oops oops\n  ", {"edge", "output"}, {"cell"}),
        ("darts 1\n" + CELL + "  edge oops oops\n  edge a -> n0 : ", {"relu", "conv"}, {"n0"}),
        (
            "darts 2\n" + CELL + "  output b\n}\ncell two {\n  input x\n  edge x -> y : ",
            {"one", "relu"},
            {"x"},
        ),
        ("darts 1\nsearch {\n  lr = 1\n  ", {"epochs"}, {"lr", "true"}),
        ("darts 1\nsearch {\n  flip = ", {"true", "false"}, {"epochs"}),
        ("darts 1\nsearch {\n  epochs = ", set(), {"true", "false"}),
        ("darts 1\nsearch {\n  order = ", {"1", '"exact"'}, {'"1"', "true"}),
        ("darts 1\nsearch {\n  ", {"epochs"}, {"loss"}),
        ("darts 2\nsearch {\n  ", {"epochs", "loss"}, {"lr ="}),
        (
            "darts 1\nnetwork net(n = 1) {\n}\nsearch {\n  stages = [stage(",
            {"keep", "partial", "n"},
            {"relu"},
        ),
        ("darts 1\nsearch {\n  stages = [stage(keep = 6)]\n  ", {"epochs"}, {"stages", "relu"}),
        ("darts 1\ncell one {\n  input a, b\n  ", {"node", "edge"}, {"relu"}),
        ("darts 1\nop f = linear(bias = ", {"true", "false"}, {"cell"}),
        ("darts 2\nop f(a) = match shape { ", {"keeps", "changes"}, {"relu"}),
        ("darts 2\nnetwork net(C = 4) {\n  stage scan(", {"carry =", "dropout_x ="}, {"cell"}),
        ("darts 1\nsearch {\n  temperature = ", {"linear", "cosine"}, {"epochs"}),
        ('darts 1\nsearch {\n  penalty = ["', {"entropy"}, {"softmax"}),
        ("darts 1\nnetwork net(C = 4, n = 1) {\n  stage relu width ", {"C", "n"}, {"relu"}),
        ("darts 1\nnetwork net {\n  input ", {"image", "tokens"}, {"relu"}),
        ("darts 1\nop f = conv(", {"k =", "dilation ="}, {"cell"}),
        ('darts 1\nimport "', {"std/cnn", "zoo/darts_v2"}, {"relu"}),
        ("darts 1\n# ", set(), {"cell"}),
    ],
)
def test_completion_in_half_a_text(text: str, there: set[str], not_there: set[str]) -> None:
    labels = {item.label for item in completion(Document("untitled:mine", text), len(text))}
    assert there <= labels
    assert not not_there & labels


def test_what_the_library_has_brings_its_import() -> None:
    text = "darts 1\n\nop f = sep"
    items = completion(Document("untitled:mine", text), len(text))
    (item,) = (item for item in items if item.label == "sep_conv")
    (edit,) = item.additional_text_edits or ()
    assert edit == lsp.TextEdit(lsp.Range(lsp.Position(0, 7), lsp.Position(0, 7)), '\n\nimport "std/cnn"')


def test_a_file_of_the_library_that_is_open_keeps_its_own_tree() -> None:
    path = shipped_specs()["std/cnn"]
    text = path.read_text(encoding="utf-8") + "op wrong = nowhere\n"
    for _ in range(2):  # typed, taken back, typed again
        document = Document(uri_of(path), text)
        assert document.root is not None
        assert diagnostics(document)[0].range.start.line == text.count("\n") - 1


@pytest.mark.parametrize(("rest", "taken"), [('cnn"\n', 7), ('"\n', 4), ("\n", 4), ("cnn\n", 4)])
def test_a_path_takes_the_place_of_the_whole_string(rest: str, taken: int) -> None:
    text = 'darts 1\nimport "std/'
    (item,) = (
        each
        for each in completion(Document("untitled:mine", text + rest), len(text))
        if each.label == "std/rnn"
    )
    place = lsp.Range(lsp.Position(1, 8), lsp.Position(1, 8 + taken))
    assert item.text_edit == lsp.TextEdit(place, "std/rnn")


def test_comments_that_stand_together_fold() -> None:
    text = "# a\n# b\ndarts 1\n# c\nop f = relu  # d\n# e\n# f\n\n# g\n" + "# h\n" * 9000
    folds = folding(Document("untitled:mine", text))
    assert [(each.start_line, each.end_line) for each in folds] == [(0, 1), (5, 6), (8, 9008)]
