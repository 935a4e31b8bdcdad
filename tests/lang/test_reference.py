"""The examples of the language reference are right: they parse, they are formatted, they check."""

from __future__ import annotations

import re

import pytest

from dartsl.lang.checker import diagnose
from dartsl.lang.codes.render import render
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_file
from dartsl.lang.syntax.resources import grammars_dir

REFERENCE = (grammars_dir() / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```darts\n(.*?)```", REFERENCE, re.DOTALL)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_example(number: int) -> None:
    text = EXAMPLES[number]
    if not text.startswith("darts "):
        text = f'darts 1\n\nimport "std/cnn"\n\n{text}'
    source = Source("reference", text)
    assert print_file(parse(source)) == text
    found = [fault for fault in diagnose(source).diagnostics if fault.severity == "error"]
    assert not found, render(found)


def test_links_lead_somewhere() -> None:
    headings = {
        re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-")
        for h in re.findall(r"^#+ (.*)$", REFERENCE, re.M)
    }
    assert set(re.findall(r"\]\(#([^)]*)\)", REFERENCE)) <= headings
