"""The layout of reports: other files, tabs, wide and strange characters, long lines, colour, JSON."""

from __future__ import annotations

import click

from dartsl.lang.codes.diagnostics import Diagnostic, Label
from dartsl.lang.codes.render import Size, render, report, summary, to_json
from dartsl.lang.codes.source import Source, Span


def at(text: str, piece: str, name: str = "x.darts", *, message: str = "here") -> Label:
    source = Source(name, text)
    start = text.index(piece)
    return Label(Span(source, start, start + len(piece)), message)


def caret(text: str, piece: str) -> list[str]:
    """The source line and the caret line of a report, from their first column on."""
    lines = render([Diagnostic("E0100", "t", at(text, piece))]).splitlines()
    return [line.partition("| ")[2] for line in lines[3:5]]


def test_labels_in_two_files() -> None:
    source = Source("x.darts", "a\nb b\n" + "\n" * 8 + "c\n")
    spans = {
        piece: Span(source, start, start + 1) for piece, start in (("a", 0), ("b", 2), ("B", 4), ("c", 14))
    }
    other = at("first\nsecond\n", "second", "other.darts", message="declared here")
    fault = Diagnostic(
        "E0202", "twice", Label(spans["B"], "again"),
        (Label(spans["b"], "once"), Label(spans["c"]), Label(spans["a"], "at first"), other), "rename it",
    )  # fmt: skip
    assert (
        render([fault])
        == """\
error[E0202]: twice
  --> x.darts:2:3
   |
 1 | a
   | - at first
 2 | b b
   | - once
   |   ^ again
   :
11 | c
   | -
  ::: other.darts:2:1
   |
 2 | second
   | ------ declared here
   |
   = help: rename it"""
    )


def test_tabs_and_wide_characters() -> None:
    assert caret("\tx = y", "y") == ["    x = y", "        ^ here"]
    assert caret("a\tb\tc", "c") == ["a   b   c", "        ^ here"]
    assert caret("# 漢字 x", "x") == ["# 漢字 x", "       ^ here"]
    assert caret("漢字", "字") == ["漢字", "  ^^ here"]
    assert caret("e\u0301 x", "x") == ["e\u0301 x", "  ^ here"]


def test_control_characters_do_not_reach_the_terminal() -> None:
    line, marks = caret("\x1b[31m\x00 \u202e x", "x")
    assert line == "␛[31m␀ \ufffd x"
    assert marks == "         ^ here"


def test_a_span_over_lines_is_marked_to_the_end_of_its_first() -> None:
    assert caret("op f = sum(\n  a,\n)", "sum(\n  a,\n)") == ["op f = sum(", "       ^^^^ here"]


def test_an_empty_span_has_one_mark() -> None:
    source = Source("x", "abc")
    lines = render([Diagnostic("E0100", "t", Label(Span(source, 3, 3)))]).splitlines()
    assert lines[3:] == ["1 | abc", "  |    ^"]


def test_a_long_line_is_cut() -> None:
    line, marks = caret("(" * 5000 + "x" + ")" * 5000, "x")
    assert line.startswith("...(((")
    assert line.endswith(")))...")
    assert len(line) < 220
    assert line[marks.index("^")] == "x"


def test_warnings_colour_and_summary() -> None:
    warning = Diagnostic("W0303", "dead", at("node n", "n"))
    error = Diagnostic("E0100", "bad", at("node n", "node"))
    plain = report("x.darts", [warning, error], Size(1))
    assert plain.startswith("warning[W0303]: dead\n")
    assert "\n\nerror[E0100]: bad\n" in plain
    assert plain.endswith("\n\nx.darts: 1 error, 1 warning, 1 edge")
    assert summary("y", [], Size()) == report("y", [], Size()) == "y: 0 errors, 0 warnings, 0 edges"
    text = "z: 0 errors, 0 warnings, 2 edges, 1 layer with a choice, 2 nodes with a choice"
    assert summary("z", [], Size(2, 1, 2)) == text
    coloured = render([warning, error], color=True)
    assert "\x1b[31m" in coloured
    assert click.unstyle(coloured) == render([warning, error])


def test_json() -> None:
    fault = Diagnostic("E0202", "twice", at("op f\nop f", "f\nop"), (at("a", "a", "o.darts"),), "rename")
    assert to_json([fault]) == [
        {
            "code": "E0202",
            "url": "https://dartsl.github.io/dartsl/explain/E0202.html",
            "severity": "error",
            "title": "twice",
            "primary": {
                "file": "x.darts",
                "line": 1,
                "column": 4,
                "end_line": 2,
                "end_column": 3,
                "text": "here",
            },
            "secondary": [
                {"file": "o.darts", "line": 1, "column": 1, "end_line": 1, "end_column": 2, "text": "here"}
            ],
            "help": "rename",
        }
    ]
