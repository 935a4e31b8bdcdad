"""What goes to a package index: the wheel and the source distribution, and what is said of them."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def run(*command: str, folder: Path = ROOT) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def build(kind: str, source: Path, folder: Path) -> Path:
    """A distribution of a source tree; kind is `sdist` or `wheel`."""
    code = f"import sys; from hatchling.build import build_{kind} as build; build(sys.argv[1])"
    run(sys.executable, "-c", code, str(folder), folder=source)
    return next(path for path in folder.iterdir() if (path.suffix == ".whl") == (kind == "wheel"))


@pytest.mark.slow
def test_both_are_sound_and_alike(tmp_path: Path) -> None:
    """The wheel that is built from the source distribution is that of the clone, and nothing unasked for is in it."""
    pytest.importorskip("twine")
    pytest.importorskip("check_wheel_contents")
    folders = [tmp_path / name for name in ("sdist", "wheel", "again", "unpacked")]
    for folder in folders:
        folder.mkdir()
    sdist, wheel = build("sdist", ROOT, folders[0]), build("wheel", ROOT, folders[1])
    with tarfile.open(sdist) as archive:
        archive.extractall(folders[3], filter="data")
    (unpacked,) = folders[3].iterdir()
    again = build("wheel", unpacked, folders[2])
    contents = [
        {info.filename: info.CRC for info in zipfile.ZipFile(path).infolist()} for path in (wheel, again)
    ]
    assert contents[0] == contents[1]
    assert {path.name for path in unpacked.iterdir()} >= {"tests", ".pre-commit-hooks.yaml", ".citation.cff"}
    assert not list(unpacked.rglob("node_modules"))
    run(sys.executable, "-m", "twine", "check", "--strict", str(sdist), str(wheel))
    run(sys.executable, "-m", "check_wheel_contents", str(wheel))


def test_python_versions_and_links() -> None:
    classifiers = PROJECT["classifiers"]
    versions = [each for each in classifiers if each.startswith("Programming Language :: Python :: 3.")]
    assert versions[0].endswith(PROJECT["requires-python"].removeprefix(">="))
    assert set(PROJECT["urls"]) >= {"Homepage", "Documentation", "Repository", "Changelog", "Issues"}


def test_citation_names_this_version() -> None:
    yaml = pytest.importorskip("yaml")
    citation = yaml.safe_load((ROOT / ".citation.cff").read_text(encoding="utf-8"))
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["repository-code"] == PROJECT["urls"]["Repository"]
    assert citation["authors"] == PROJECT["authors"]
    assert {"cff-version", "message", "title", "references"} <= citation.keys()
