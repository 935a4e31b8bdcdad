"""plot, on runs of a second and on folders that are none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

import dartsl as api

from .conftest import Dartsl


@pytest.fixture
def searched(dartsl: Dartsl, good: Path, tmp_path: Path) -> Path:
    """The folder of a search of two epochs."""
    result = dartsl("search", "good.darts", "--out", "run", "--set", "C=2", "--epochs", "2")
    assert result.exit_code == 0, result.output
    return tmp_path / "run"


def words(svg: Path) -> str:
    return " ".join(ElementTree.parse(svg).getroot().itertext())


def test_a_search_is_drawn(dartsl: Dartsl, searched: Path, tmp_path: Path) -> None:
    result = dartsl("plot", "run")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "wrote run/curves.svg\n")
    text = words(searched / "curves.svg")
    for name in (
        "search of good.darts, network small: epoch 2 of 2, seed 0",
        "accuracy",
        "entropy of the mixing weights, nats",
        "cell pair",
        "a -> p",
        "p -> q",
        "sep_conv(3)",
        "skip_connect",
        "max_pool_3x3",
    ):
        assert name in text
    first = (searched / "curves.svg").read_bytes()
    assert api.plot(searched) == searched / "curves.svg"
    assert (searched / "curves.svg").read_bytes() == first
    assert dartsl("plot", "run", "-o", "other.png").exit_code == 0
    assert (tmp_path / "other.png").read_bytes().startswith(b"\x89PNG")
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_an_interrupted_search_has_recorded_is_drawn(dartsl: Dartsl, searched: Path) -> None:
    for name in ("history.jsonl", "alphas.jsonl"):
        first = (searched / name).read_text().splitlines()[0]
        (searched / name).write_text(f'{first}\n{{"epoch": 2, "tr')  # cut off in the middle of a row
    assert dartsl("plot", "run").exit_code == 0
    assert "epoch 1 of 2" in words(searched / "curves.svg")


def test_a_training_is_drawn(dartsl: Dartsl, searched: Path, tmp_path: Path) -> None:
    options = ["--epochs", "1", "--batch", "8", "--validation", "0.25", "--no-flip"]
    result = dartsl("train", "run", "--out", "trained", *options)
    assert result.exit_code == 0, result.output
    assert dartsl("plot", "trained").exit_code == 0
    text = words(tmp_path / "trained" / "curves.svg")
    for name in ("training of found.darts", "loss, nats", "validation", "learning rate"):
        assert name in text
    assert "cell pair" not in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("nowhere",), 2, "there is no run folder nowhere"),
        ((".",), 1, "is not a run folder"),
        (("run", "-o", "run.gif"), 2, "ends in none of .svg, .png, .pdf"),
        (("run", "-o", "run.dot"), 2, "ends in none of .svg, .png, .pdf"),
        (("run", "-o", "nowhere/run.svg"), 1, "cannot write nowhere/run.svg"),
    ],
)
def test_plot_refuses(
    dartsl: Dartsl, searched: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    result = dartsl("plot", *arguments)
    assert result.exit_code == code
    assert said in result.stderr
    assert not (searched / "curves.svg").exists()


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("history.jsonl", "", "has no epoch yet to draw"),
        ("history.jsonl", "[]\n", "line 1 of run/history.jsonl is not a JSON object"),
        ("history.jsonl", '{"epoch": 1, "lr": "high"}\n', "the history of run is damaged: `lr` of epoch 1"),
        ("history.jsonl", '{"epoch": 1}\n', "holds nothing that could be drawn"),
        ("alphas.jsonl", "", "holds no alphas"),
        ("alphas.jsonl", '{"epoch": 1, "alphas": {"pair": [[0.0]]}}\n', "do not fit its spec"),
        ("run.json", "{", "it is not JSON"),
    ],
)
def test_damaged_runs_are_refused(dartsl: Dartsl, searched: Path, name: str, text: str, said: str) -> None:
    (searched / name).write_text(text)
    result = dartsl("plot", "run")
    assert result.exit_code == 1
    assert said in result.stderr
    assert not (searched / "curves.svg").exists()


def test_the_run_of_several_seeds_names_one(dartsl: Dartsl, searched: Path, tmp_path: Path) -> None:
    (tmp_path / "seeds").mkdir()
    searched.rename(tmp_path / "seeds" / "seed0")
    result = dartsl("plot", "seeds")
    assert result.exit_code == 1
    assert "several seeds" in result.stderr
    assert "seeds/seed0" in result.stderr


def test_only_a_picture_loads_matplotlib_and_none_loads_torch(searched: Path) -> None:
    code = """if True:
        import sys
        import dartsl.cli.plot, dartsl.cli.app, dartsl.api.drawing
        assert "matplotlib" not in sys.modules
        dartsl.api.drawing.plot(sys.argv[1])
        assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
        assert "torch" not in sys.modules
    """
    done = subprocess.run([sys.executable, "-c", code, str(searched)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
