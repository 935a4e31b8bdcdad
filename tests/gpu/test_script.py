"""The script for a GPU, on the CPU and made small: it runs, and finds what is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from tests.gpu import parts
from tests.gpu.__main__ import main

pytestmark = pytest.mark.slow
TINY = ["--device", "cpu", "--small"]


def result(path: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    output = path / "gpu.json"
    ran = CliRunner().invoke(main, [*TINY, "-o", str(output), *arguments])
    return ran.exit_code, json.loads(output.read_text())


def test_every_part_runs(tmp_path: Path) -> None:
    code, found = result(tmp_path)
    assert code == 0, found
    assert set(found) == {"device", "torch", "small", *parts.PARTS}
    assert list(found["parity"].values()) == [0.0, 0.0]
    assert len(found["times"]) == 6


def test_nothing_is_passed_over_in_silence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert result(tmp_path, "--minutes", "-1")[1]["parity"] == "not run: no time was left"
    monkeypatch.setattr(parts, "CLOSE", -1.0)
    code, found = result(tmp_path, "--part", "parity")
    assert code == 1
    assert "AssertionError" in found["parity"]["failed"]
