"""Pages on passes, training, exchange and specs: their commands and Python run in order, and print what is shown.

Searches and trainings are made small here, so digits in what is printed afterwards may differ.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from dartsl.cli import cli
from tests.readme.test_readme import BLOCK, commands

ROOT = Path(__file__).parents[2]
PAGES = (
    "dartsl/graph/passes/README.md",
    "dartsl/training/README.md",
    "dartsl/exchange/README.md",
    "specs/README.md",
)
SMALLER = {
    "dartsl search": ["--batch", "500", "--set", "C=2", "--set", "n=1"],
    "dartsl train runs": ["--epochs", "1", "--batch", "500"],
    "dartsl train zoo": ["--epochs", "1", "--set", "H=8"],
}


def test_pages_show_what_is_printed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All in one folder: a search or training that a second page shows again is there already."""
    monkeypatch.chdir(tmp_path)
    done = set()
    for page in PAGES:
        for language, content in BLOCK.findall((ROOT / page).read_text(encoding="utf-8")):
            if language == "python":
                exec(compile(content, page, "exec"), {})
                continue
            for command, shown in commands(content):
                extra = next((more for start, more in SMALLER.items() if command.startswith(start)), None)
                if command in done and extra is not None:
                    continue
                done.add(command)
                given = [*shlex.split(command)[1:], *(extra or [])]
                result = CliRunner().invoke(cli, given, prog_name="dartsl")
                assert result.exit_code == int(shown.startswith("error")), result.output
                if extra is None:
                    assert alike(result.output) == alike(shown), command


def alike(text: str) -> str:
    """Without the figures of a training: numbers, and the letters of the embedded text."""
    lines = text.strip().splitlines()
    masked = [re.sub(r"\b[a-h]\b", "x", line) if line.startswith("b a") else line for line in lines]
    return "\n".join(re.sub(r" +", " ", re.sub(r"\d+(\.\d+)?", "#", line)) for line in masked)
