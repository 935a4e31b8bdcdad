"""`dartsl predict`, on images and on text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dartsl.cli.predict import _lines
from dartsl.training.predict import Prediction

from .conftest import GOOD, Dartsl
from .test_text_networks import SPEC, story

__all__ = ["story"]  # a fixture

DECIDED = GOOD.replace(" | skip_connect", "").replace(" | sep_conv(3)", "")


@pytest.fixture
def trained(dartsl: Dartsl, good: Path) -> Path:
    """The run `trained`, and eight pictures in `scans/`."""
    good.write_text(DECIDED, encoding="utf-8")
    options = ("--data", "tiny.npz", "--epochs", "1", "--batch", "8", "--crop", "1")
    result = dartsl("train", "good.darts", "--out", "trained", *options)
    assert result.exit_code == 0, result.output
    Path("scans").mkdir()
    for number, pixels in enumerate(np.load("tiny.npz")["x_test"][:8]):
        Image.fromarray(pixels).save(f"scans/{number}.png")
    return Path("trained")


def test_each_image_has_its_line(dartsl: Dartsl, trained: Path) -> None:
    result = dartsl("predict", "trained", "scans", "scans/3.png")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert [line.split()[0] for line in lines] == [
        *(f"scans/{number}.png" for number in range(8)),
        "scans/3.png",
    ]
    assert all(re.fullmatch(r"scans/\d\.png   \d +\d+\.\d %", line) for line in lines)
    assert lines[3] == lines[8]
    assert result.stderr == ""


def test_several_classes_as_text_and_json(dartsl: Dartsl, trained: Path) -> None:
    text = dartsl("predict", "trained", "scans/3.png", "--top-k", "3").stdout
    given = dartsl("predict", "trained", "scans/3.png", "--top-k", "3", "--format", "json").stdout
    result = json.loads(given)["result"]
    assert result["epochs"] == 1
    (found,) = result["images"]
    assert found["image"] == "scans/3.png"
    names = [each["class"] for each in found["classes"]]
    chances = [each["probability"] for each in found["classes"]]
    assert chances == sorted(chances, reverse=True)
    assert set(names) <= set("0123456789")
    shown = "   ".join(f"{name} {100 * chance:5.1f} %" for name, chance in zip(names, chances, strict=True))
    assert text == f"scans/3.png   {shown}\n"


def test_npz_files(dartsl: Dartsl, trained: Path) -> None:
    lines = dartsl("predict", "trained", "tiny.npz").stdout.splitlines()
    assert len(lines) == 32
    of_files = dartsl("predict", "trained", "scans").stdout.splitlines()
    assert [line.split()[1:] for line in lines[:8]] == [line.split()[1:] for line in of_files]
    np.savez("other.npz", y=np.zeros(3))
    result = dartsl("predict", "trained", "other.npz")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "has no array x_test or x" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Missing argument 'FILES...'"),
        (("scans", "--prompt", "x"), "--prompt is for a text"),
        (("scans", "--length", "3"), "--length is for a text"),
        (("scans", "--top-k", "0"), "--top-k"),
    ],
)
def test_wrong_use(dartsl: Dartsl, trained: Path, arguments: tuple[str, ...], words: str) -> None:
    result = dartsl("predict", "trained", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr


def test_nothing_is_shown_where_a_file_is_bad(dartsl: Dartsl, trained: Path) -> None:
    Path("scans/9.png").write_text("no image")
    result = dartsl("predict", "trained", "scans")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "scans/9.png: not a readable image" in result.stderr


def test_a_search_is_to_be_trained_first(dartsl: Dartsl, good: Path) -> None:
    assert dartsl("search", "good.darts", "--out", "searched").exit_code == 0
    result = dartsl("predict", "searched", "x.png")
    assert result.exit_code == 1
    assert "`dartsl train searched` trains what a search has found" in result.stderr
    assert dartsl("predict", "nowhere", "x.png").exit_code == 2


def test_text_goes_on(dartsl: Dartsl, story: Path) -> None:
    story.write_text(
        SPEC.replace(" keep 1", "").replace("s0..s1 -> s1..s2 : activations", "s0 -> s1..s2 : gate(tanh)")
    )
    options = ("--data", "texts", "--epochs", "2", "--batch", "4", "--lr", "1")
    assert dartsl("train", "story.darts", "--out", "trained", *options).exit_code == 0
    result = dartsl("predict", "trained", "--prompt", "the cat", "--length", "12")
    assert result.exit_code == 0, result.output
    text = result.stdout
    assert text.startswith("the cat ")
    Path("prompt.txt").write_text("the cat\n")
    assert dartsl("predict", "trained", "prompt.txt", "--length", "12").stdout == text
    assert dartsl("predict", "trained", "-", "--length", "12", input="the cat\n").stdout == text
    assert dartsl("predict", "trained", "--prompt", "the cat", "--length", "12", "--seed", "1").stdout != text
    given = dartsl("predict", "trained", "--prompt", "the cat", "--length", "12", "--format", "json").stdout
    continuation = text.removeprefix("the cat")[:-1]
    wanted = {"epochs": 2, "prompt": "the cat", "continuation": continuation, "unknown": []}
    assert json.loads(given)["result"] == wanted
    result = dartsl("predict", "trained", "--prompt", "the yak", "--length", "2", "--top-k", "2")
    assert result.stderr == "note: not in the vocabulary, and read as <unk>: `yak`\n"
    for wrong in ((), ("a.txt", "b.txt"), ("a.txt", "--prompt", "x")):
        result = dartsl("predict", "trained", *wrong)
        assert result.exit_code == 2
        assert "was trained on text: give --prompt TEXT" in result.stderr
    assert dartsl("predict", "trained", "texts").exit_code == 1


def test_an_unfinished_training_says_so(dartsl: Dartsl, trained: Path) -> None:
    record = Path("trained/run.json")
    record.write_text(record.read_text().replace('"epochs": 1', '"epochs": 7'))
    result = dartsl("predict", "trained", "scans/1.png")
    assert result.stderr == "note: the training is not over: the weights are those after epoch 1 of 7\n"


def test_numbers_that_are_not_finite_are_shown() -> None:
    """As a network gives them for a row far out of all that it was trained on."""
    found = [Prediction(name, (), (), {"price": value}) for name, value in (("a", 1.5), ("b", float("inf")))]
    assert _lines(found, (1.0,)) == ["a   price 1.5", "b   price inf"]
    assert _lines(found[1:], (1.0,)) == ["b   price inf"]
