"""dartsl/searching/README.md: its commands work, in order, and it names the files there are."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import dartsl.searching
from dartsl.cli import cli
from dartsl.data import detect
from dartsl.data.readers import digits
from dartsl.lang.settings.values import SearchConfig

FOLDER = Path(dartsl.searching.__file__).parent
PAGE = (FOLDER / "README.md").read_text(encoding="utf-8")
SMALL = ["--epochs", "1", "--batch", "4", "--set", "C=2", "--set", "n=1", "--order", "1"]
DIGITS = 64  # of the embedded images: what the commands do does not depend on how many there are


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_its_commands_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    whole = digits.read()
    few = replace(whole, train_images=whole.train_images[:DIGITS], train_labels=whole.train_labels[:DIGITS])
    monkeypatch.setitem(detect.EMBEDDED, "digits", lambda: few)
    images, labels = np.zeros((24, 32, 32, 3), np.uint8), np.arange(24) % 10
    np.savez("digits.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    lines = [
        line for block in re.findall(r"^```sh\n(.*?)^```$", PAGE, re.M | re.S) for line in block.splitlines()
    ]
    assert len(lines) == 19
    for line in lines:
        small = SMALL if "nasbench201" in line else ["--batch", "16"] if "--batch" in line else []
        result = CliRunner().invoke(cli, [*shlex.split(line)[1:], *small], prog_name="dartsl")
        assert result.exit_code == 0, (line, result.output)
    assert Path("early.darts").read_text() == Path("plain.darts").read_text()


def test_it_names_what_there_is() -> None:
    modules = {path.name for path in FOLDER.glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"(?<!\[)`(\w+\.py)`", PAGE)) <= modules
    step = FOLDER.parent / "step"
    page = (step / "README.md").read_text(encoding="utf-8")
    modules = {path.name for path in step.glob("*.py")} - {"__init__.py"}
    assert set(re.findall(r"`(\w+\.py)`", page)) == modules
    for name in ("order", "split", "warmup", "derive", "r"):
        assert f"`{name}`" in PAGE
        assert hasattr(SearchConfig(), name)
