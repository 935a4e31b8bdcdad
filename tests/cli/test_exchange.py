"""import and export."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.exchange.genotypes import DARTS_V2, FILE, RNN_V2

from .conftest import Dartsl


def test_import_then_everything_else(dartsl: Dartsl) -> None:
    Path("genotypes.py").write_text(FILE, encoding="utf-8")
    assert dartsl("import", "genotypes.py", "--name", "DARTS_V2", "-o", "v2.darts").exit_code == 0
    assert dartsl("check", "v2.darts").exit_code == 0
    assert "3,349,342" in dartsl("info", "v2.darts").stdout
    assert dartsl("diff", "v2.darts", "zoo/darts_v2").exit_code == 0
    assert dartsl("export", "v2.darts", "--to", "genotype").stdout == DARTS_V2 + "\n"


NB201 = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|nor_conv_1x1~2|"


@pytest.mark.parametrize(
    ("text", "settings"),
    [
        (DARTS_V2, ("--set", "C=4", "--set", "n=1", "--data", "images.npz", "--batch", "8")),
        (NB201, ("--set", "C=4", "--set", "n=1", "--data", "images.npz", "--batch", "8")),
        (RNN_V2, ("--set", "H=8", "--set", "vocab=8", "--data", "markov", "--short-windows", "0")),
    ],
)
def test_what_is_imported_is_trained_at_once(dartsl: Dartsl, text: str, settings: tuple[str, ...]) -> None:
    draws = np.random.default_rng(0)
    images, labels = draws.integers(0, 256, (16, 32, 32, 3), dtype=np.uint8), np.arange(16) % 10
    np.savez("images.npz", x_train=images, y_train=labels, x_test=images, y_test=labels)
    assert dartsl("import", text, "-o", "mine.darts").exit_code == 0
    result = dartsl("train", "mine.darts", "--epochs", "1", "--out", "run", *settings)
    assert result.exit_code == 0, result.output
    assert "95 %" in dartsl("eval", "run").stdout


def test_import_reads_stdin_and_text(dartsl: Dartsl) -> None:
    assert dartsl("import", "-", input=DARTS_V2).stdout.startswith("darts 1\n")
    assert dartsl("import", DARTS_V2).exit_code == 0


def test_import_tells_a_mistake(dartsl: Dartsl) -> None:
    result = dartsl("import", DARTS_V2.replace("dil_conv_3x3", "dil_conv_3"))
    assert result.exit_code == 1
    assert "did you mean `dil_conv_3x3`?" in result.stderr
    assert dartsl("import", "missing.py").exit_code == 2


def test_export_of_a_search(dartsl: Dartsl, good: Path) -> None:
    assert dartsl("search", "good.darts", "--out", "run").exit_code == 0
    result = dartsl("export", "run", "--to", "genotype")
    assert result.exit_code == 1
    assert "one cell that halves the size" in result.stderr
    result = dartsl("export", "run", "--to", "safetensors", "-o", "x")
    assert "only a training has weights" in result.stderr
    assert dartsl("export", "run", "--to", "genotype", "--set", "C=2").exit_code == 2


def test_export_of_tensors_needs_a_file(dartsl: Dartsl) -> None:
    result = dartsl("export", "zoo/darts_v2", "--to", "torch")
    assert result.exit_code == 2
    assert "-o" in result.stderr
    assert dartsl("export", "zoo/darts_v2", "--to", "genotype", "--epoch", "1").exit_code == 2
