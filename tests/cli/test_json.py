"""The JSON document of `--format json`: one envelope in every command, faults and wrong use included."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from dartsl.cli.output import Report, asks_for_json, finish

from .conftest import GOOD, Dartsl, document, result_of


@pytest.mark.parametrize(
    ("arguments", "keys"),
    [
        (("specs",), {"specs"}),
        (("explain",), {"codes"}),
        (("explain", "E0501"), {"codes"}),
        (("check", "good.darts"), {"files"}),
        (("fmt", "--check", "good.darts"), {"files"}),
        (("new", "mine"), {"written"}),
        (("draw", "good.darts", "-o", "cell.dot"), {"written"}),
        (("compile", "good.darts", "--emit", "passes"), {"text"}),
        (("completion", "zsh"), {"text"}),
        (("help", "search"), {"text"}),
        (
            ("diff", "good.darts", "good.darts"),
            {"first", "second", "equal", "cells", "only_first", "only_second"},
        ),
    ],
)
def test_results_in_json(dartsl: Dartsl, good: Path, arguments: tuple[str, ...], keys: set[str]) -> None:
    for asked in (("--format", "json"), ("--format=json",)):
        Path("mine.darts").unlink(missing_ok=True)
        found = dartsl(*arguments, *asked)
        assert found.exit_code == 0
        assert found.stderr == ""
        assert document(found)["diagnostics"] == []
        assert set(result_of(found)) == keys


def test_numbers_that_json_lacks_are_null(capsys: pytest.CaptureFixture[str]) -> None:
    found = {"loss": math.nan, "ends": (1.5, math.inf), "runs": [{"error": -math.inf, "epochs": 3}]}
    finish(Report(json=True, result=found))
    result = json.loads(capsys.readouterr().out)["result"]
    assert result == {"loss": None, "ends": [1.5, None], "runs": [{"error": None, "epochs": 3}]}


def test_warnings_are_in_the_document(dartsl: Dartsl, tmp_path: Path) -> None:
    unused = "  node   r : sum\n  edge   p -> r : skip_connect\n  output"
    (tmp_path / "warned.darts").write_text(GOOD.replace("  output", unused))
    for name in ("check", "info", "compile"):
        options = ("--memory", "none") if name == "info" else ()
        found = dartsl(name, "warned.darts", *options, "--format", "json")
        assert (found.exit_code, found.stderr) == (0, "")
        assert {fault["severity"] for fault in document(found)["diagnostics"]} == {"warning"}
        assert result_of(found) is not None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("serach",), "Did you mean 'search'?"),
        (("check",), "Missing argument"),
        (("search", "digits", "--epochs", "none"), "'none' is not a whole number"),
        (("info", "digits", "--memroy", "low"), "--memory"),
        (("info", "nowhere"), "`nowhere` is neither a file nor a shipped spec"),
        (("explain", "E9999"), "there is no code `E9999`"),
    ],
)
def test_wrong_use_in_json(dartsl: Dartsl, arguments: tuple[str, ...], words: str) -> None:
    found = dartsl(*arguments, "--format", "json")
    assert (found.exit_code, found.stderr) == (2, "")
    (fault,) = document(found)["diagnostics"]
    assert words in fault["title"]
    assert set(fault) == {"code", "url", "severity", "title", "primary", "secondary", "help"}
    assert (fault["code"], fault["severity"], fault["primary"]) == (None, "error", None)
    assert result_of(found) is None


def test_json_is_asked_for_by_the_last_format_before_the_dashes() -> None:
    assert asks_for_json(["check", "--format", "json"])
    assert asks_for_json(["--format=json"])
    assert not asks_for_json(["check", "json"])
    assert not asks_for_json(["import", "--", "--format", "json"])
    assert not asks_for_json(["--format", "json", "--format", "text"])
