"""README, read as a new user would: its commands run in order, and print what it says they print.

`pytest --update-golden` writes the outputs in README anew. Install lines are left to `.ci/run`, which runs the
first command at its full size too; here a search is made small by options after the README's own.
"""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from dartsl.cli import cli

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
LINES = 180
README = ROOT / "README.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SMALL = ["--epochs", "1", "--batch", "500", "--set", "C=2", "--set", "n=1"]
SMALL_SWEEP = shlex.split(
    "--seeds 1 --random 1 --random-at-cost 0 --select search --epochs 1 --train-epochs 1 "
    "--search batch=500 --train batch=500 --set C=2 --set n=1"
)
SMALLER = {"dartsl search digits": SMALL, "dartsl sweep digits": SMALL_SWEEP}
# They tell of weights that were trained.
FIGURES_VARY = ("dartsl eval", "dartsl predict")
LONG = ("dartsl search", "dartsl train")  # their output is left out
INLINE = re.compile(r"`(dartsl [a-z]+ [^`A-Z]+)`")  # without a placeholder such as SPEC


def blocks(language: str) -> list[str]:
    return [text for name, text in BLOCK.findall(README.read_text(encoding="utf-8")) if name == language]


def commands(text: str) -> list[tuple[str, str]]:
    """The `$ command` lines of a console block, each with the output below it."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)[1:]
    return list(zip(parts[::2], parts[1::2], strict=True))


def run(command: str) -> str:
    """What a command prints. `dartsl` runs in this process; other programs (`sed`) in a shell."""
    if not command.startswith("dartsl "):
        return subprocess.run(command, shell=True, check=True, capture_output=True, text=True).stdout
    extra = next((more for start, more in SMALLER.items() if command.startswith(start)), [])
    result = CliRunner().invoke(cli, [*shlex.split(command, comments=True)[1:], *extra], prog_name="dartsl")
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1), result.output  # 1: faults found, or a difference
    return result.output


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, as a user's own, that holds README's spec and the specs that it names."""
    monkeypatch.chdir(tmp_path)
    tmp_path.joinpath("mine.darts").write_text(blocks("darts")[0], encoding="utf-8")
    (tmp_path / "specs").symlink_to(ROOT / "specs")
    return tmp_path


def test_tour(folder: Path, request: pytest.FixtureRequest) -> None:
    """The console blocks, in one folder, in order."""
    readme = README.read_text(encoding="utf-8")
    wrong = []
    for block in blocks("console"):
        for command, shown in commands(block):
            printed = run(command)
            if printed.strip() == shown.strip() or command.startswith(LONG):
                continue
            if request.config.getoption("--update-golden"):
                readme = readme.replace(f"$ {command}\n{shown}", f"$ {command}\n{printed.rstrip()}\n")
            elif not command.startswith(FIGURES_VARY):
                wrong.append((command, printed))
    if request.config.getoption("--update-golden"):
        README.write_text(readme, encoding="utf-8")
    assert wrong == []
    assert (folder / "mine.pt2").stat().st_size > 0


def test_other_commands(folder: Path) -> None:
    """The lines of `sh` blocks that call dartsl, then the commands within sentences."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    ours = [part.strip() for line in lines for part in line.split("#")[0].split("&&") if "dartsl " in part]
    ran = [command for command in ours if command.startswith("dartsl ")]
    ran += [command for command in INLINE.findall(README.read_text(encoding="utf-8")) if command not in ran]
    assert len(ran) >= 3
    for command in ran:
        run(command)
    assert (folder / "runs" / "digits" / "found.svg").exists()
    assert "<html" in (folder / "report.html").read_text(encoding="utf-8")


def test_python(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The Python block, as a script."""
    (block,) = blocks("python")
    small = block
    for settings in ("epochs=1", "epochs=8", "epochs=2"):
        assert small.count(settings) == 1
        small = small.replace(settings, "epochs=1, batch=500")
    small = small.replace('"runs/python", ', '"runs/python", parameters={"C": 2}, ')
    assert small.count('"C": 2') == 1
    images, labels = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 4
    np.savez(folder / "other.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    script = folder / "script.py"
    script.write_text(small, encoding="utf-8")
    values = runpy.run_path(str(script))
    printed = capsys.readouterr().out
    assert re.search(r"^\d\.\d+$", printed, re.MULTILINE)  # the callback's loss
    assert "{'none': 0.1" in printed
    pictures = torch.rand(2, 1, 8, 8)
    assert values["model"](pictures).shape == (2, 4)


def test_picture(tmp_path: Path) -> None:
    """The picture at the top is what `dartsl draw` makes of the cells that were found, beside this file, today."""
    dot = tmp_path / "found.dot"
    result = CliRunner().invoke(cli, ["draw", str(HERE / "found.darts"), "-o", str(dot)])
    assert result.exit_code == 0, result.output
    picture = (ROOT / "specs" / "pictures" / "found.svg").read_text(encoding="utf-8")
    labels = re.findall(r'label="(\w+)"', dot.read_text(encoding="utf-8"))
    shown = re.findall(r">([\w.]+)</text>", picture)
    assert labels
    assert sorted(labels) == sorted(label for label in shown if label in set(labels))


def test_is_short_and_its_links_lead_somewhere() -> None:
    readme = README.read_text(encoding="utf-8")
    assert readme.count("\n") <= LINES
    links = re.findall(r"\]\((?!https?:|#)([^)]+)\)", readme)
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []
