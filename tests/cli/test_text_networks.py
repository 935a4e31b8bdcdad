"""Networks of text on the command line: info, search, resume, check-gradients, bench; and what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .conftest import Dartsl, result_of

SMALL = ("--set", "H=4", "--batch", "64", "--epochs", "2", "--bptt", "8")
STORY = "the cat sat on the mat\nthe dog sat by the cat\n"

SPEC = """\
darts 1

import "std/rnn"

cell recurrent {
  input  x, h
  node   s0     : highway > mix_bn
  node   s1..s2 : sum > mix_bn keep 1
  edge   x, h   -> s0     : identity
  edge   s0..s1 -> s1..s2 : activations
  output mean(s1..s2)
}

network story(H = 4, vocab = 9) {
  input tokens(5)
  stem  embedding(vocab, out = H) > locked_dropout(0.2)
  stage scan(recurrent, carry = "h", dropout_x = 0.25, dropout_h = 0.25) width H
  head  locked_dropout(0.25) > linear(vocab, tie = "stem")
}

search {
  epochs = 2
  batch  = 4
  order  = 2
}
"""


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """A spec of a small network, and a folder `texts` with a vocabulary of nine."""
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "train.txt").write_text(STORY * 20)
    (texts / "valid.txt").write_text(STORY * 4 + "the bird sat\n")
    (texts / "test.txt").write_text(STORY * 2)
    path = tmp_path / "story.darts"
    path.write_text(SPEC)
    return path


@pytest.mark.slow
def test_info_tells_window_and_vocabulary(dartsl: Dartsl) -> None:
    shown = dartsl("info", "text").stdout
    assert "window         15 words of a vocabulary of 8\n" in shown
    assert " per word\n" in shown
    assert re.search(r"memory .* per step \(batch 128, order 1\)\n", shown)
    record = result_of(dartsl("info", "text", "--format", "json"))
    assert (record["window"], record["vocabulary"]) == (15, 8)
    assert record["memory_bytes"] > 0
    assert result_of(dartsl("info", "digits", "--format", "json"))["window"] is None


def test_a_search_on_the_embedded_text_tells_what_is_possible(dartsl: Dartsl, tmp_path: Path) -> None:
    result = dartsl("search", "text", *SMALL, "--out", "run")
    assert result.exit_code == 0, result.output
    assert re.search(r"epoch 2/2  loss [\d.]+  ppl [\d.]+  val loss [\d.]+  val ppl [\d.]+", result.stdout)
    assert re.search(r"validation perplexity  [\d.]+", result.stdout)
    assert "best possible          3.364" in result.stdout
    record = json.loads((tmp_path / "run" / "vocabulary.json").read_text())
    assert sorted(record["vocabulary"]) == list("abcdefgh")
    rows = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text().splitlines()]
    assert rows[1]["train_perplexity"] < rows[0]["train_perplexity"]
    assert [row["lr"] for row in rows] == [5.0, 5.0]
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    assert (settings["momentum"], settings["tar"], settings["alphas_betas"]) == (0.0, 1e-3, [0.9, 0.999])
    again = dartsl("search", "--resume", "run")
    assert again.exit_code == 0
    assert "best possible          3.364" in again.stdout
    assert dartsl("check", "run/found.darts").exit_code == 0


@pytest.mark.parametrize("order", ["1", "2", "exact"])
def test_a_folder_of_texts_is_searched(dartsl: Dartsl, story: Path, tmp_path: Path, order: str) -> None:
    result = dartsl("search", "story.darts", "--data", "texts", "--order", order, "--out", "run")
    assert result.exit_code == 0, result.output
    assert "best possible" not in result.stdout
    record = json.loads((tmp_path / "run" / "vocabulary.json").read_text())
    assert record["vocabulary"] == ["the", "cat", "sat", "<eos>", "on", "mat", "dog", "by", "<unk>"]
    assert (record["level"], record["size"]) == ("word", 9)


def test_the_orders_are_compared(dartsl: Dartsl, story: Path) -> None:
    result = dartsl("search", "story.darts", "--data", "texts", "--check-gradients", "--dtype", "float64")
    assert result.exit_code == 0, result.output
    assert "4 rows of each text" in result.stdout


@pytest.mark.slow
def test_bench_measures_text(dartsl: Dartsl, story: Path) -> None:
    result = dartsl("bench", "story.darts", "--repeats", "1", "--case", "first", "--format", "json")
    assert result.exit_code == 0, result.output
    assert [row["level"] for row in result_of(result)["rows"]] == ["O0", "O2", "low"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--data", "markov"), "the data has 8 different words, and the network's head gives 9"),
        (("--data", "markov", "--set", "vocab=6"), "help: try --set vocab=8, or name other data by --data"),
        (("--data", "texts", "--set", "vocab=10000"), "help: try --set vocab=9, or"),
        (("--data", "texts", "--crop", "4"), "the setting `crop` is for networks of images"),
        (("--data", "texts", "--batch", "100"), "too short for 100 rows"),
        (("--data", "texts", "--batch", "1"), "one row of text leaves the batch norms"),
        (("--data", "digits"), "no such text"),
        (("--data", "texts", "--level", "line"), "--level"),
    ],
)
def test_what_does_not_fit_is_refused(
    dartsl: Dartsl, story: Path, arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    result = dartsl("search", "story.darts", *arguments)
    assert result.exit_code in (1, 2)
    assert words in result.stderr
    assert not (tmp_path / "runs").exists()


def test_settings_of_text_are_refused_for_images(dartsl: Dartsl, good: Path) -> None:
    result = dartsl("search", "good.darts", "--tar", "1")
    assert result.exit_code == 2
    assert "the setting `tar` is for networks of text" in result.stderr


# ------------------------------------------------------------------- training


def test_what_a_search_on_text_found_is_trained_and_evaluated(
    dartsl: Dartsl, story: Path, tmp_path: Path
) -> None:
    """On the search's text, split as the search split it."""
    text = "".join(sorted(set(STORY)))
    options = ["--data", "story.txt", "--level", "char", "--set", f"vocab={len(text)}", "--out", "run"]
    (tmp_path / "story.txt").write_text(STORY * 20)
    assert dartsl("search", "story.darts", *options).exit_code == 0
    result = dartsl("train", "run", "--epochs", "2", "--batch", "4", "--lr", "2", "--out", "trained")
    assert result.exit_code == 0, result.output
    assert re.search(r"epoch 2/2  loss [\d.]+  ppl [\d.]+ .*val loss [\d.]+  val ppl [\d.]+", result.stdout)
    assert "characters, 2 epochs" in result.stdout
    record = json.loads((tmp_path / "trained" / "run.json").read_text())["settings"]
    assert record["data"].endswith("story.txt")
    assert (record["level"], record["clip"], record["weight_decay"]) == ("char", 0.25, 8e-7)
    shown = dartsl("eval", "trained").stdout
    assert re.search(r"test +perplexity [\d.]+ \(95 %: [\d.]+ to [\d.]+\)\n +loss [\d.]+ ", shown)
    assert "windows, taken as independent" in shown
    found = result_of(dartsl("eval", "trained", "--format", "json"))
    assert found["epochs"] == 2
    assert found["perplexity"]["low"] < found["perplexity"]["value"] < found["perplexity"]["high"]
    assert dartsl("train", "--resume", "trained").exit_code == 0


@pytest.mark.slow
def test_seeds_of_text_give_a_mean_perplexity(dartsl: Dartsl) -> None:
    options = [
        "--set",
        "H=4",
        "--set",
        "vocab=8",
        "--data",
        "markov",
        "--epochs",
        "1",
        "--bptt",
        "100",
        "--batch",
        "256",
    ]
    result = dartsl("train", "zoo/rnn_enas", *options, "--seeds", "2", "--out", "two")
    assert result.exit_code == 0, result.output
    assert re.search(r"perplexity   [\d.]+, [\d.]+\nmean +[\d.]+ \+- [\d.]+ over 2 seeds", result.stdout)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("zoo/rnn_v2", "--data", "markov", "--flip"), 2, "the setting `flip` is for networks of images"),
        (("zoo/darts_v2", "--tar", "0"), 2, "the setting `tar` is for networks of text"),
        (
            ("zoo/rnn_v2", "--data", "markov"),
            1,
            "the data has 8 different words, and the network's head gives 10,000",
        ),
        (("zoo/rnn_v2",), 1, "no text is named"),
        (("story.darts", "--data", "texts"), 1, "leaves choices open"),
    ],
)
def test_training_on_text_refuses(
    dartsl: Dartsl, story: Path, arguments: tuple[str, ...], code: int, words: str, tmp_path: Path
) -> None:
    result = dartsl("train", *arguments)
    assert result.exit_code == code
    assert words in result.stderr
    assert not (tmp_path / "runs").exists()


WORDS = """\
darts 2

cell block {
  input  x
  node   a : sum
  edge   x -> a : identity | linear
  output a
}

network words(vocab = 8) {
  input tokens(8)
  stem  embedding(vocab, out = 4)
  stage block width 4
  head  linear(vocab)
}

search { lr = 0.3  momentum = 0.9  epochs = 1  batch = 256  data = "markov" }
"""
RECIPE = "note: the training has lr 20, momentum 0, the defaults for text"


def test_a_training_says_that_it_does_not_take_over_the_learning_rate(dartsl: Dartsl, tmp_path: Path) -> None:
    (tmp_path / "words.darts").write_text(WORDS)
    assert dartsl("search", "words.darts", "--out", "run").exit_code == 0
    few = ("--epochs", "1", "--batch", "256", "--no-test")
    told = dartsl("train", "run", *few, "--out", "first")
    assert RECIPE in told.stdout
    assert "give --lr 0.3 --momentum 0.9, or write `train { lr = 0.3 momentum = 0.9 }`" in told.stdout
    assert "note: " not in dartsl("train", "run", *few, "--lr", "0.3", "--out", "second").stdout
    result_of(dartsl("train", "run", *few, "--format", "json", "--out", "third"))
    refused = dartsl("search", "run")
    assert refused.exit_code == 2
    assert "`dartsl search --resume run` goes on with it, `dartsl train run` trains" in refused.stderr
    assert "`dartsl train --resume first` goes on with it" in dartsl("search", "first").stderr


def test_a_training_that_is_worse_than_chance_warns(dartsl: Dartsl, tmp_path: Path) -> None:
    (tmp_path / "words.darts").write_text(WORDS.replace("identity | linear", "linear"))
    few = ("--epochs", "1", "--batch", "256", "--no-test", "--data", "markov")
    warning = "a validation perplexity above 8, the number of different words, is worse than chance"
    assert warning in dartsl("train", "words.darts", *few, "--lr", "1000", "--out", "wild").stdout
    assert "warning" not in dartsl("train", "words.darts", *few, "--lr", "0.3", "--out", "calm").stdout
