"""A `dartsl` that runs in this process, in an empty folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from click.testing import CliRunner, Result

from dartsl.cli import cli

Dartsl = Callable[..., Result]


def document(result: Result) -> dict[str, Any]:
    """The one JSON document on stdout, whose parts are always the same."""
    found = json.loads(result.stdout)
    assert set(found) == {"version", "diagnostics", "result"}
    assert found["version"] == 1
    return cast(dict[str, Any], found)


def result_of(result: Result) -> Any:
    """The result in that document."""
    return document(result)["result"]


GOOD = """\
darts 1

import "std/cnn"

cell pair {
  input  a, b : preprocess
  node   p, q : sum
  edge   a -> p : sep_conv(3) | skip_connect
  edge   b -> p : skip_connect
  edge   p -> q : max_pool_3x3 | sep_conv(3)
  output concat(p, q)
}

network small(C = 4, n = 1) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage pair*n width C
  head  global_avg_pool > linear(10)
}

search {
  data   = "tiny.npz"
  epochs = 1
  batch  = 8
  flip   = false
}
"""


@pytest.fixture
def dartsl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Dartsl:
    """Runs a command in an empty folder; the result has `exit_code`, `stdout` and `stderr`."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, input: str | None = None) -> Result:
        result = CliRunner().invoke(cli, arguments, input=input, prog_name="dartsl")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A spec without a fault, small enough to be searched, and its data."""
    path = tmp_path / "good.darts"
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (32, 8, 8), dtype=np.uint8)
    labels = np.arange(32) % 10
    np.savez(tmp_path / "tiny.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    path.write_text(GOOD, encoding="utf-8")
    return path


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    """A spec with two faults."""
    path = tmp_path / "bad.darts"
    path.write_text(GOOD.replace("skip_connect", "skip_conect"), encoding="utf-8")
    return path
