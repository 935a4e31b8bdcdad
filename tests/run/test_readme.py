"""The page about runs: its commands print what it says they print."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from dartsl.cli import cli

PAGE = (Path(__file__).parents[2] / "dartsl" / "run" / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELIDED = "...\n"  # the rest of what a command prints


def test_commands_print_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.py").write_text("half = None\n")
    seen = 0
    for language, text in BLOCK.findall(PAGE):
        if language in ("darts", "python"):
            (tmp_path / {"darts": "small.darts", "python": "half.py"}[language]).write_text(text)
        if language != "console":
            continue
        for command, output in re.findall(r"^\$ (.*)\n((?:[^$].*\n|\n)*)", text, flags=re.MULTILINE):
            name, *arguments = shlex.split(command)
            if name == "cp":
                shutil.copytree(*arguments[1:])
                continue
            assert name == "dartsl"
            result = CliRunner().invoke(cli, arguments, prog_name="dartsl")
            said = result.output.replace(str(tmp_path), "/home/me")
            if output.endswith(ELIDED):
                assert said.startswith(output.removesuffix(ELIDED)), command
                assert result.exit_code == 0, command
            else:
                assert said == output, command
                assert result.exit_code in (1, 2), command
            seen += 1
    assert seen == 7
