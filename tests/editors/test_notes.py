"""The notes on editors: their links, their words and what they name are there."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from tests.editors.words import CONSTANTS, words

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "grammars" / "editors"
NOTES = (FOLDER / "README.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"```(\w+)\n(.*?)```", NOTES, re.DOTALL))


def test_emacs_has_every_keyword() -> None:
    listed = BLOCKS["elisp"].partition('\'("#")')[2].partition(")")[0]
    assert set(re.findall(r'"([a-z]+)"', listed)) == words() - CONSTANTS


def test_helix_and_pre_commit_read_them() -> None:
    helix = tomllib.loads(BLOCKS["toml"])
    assert helix["language"][0]["language-servers"] == list(helix["language-server"])
    known = re.findall(r"^- id: (.*)$", (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"), re.M)
    assert re.findall(r"- id: (.*)", BLOCKS["yaml"]) == known


def test_files_that_are_named_are_there() -> None:
    named = re.findall(r"\]\((?!https?:|#)([^)]+)\)", NOTES)
    named += [f"../../{path}" for path in re.findall(r"DARTSL/([\w/.-]+)", NOTES)]
    named += [f"tree-sitter-darts/{path}" for path in ("src/parser.c", "queries/highlights.scm")]
    assert named
    for path in named:
        assert (FOLDER / path).exists(), path
    for page in ("vscode", "tree-sitter-darts"):
        text = (FOLDER / page / "README.md").read_text(encoding="utf-8")
        for path in re.findall(r"\]\((?!https?:|#)([^)]+)\)", text):
            assert (FOLDER / page / path).exists(), path
