"""Parsing: trees and spans, recovery, and never another exception than SpecError."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.render import render
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax import ast as s
from dartsl.lang.syntax.parser import parse, parse_recovering
from dartsl.lang.syntax.printer import print_file
from dartsl.lang.syntax.resources import shipped_specs

SHIPPED = [path.read_text(encoding="utf-8") for path in shipped_specs().values()]
PIECES = [
    "op",
    "cell",
    "edge",
    "node",
    "match",
    "head",
    "{",
    "}",
    "(",
    ")",
    "[",
    "->",
    "=>",
    "..",
    ">",
    "|",
    "*",
    "/",
]
PIECES += [
    "-",
    "=",
    ":",
    ",",
    "x",
    "0",
    "1.5",
    '"',
    "'",
    "#",
    "\n",
    " ",
    "\t",
    "\r",
    "é",
    "\x00",
    "darts 1",
    "import",
    "€",
]


def faults(text: str) -> list[Diagnostic]:
    return parse_recovering(Source("test", text))[1]


def reports(text: str) -> list[tuple[str, int, int]]:
    return [(fault.code, *fault.primary.span.position) for fault in faults(text)]


def only(text: str) -> Diagnostic:
    (fault,) = faults(f"darts 1\n{text}\n")
    return fault


def pieces(node: object) -> Iterator[s.Syntax]:
    if isinstance(node, tuple):
        for item in node:
            yield from pieces(item)
    if is_dataclass(node) and isinstance(node, s.Syntax):
        yield node
        for field in fields(node):
            if field.compare:
                yield from pieces(getattr(node, field.name))


@pytest.mark.parametrize("name", sorted(shipped_specs()))
def test_spans_hold_the_text_of_what_was_read(name: str) -> None:
    source = Source(name, shipped_specs()[name].read_text(encoding="utf-8"))
    for node in pieces(parse(source)):
        text = node.span.text
        if isinstance(node, s.File):
            continue
        assert text == text.strip()
        if isinstance(node, s.Name):
            assert text == node.id
        if isinstance(node, s.OpDecl):
            assert text.startswith("op ")
            assert text.endswith(node.body.span.text)
        if isinstance(node, s.EdgeItem):
            assert text.startswith("edge ")
            assert text.endswith(node.operation.span.text)


def test_operators_bind_as_documented() -> None:
    tree = parse(Source("test", "darts 1 op f = a > b*2/s | c - -1 + 2"))
    (op,) = tree.declarations
    assert isinstance(op, s.OpDecl)
    assert isinstance(op.body, s.Choice)
    chain, total = op.body.options
    assert isinstance(chain, s.Chain)
    assert isinstance(total, s.Binary)
    assert total.operator == "+"
    assert chain.steps[1].span.text == "b*2/s"


def test_the_span_of_a_bracketed_operand_reaches_to_its_brackets() -> None:
    (op,) = parse(Source("test", "darts 1 op f = (a > b)*2")).declarations
    assert isinstance(op, s.OpDecl)
    assert op.body.span.text == "(a > b)*2"


def test_eight_mistakes_make_eight_reports() -> None:
    text = """darts 1
op a = relu conv(3)
op b(k = relu > conv(k)
cell c {
  input  x y
  node   n sum
  edge   x -> : relu
  edge   x -> n : relu |
  output n
}
network n {
  stem conv(3
  stage c*2
  head linear(10)
}
"""
    assert [line for _, line, _ in reports(text)] == [2, 3, 5, 6, 7, 8, 12, 13]


def test_what_is_whole_is_kept() -> None:
    text = "darts 1\nop a = relu\ncell c {\n input x y\n output x\n}\nop b = = 3\nop d = a\n"
    file, found = parse_recovering(Source("test", text))
    assert file is not None
    assert len(found) == 2
    assert [d.name.id for d in file.declarations if not isinstance(d, s.SettingsDecl)] == ["a", "c", "d"]


def test_settings_are_read_one_by_one() -> None:
    text = "darts 1\nsearch {\n  order = exact\n  train = 3\n  lr = 0.1\n  crop = [1, x]\n}\nop a = b c\n"
    assert [line for _, line, _ in reports(text)] == [3, 4, 8]
    (same,) = faults(text)[0].secondary  # the same mistake as in line 3, reported with it
    assert same.span.position == (6, 14)


@pytest.mark.parametrize(
    ("text", "help"),
    [
        ("op f = relu conv(3)", "to chain operations write `> conv`; to offer a choice write `| conv`"),
        ("op f = relu -> conv(3)", "`->` draws an edge; operations are chained with `>`"),
        ("op f = g(a b)", "separate arguments with a comma: `, b`"),
        ("opps f = relu", "did you mean `ops`?"),
        ("op f = relu\nntework n {\n}", "did you mean `network`?"),
        ("cell c {\n  input a\n  egde a -> b : relu\n}", "did you mean `edge`?"),
        ("cell c {\n  node a : sum kepp 2\n}", "did you mean `keep`?"),
        ("cell c {\n  edge a -> b relu\n}", "write `: relu` for an operation, or `, relu` for one more node"),
        ("cell c {\n  stem relu\n}", "`stem` is an item of a `network`"),
        ("node a : sum", "`node` belongs inside the braces of a `cell`"),
        ("cell c {\n  input a\nop f = relu", "close the braces above with `}` first"),
        ('op f = relu\nimport "std/cnn"', "imports come before all declarations"),
        ("op f = match stride { 1 -> relu }", "the arms of a `match` are written with `=>`"),
        ("op f = relu\ndarts 1", "the version of the language is given once, at the top of the file"),
        ("op f = 'a'", 'strings are written in straight double quotes: `"a"`'),
    ],
)
def test_help(text: str, help: str) -> None:
    assert faults(f"darts 1\n{text}\n")[0].help == help


def test_a_strange_character_is_one_report() -> None:
    assert [
        fault.code for fault in faults("darts 1\nop f = relu ; op g = a $$ > b\nop h = §\nop i = a\n")
    ] == ["E0103"] * 3


def test_the_header_comes_first() -> None:
    assert only("").code if faults("") == [] else faults("")[0].code == "E0102"
    assert [f.code for f in faults("op f = relu\n")] == ["E0102"]
    assert [f.code for f in faults("{json: 1}")] == ["E0102"]
    assert faults("\ufeff# comment\r\n\r\ndarts 1\r\nop f = relu\r\n") == []
    (fault,) = faults("darts 7\nwhatever: this is")
    assert (fault.code, fault.title) == ("E0102", "version `7` of the language is unknown")


@pytest.mark.parametrize(
    "lexeme", ["1000000001", "1" + "0" * 5000, "0" * 5000, "1e999999999", "1.0e10", "0." + "1" * 99]
)
def test_numbers_have_a_bound(lexeme: str) -> None:
    assert only(f"op f = g({lexeme})").code == "E0105"


def test_numbers_below_the_bound() -> None:
    parse(Source("test", "darts 1 op f = g(1000000000, 0.5e-10, 1E+9)"))


@pytest.mark.parametrize(
    "text",
    [
        "op f = " + "(" * 100_000,
        "op f = " + "(" * 500 + "x" + ")" * 500,
        "op f = " + "g(" * 101 + ")" * 101,
        "op f = x" + "*2" * 101,
        "op f = " + "match s { 1 => " * 101 + "x" + "}" * 101,
        "search { a = " + "[" * 101 + "]" * 101 + " }",
        "cell c {" * 101,
    ],
)
def test_nesting_has_a_bound(text: str) -> None:
    source = Source("test", f"darts 1\nop first = relu\n{text}\nop last = relu\n")
    file, found = parse_recovering(source)
    assert file is not None
    assert found[0].code in ("E0104", "E0100")
    assert len(found) <= 101
    assert render(found[:3])
    first = file.declarations[0]
    assert isinstance(first, s.OpDecl)
    assert first.name.id == "first"


def test_nesting_to_the_bound() -> None:
    for text in ("(" * 100 + "x" + ")" * 100, "g(" * 100 + ")" * 100, "x" + "*2" * 99):
        print_file(parse(Source("test", f"darts 1 op f = {text}")))


def check_any(text: str) -> None:
    """A tree or located diagnostics, which can be rendered."""
    source = Source("test", text)
    file, found = parse_recovering(source)
    for fault in found:
        assert fault.code.startswith("E01")
        assert 0 <= fault.primary.span.start <= fault.primary.span.end <= len(text)
        assert render([fault])
    if found:
        return
    assert file is not None
    again = print_file(file)
    assert print_file(parse(Source("again", again))) == again


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=80))
def test_any_text(text: str) -> None:
    check_any(text)
    check_any("darts 1\n" + text)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_any_tokens(tokens: list[str]) -> None:
    check_any("darts 1\n" + " ".join(tokens))
    check_any("darts 1 " + "".join(tokens))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(SHIPPED), st.data())
def test_mutated_specs(text: str, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        text = text[:start] + data.draw(st.sampled_from(["", *PIECES])) + text[end:]
    check_any(text)
