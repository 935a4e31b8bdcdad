"""`dartsl check --fix`."""

from __future__ import annotations

from pathlib import Path

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
