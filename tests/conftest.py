"""Golden files: what a test prints, kept beside it. `pytest --update-golden` writes them anew."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# pytest runs one worker a core: threads of torch's own would only stand in each other's way.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Numbers are those of the CPU, also where `--device auto` would find a GPU.
os.environ["CUDA_VISIBLE_DEVICES"] = ""
# Own kernels run in Triton's interpreter, which has to be asked for before anything imports Triton.
os.environ["TRITON_INTERPRET"] = "1"

Golden = Callable[[Path, str], None]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files instead of comparing")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """`golden(path, text)` compares a text with a file, or rewrites the file under --update-golden."""
    update = request.config.getoption("--update-golden")

    def compare(path: Path, text: str) -> None:
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
            return
        assert path.exists(), f"{path.name} is missing; run pytest with --update-golden and look at it"
        assert text == path.read_text(encoding="utf-8"), f"{path.name} differs; --update-golden rewrites it"

    return compare


@pytest.fixture(scope="session", autouse=True)
def own_settings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Settings of the tests' own, in place of those of the user who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        folder = str(tmp_path_factory.mktemp("settings"))
        for name in ("XDG_CONFIG_HOME", "APPDATA", "LOCALAPPDATA"):
            patch.setenv(name, folder)
        yield
