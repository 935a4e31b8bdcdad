"""A language model without a `scan` on the command line: exact order, characters, windows and prompts."""

from __future__ import annotations

from pathlib import Path

import pytest

from .conftest import Dartsl

LINE = "the quick brown fox jumps over the lazy dog\n"
NOTE = "note: exact products take attention by matrices of all pairs of places"
SMALL = ("--data", "texts", "--level", "char", "--batch", "4", "--set", "vocab=28", "--set", "window=8")
TINY = (*SMALL, "--set", "D=8", "--set", "L=1", "--epochs", "1")


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder of texts of 28 characters."""
    folder = tmp_path / "texts"
    folder.mkdir()
    for part, lines in (("train", 12), ("valid", 2), ("test", 2)):
        (folder / f"{part}.txt").write_text(LINE * lines)
    return folder


@pytest.mark.slow
@pytest.mark.usefixtures("texts")
def test_searched_in_exact_order_trained_and_continued(dartsl: Dartsl) -> None:
    searched = dartsl("search", "transformer", *TINY, "--order", "exact", "--out", "run")
    assert searched.exit_code == 0, searched.output
    assert searched.output.count(NOTE) == 1
    trained = dartsl("train", "run", "--epochs", "1", "--batch", "4", "--out", "trained")
    assert trained.exit_code == 0, trained.output
    assert "perplexity" in dartsl("eval", "trained").stdout
    short, long = (
        dartsl("predict", "trained", "--prompt", prompt, "--length", "20", "--temperature", "0").stdout
        for prompt in ("brown", LINE.strip() + " the brown")
    )
    assert short.startswith("brown")
    assert len(short.rstrip("\n")) == 25
    # Longer than the 8 places: the last 8 characters count.
    same = dartsl("predict", "trained", "--prompt", "he brown", "--length", "20", "--temperature", "0").stdout
    assert long.removeprefix(LINE.strip() + " t") == same


@pytest.mark.usefixtures("texts")
def test_other_orders_say_nothing_of_matrices_and_gradients_agree(dartsl: Dartsl) -> None:
    searched = dartsl("search", "transformer", *TINY, "--order", "2", "--out", "run")
    assert searched.exit_code == 0, searched.output
    assert NOTE not in searched.output
    checked = dartsl("search", "transformer", *TINY, "--check-gradients")
    assert checked.exit_code == 0, checked.output
    assert "order 2 can be trusted here" in checked.stdout


@pytest.mark.usefixtures("texts")
@pytest.mark.parametrize("command", ["search", "train"])
def test_no_window_is_longer_than_the_places(dartsl: Dartsl, command: str) -> None:
    spec = "transformer"
    if command == "train":
        assert dartsl("search", "transformer", *TINY, "--out", "run").exit_code == 0
        spec = "run"
    given = TINY if command == "search" else ("--epochs", "1")
    refused = dartsl(command, spec, *given, "--bptt", "9", "--out", "longer")
    assert refused.exit_code == 1
    assert "a window of 9 words is longer than the 8 that the network has positions for" in refused.output
    assert not Path("longer").exists()
