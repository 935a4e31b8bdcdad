"""`dartsl check --fix`."""

from __future__ import annotations

from pathlib import Path

import pytest

from dartsl.lang.syntax.loader import encode
from tests.cli.conftest import GOOD, Dartsl

BROKEN = GOOD.replace('import "std/cnn"\n\n', "")


def test_check_fix_rewrites_the_file(dartsl: Dartsl, tmp_path: Path) -> None:
    path = tmp_path / "mine.darts"
    path.write_text(BROKEN, encoding="utf-8")
    done = dartsl("check", "--fix", str(path))
    assert (done.exit_code, done.stderr) == (0, f"fixed {path}\n")
    assert path.read_text(encoding="utf-8") == GOOD
    assert dartsl("check", "--fix", str(path)).stderr == ""
    assert [each.name for each in tmp_path.iterdir()] == ["mine.darts"]


def test_check_fix_rewrites_files_of_the_user_alone(dartsl: Dartsl, tmp_path: Path) -> None:
    assert "`-` is none" in dartsl("check", "--fix", "-", input="darts 1\n").stderr
    assert dartsl("check", "--fix", str(tmp_path)).exit_code == 2
    assert dartsl("check", "--fix", "digits").exit_code == 0


def test_check_fix_mends_a_slip_and_says_what_it_leaves(dartsl: Dartsl, tmp_path: Path) -> None:
    """README's own typo."""
    path = tmp_path / "typo.darts"
    path.write_text(GOOD.replace("skip_connect", "skip_conect"), encoding="utf-8")
    assert dartsl("check", "--fix", str(path)).stderr == f"fixed {path}\n"
    assert path.read_text(encoding="utf-8") == GOOD
    path.write_text(GOOD.replace("skip_connect", "skip_cn"), encoding="utf-8")
    done = dartsl("check", "--fix", str(path))
    assert done.exit_code == 1
    line = GOOD[: GOOD.index("skip_connect")].count("\n") + 1
    assert done.stderr.startswith(f"left {path}:{line}:")
    assert "change to `skip_connect`? it differs in a digit, or in more than one letter" in done.stderr
    path.write_text(GOOD + 'search { method = "pc_dart" }\n', encoding="utf-8")
    done = dartsl("check", "--fix", str(path))
    assert "change to `pc_darts`? values and paths are left to their author" in done.stderr


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["bare", "with a mark"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
def test_check_fix_keeps_line_ends_and_the_mark(
    dartsl: Dartsl, tmp_path: Path, end: bytes, mark: bytes
) -> None:
    path = tmp_path / "mine.darts"
    path.write_bytes(mark + BROKEN.encode().replace(b"\n", end))
    dartsl("check", "--fix", str(path))
    assert path.read_bytes() == mark + GOOD.encode().replace(b"\n", end)


def test_check_fix_keeps_each_line_end_of_a_file_that_has_both() -> None:
    before = b"darts 1\r\n\nop a = b\nop c = d\r\nlast"
    assert encode("darts 1\n\nimport\nop a = b\nop c = e\nlast", before) == (
        b"darts 1\r\n\nimport\r\nop a = b\nop c = e\r\nlast"
    )
