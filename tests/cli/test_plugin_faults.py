"""Plugins that are wrong: found by a trial before anything runs, or named when they fail later."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import GOOD, Dartsl
from .test_plugins import SOUND

WRONG = SOUND.replace("return 0.5 * x", "return x[:, :1]")


@pytest.mark.parametrize("command", ["check", "info"])
def test_check_and_info_try_the_plugins_that_are_named(dartsl: Dartsl, tmp_path: Path, command: str) -> None:
    text = GOOD.replace("cell pair", "extern op half\n\ncell pair").replace(
        "b -> p : skip_connect", "b -> p : half"
    )
    (tmp_path / "spec.darts").write_text(text)
    (tmp_path / "sound.py").write_text(SOUND)
    (tmp_path / "wrong.py").write_text(WRONG)
    (tmp_path / "none.py").write_text("")
    assert dartsl(command, "spec.darts").exit_code == 0
    assert dartsl(command, "spec.darts", "--plugin", "sound.py").exit_code == 0
    for file, code in (("wrong.py", "E0412"), ("none.py", "E0411")):
        result = dartsl(command, "spec.darts", "--plugin", file)
        assert result.exit_code == 1
        assert f"error[{code}]" in result.output
        assert "edge   b -> p : half" in result.output


def test_check_wants_an_implementation_of_what_no_network_uses(dartsl: Dartsl, tmp_path: Path) -> None:
    (tmp_path / "spec.darts").write_text("darts 1\nextern op half\nextern op rest\n")
    (tmp_path / "sound.py").write_text(SOUND)
    result = dartsl("check", "spec.darts", "--plugin", "sound.py")
    assert result.output.count("error[E0411]") == 1
    assert "operation `rest` has no implementation" in result.output


# ------------------------------------------------------- faults while they run

LATER = """
import sys
import torch
from torch import nn

passes = 0

class Late(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, slope):
        fail()
        return slope

def fail():
    if passes > 6:  # the look at it before the search takes fewer
        FAULT

class Half(nn.Module):
    def forward(self, x):
        global passes
        passes += 1
        BODY

def half(in_channels, out_channels, stride, affine):
    return Half()
"""
EXTERN = GOOD.replace("cell pair", "extern op half\n\ncell pair").replace(
    "b -> p : skip_connect", "b -> p : half | skip_connect"
)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        ("sys.exit(0)", "SystemExit: 0"),
        ("raise RuntimeError('no such kernel')", "RuntimeError: no such kernel"),
        ("raise BaseException('away')", "BaseException: away"),
        ("raise GeneratorExit", "GeneratorExit"),
    ],
)
@pytest.mark.parametrize("body", ["fail(); return 0.5 * x", "return 0.5 * Late.apply(x)"])
def test_a_plugin_that_fails_later_is_named(
    dartsl: Dartsl, good: Path, tmp_path: Path, fault: str, said: str, body: str
) -> None:
    good.write_text(EXTERN)
    (tmp_path / "later.py").write_text(LATER.replace("FAULT", fault).replace("BODY", body))
    failed = dartsl("search", "good.darts", "--out", "run", "--plugin", "later.py", "--epochs", "20")
    assert failed.exit_code == 1, failed.output
    assert f"the implementation of `half` (later.py) fails while it runs: {said}" in failed.stderr
    assert not (tmp_path / "run" / "found.darts").exists()
    assert dartsl("search", "good.darts", "--check-gradients", "--plugin", "later.py").exit_code in (0, 1)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return x.double()", "it gives float64 for float32"),
        ("sys.exit(0)", "SystemExit: 0"),
        ("return None", "it gives NoneType, not a tensor"),
    ],
)
def test_a_plugin_that_breaks_its_contract_is_shown_in_the_spec(
    dartsl: Dartsl, good: Path, tmp_path: Path, body: str, words: str
) -> None:
    good.write_text(EXTERN)
    (tmp_path / "broken.py").write_text(LATER.replace("FAULT", "pass").replace("BODY", body))
    for command in (
        ("search", "good.darts", "--out", "run"),
        ("info", "good.darts"),
        ("compile", "good.darts"),
    ):
        failed = dartsl(*command, "--plugin", "broken.py")
        assert failed.exit_code == 1, (command, failed.output)
        assert "E0412" in failed.stderr
        assert words in failed.stderr
    assert not (tmp_path / "run").exists()
    (tmp_path / "broken.py").write_text("import sys\nsys.exit(0)\n")
    left = dartsl("search", "good.darts", "--out", "run", "--plugin", "broken.py")
    assert left.exit_code == 1
    assert "broken.py fails: SystemExit: 0" in left.stderr
