"""dartsl/cli/README.md: its commands print what it says, and it names every command."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

import dartsl.cli
from dartsl.cli import cli
from dartsl.cli.app import COMMANDS

FILE = Path(dartsl.cli.__file__).with_name("README.md")
PAGE = FILE.read_text(encoding="utf-8")
SHELL = [
    line for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S) for line in block.splitlines()
]


def console() -> list[list[str]]:
    blocks = re.findall(r"^```console\n(.*?)^```$", PAGE, re.M | re.S)
    return [part.split("\n", 1) for block in blocks for part in re.split(r"^\$ ", block, flags=re.M)[1:]]


def test_what_it_shows_is_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, golden: Callable[[Path, str], None]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = PAGE
    for command, shown in console():
        printed = CliRunner().invoke(cli, command.split()[1:], prog_name="dartsl").output
        page = page.replace(f"$ {command}\n{shown}", f"$ {command}\n{printed.rstrip()}\n")
    golden(FILE, page)


@pytest.mark.parametrize("line", SHELL)
def test_its_other_commands_work(tmp_path: Path, line: str) -> None:
    command = line.replace("dartsl", f"{sys.executable} -m dartsl", 1)
    subprocess.run(command, shell=True, cwd=tmp_path, check=True, stderr=subprocess.PIPE)
    (written,) = tmp_path.iterdir()
    assert written.stat().st_size > 500


def test_it_names_every_command() -> None:
    table = PAGE[PAGE.index("| command |") : PAGE.index("A SPEC is")]
    assert [
        name
        for line in table.splitlines()[2:]
        for name in re.findall(r"`(\w+)`", line.split("|")[1] if line else "")
    ] == [*COMMANDS]
