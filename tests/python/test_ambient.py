"""Runs within what torch may have switched on around them: they find, reach and measure what they do without it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import dartsl
from tests.nn.surroundings import SURROUNDINGS
from tests.python.conftest import COMMON
from tests.search.runs import checkpoint_of, rows, same
from tests.search.test_text_loop import STORY

SEARCH: dict[str, Any] = {**COMMON, "epochs": 2, "order": "2", "crop": 1, "flip": True, "cutout": 2}
TRAINING: dict[str, Any] = {**SEARCH, "ema": 0.9, "drop_path": 0.2, "auxiliary": 0.4, "label_smoothing": 0.1}
del TRAINING["order"]
SEARCH |= {"alphas_lr": 0.1, "clip": 0.5}


def images(out: str, console: Console) -> tuple[Any, ...]:
    """All that a search and a training of images leave, and what is asked of them."""
    found = dartsl.search(
        "small.darts", f"{out}/search", data="images.npz", console=console, parameters={"C": 3}, **SEARCH
    )
    trained = dartsl.train(found.path, f"{out}/train", console=console, parameters={"C": 3}, **TRAINING)
    picture = np.arange(36, dtype=np.uint8).reshape(1, 6, 6, 1)
    likely = dartsl.predict(trained.path, picture, top_k=2)
    compared = dartsl.check_gradients("small.darts", data="images.npz", **COMMON)
    reported = [dartsl.evaluate(trained.path, device="cpu").test, likely, compared, found.found]
    return (*reported, *left(found.path), *left(trained.path))


def text(out: str, console: Console) -> tuple[Any, ...]:
    """The same of a text."""
    common: dict[str, Any] = {"device": "cpu", "level": "char", "epochs": 2, "console": console}
    found = dartsl.search("story.darts", f"{out}/search", data=".", batch=4, **common)
    decided = dartsl.train(found.path, f"{out}/train", batch=4, nonmono=0, ar=0.1, **common)
    continued = dartsl.generate(decided.path, "abc", length=5, device="cpu")
    reported = [dartsl.evaluate(decided.path, device="cpu").test, continued]
    return (*reported, *left(found.path), *left(decided.path))


def left(run: Path) -> tuple[Any, ...]:
    return checkpoint_of(run), rows(run / "history.jsonl")


@pytest.fixture(scope="module")
def kept() -> dict[str, tuple[Any, ...]]:
    """What runs leave with nothing around them, taken once."""
    return {}


@pytest.fixture
def story(work: Path) -> None:
    """A space of recurrent cells, `story.darts`, and a text of six letters."""
    Path("story.darts").write_text(STORY)
    letters = np.random.default_rng(0).choice(list("abcdef"), 156)
    Path("train.txt").write_text("abcdef" + "".join(letters))
    Path("valid.txt").write_text("".join(letters[40:100]))
    Path("test.txt").write_text("".join(letters[:30]))


@pytest.mark.usefixtures("story")
@pytest.mark.parametrize("runs", [images, text])
@pytest.mark.parametrize("around", SURROUNDINGS)
def test_what_is_switched_on_around_a_run_changes_no_number(
    around: str,
    runs: Callable[[str, Console], tuple[Any, ...]],
    quiet: Console,
    kept: dict[str, tuple[Any, ...]],
) -> None:
    if runs.__name__ not in kept:
        kept[runs.__name__] = runs("plain", quiet)
    with SURROUNDINGS[around]():
        found = runs("within", quiet)
    same(found, kept[runs.__name__])
