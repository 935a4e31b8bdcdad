"""The page beside the readers: its commands print what it says they print, and its Python runs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from dartsl.cli import cli
from tests.data.files import write_idx

PAGE = (Path(__file__).parents[2] / "dartsl" / "data" / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def test_commands_print_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    seen = 0
    for language, text in BLOCK.findall(PAGE):
        if language == "python" and "savez" in text:
            exec(compile(text, "README.md", "exec"), {})
        if language != "console":
            continue
        for command, output in re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", text, flags=re.MULTILINE):
            name, *arguments = shlex.split(command)
            if name == "mkdir":
                for place in arguments[1:]:
                    Path(place).mkdir(parents=True)
                continue
            assert name == "dartsl"
            result = CliRunner().invoke(cli, arguments, prog_name="dartsl")
            assert result.exit_code == 1
            assert result.output == output
            seen += 1
    assert seen == 4


def test_the_letters_are_read(tmp_path: Path) -> None:
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (5, 4, 4), dtype=np.uint8)
    for part in ("train", "test"):
        for kind, array in (("images-idx3", images), ("labels-idx1", np.arange(1, 6, dtype=np.uint8))):
            write_idx(tmp_path / f"emnist-letters-{part}-{kind}-ubyte.gz", array)
    (text,) = [text for language, text in BLOCK.findall(PAGE) if language == "python" and "letters" in text]
    names: dict = {}
    exec(compile(text, "README.md", "exec"), names)
    found = names["letters"](tmp_path)
    assert found["y_train"].tolist() == [0, 1, 2, 3, 4]
    assert np.array_equal(found["x_test"], images.transpose(0, 2, 1))
