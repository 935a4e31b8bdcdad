"""The hooks of pre-commit, run by pre-commit itself from this clone; nothing is fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GOOD = "darts 1\n\nop f(k) = relu > conv(k)/stride > bn\n"

pytestmark = pytest.mark.slow


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with the hooks, as pre-commit would clone it, and one that uses them, where the tests run."""
    pytest.importorskip("pre_commit")
    for name, value in {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a", "GIT_COMMITTER_NAME": "a"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GIT_COMMITTER_EMAIL", "a")
    monkeypatch.setenv("PRE_COMMIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    hooks, mine = tmp_path / "hooks", tmp_path / "mine"
    for folder in (hooks, mine):
        folder.mkdir()
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    shutil.copy(ROOT / ".pre-commit-hooks.yaml", hooks)
    subprocess.run(["git", "add", "-A"], cwd=hooks, check=True)
    subprocess.run(["git", "commit", "-qm", "Hooks"], cwd=hooks, check=True)
    monkeypatch.chdir(mine)
    return hooks


def hooks(repository: Path) -> tuple[int, str]:
    """Exit code and output of the hooks on all files."""
    subprocess.run(["git", "add", "-A"], check=True)
    command = [sys.executable, "-m", "pre_commit", "try-repo", str(repository), "--all-files"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_hooks(repository: Path) -> None:
    spec = Path("some.darts")
    Path("other.txt").write_text("darts 1 op\n", encoding="utf-8")
    spec.write_text(GOOD.replace("\n\nop", "\nop  ").replace("relu", "rellu"), encoding="utf-8")
    code, printed = hooks(repository)
    assert code == 1
    assert "files were modified by this hook" in printed
    assert "did you mean `relu`?" in printed
    assert spec.read_text(encoding="utf-8") == GOOD.replace("relu", "rellu")
    spec.write_text(GOOD, encoding="utf-8")
    code, printed = hooks(repository)
    assert (code, printed.count("Passed")) == (0, 2)
