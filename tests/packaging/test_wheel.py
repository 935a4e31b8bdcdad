"""The wheel by itself: what it holds, and the main job from it in an empty folder."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(command: list[str], folder: Path, **environment: str) -> str:
    """Standard output of a process that must succeed."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built without network: hatchling is one of the test requirements."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]
    run([sys.executable, "-m", "pip", "wheel", *options, "--wheel-dir", str(folder), str(ROOT)], folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the wheel's content and scripts; the rest comes from the present environment."""
    folder = tmp_path_factory.mktemp("installed")
    options = ["--no-deps", "--no-index", "--disable-pip-version-check", "--target", str(folder)]
    run([sys.executable, "-m", "pip", "install", *options, str(wheel)], folder)
    return folder


def run_dartsl(installed: Path, folder: Path, *arguments: str) -> str:
    script = next((installed / "bin").glob("dartsl*"))
    # One thread: the other cores are at work on other tests.
    return run(
        [sys.executable, str(script), *arguments], folder, PYTHONPATH=str(installed), OMP_NUM_THREADS="1"
    )


def test_wheel_carries_specs_grammars_and_licence(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata_name,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(metadata_name).decode("utf-8"))
    assert {f"dartsl/sweeping/pages/report.{kind}" for kind in ("css", "js")} <= names
    for folder in ("specs", "grammars"):
        source = [path for path in (ROOT / folder).rglob("*") if path.suffix in {".darts", ".lark"}]
        assert source
        assert {f"dartsl/{path.relative_to(ROOT).as_posix()}" for path in source} <= names
    assert not [name for name in names if "editors" in name]
    assert "dartsl/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert metadata["License-Expression"] == "Apache-2.0"
    assert not [name for name in names if name.startswith("tests") or "__pycache__" in name]


def test_wheel_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    code = "import dartsl; print(dartsl.__file__)"
    found = run([sys.executable, "-c", code], tmp_path, PYTHONPATH=str(installed))
    assert Path(found.strip()).is_relative_to(installed)
    listed = run_dartsl(installed, tmp_path, "specs")
    for name in ("digits", "darts_cnn", "nasbench201", "zoo/darts_v2"):
        assert name in listed
    run_dartsl(installed, tmp_path, "check", "digits")


def test_pygments_knows_the_language_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "some.darts").write_text("darts 1\ncell c {}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pygments", "-f", "raw", "some.darts"]
    assert "Token.Name.Class\t'c'" in run(command, tmp_path, PYTHONPATH=str(installed))


def test_search_from_the_wheel_in_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    small = ["--epochs", "1", "--split", "0.1", "--batch", "50", "--set", "C=4"]  # three steps
    printed = run_dartsl(installed, tmp_path, "search", "digits", *small, "--out", "run")
    assert "run" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert {"spec.darts", "found.darts", "found.dot", "found.svg"} <= {
        p.name for p in (tmp_path / "run").iterdir()
    }
    run_dartsl(installed, tmp_path, "check", "run/found.darts")
