"""`dartsl.generate`: a prompt goes on by what the network expects, word after word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import Tensor

import dartsl
from dartsl import UserError
from dartsl.run.folder import RunFolder
from dartsl.run.loop import restore
from dartsl.training import loop
from dartsl.training.generate import Sampling, drawn, joined, numbered, tokens_of
from dartsl.training.text_session import TextSession
from tests.train.runs import job
from tests.train.stories import settings, story

__all__ = ["story"]  # a fixture


def trained(spec: Path, **changes: Any) -> Path:
    return loop.train(job(spec, "run", **parameters(changes)), settings(spec, **changes)).path


def parameters(changes: dict[str, Any]) -> dict[str, int]:
    """The story has 9 words, and 16 characters with the line end."""
    return {"vocab": 16} if changes.get("level") == "char" else {}


def expected(path: Path, numbers: list[int]) -> Tensor:
    """The logits after a text, in a single pass from a state of zeros, by the weights that `dartsl eval` measures."""
    folder = RunFolder.open(path)
    session = loop.reopened_session(folder)
    assert isinstance(session, TextSession)
    restore(session, folder)
    session.model.eval()
    assert session.mean is not None, "the averaged weights are those that count"
    with torch.no_grad(), session.mean.in_place():
        logits: Tensor = session.model(torch.tensor(numbers)[:, None]).logits[-1, 0]
    return logits


@pytest.mark.parametrize("level", ["word", "char"])
def test_the_likeliest_text_is_that_of_whole_passes(story: Path, level: str) -> None:
    """The prompt is longer than a window; each word is the likeliest after all that came before."""
    path = trained(story, level=level, epochs=4, nonmono=0, lr=20)
    prompt = "the cat sat on the mat\nthe dog"
    vocabulary = json.loads((path / "vocabulary.json").read_text())["vocabulary"]
    numbers = [vocabulary.index(word) for word in tokens_of(prompt, level)]
    assert len(numbers) > 6
    words: list[str] = []
    for _ in range(7):
        numbers.append(int(expected(path, numbers).argmax()))
        words.append(vocabulary[numbers[-1]])
    found = dartsl.generate(path, prompt, length=7, temperature=0)
    blank = " " if level == "word" and words[0] != "<eos>" else ""
    assert (found.prompt, found.continuation) == (prompt, blank + joined(words, level))
    assert found.text == found.prompt + found.continuation
    assert dartsl.generate(path, prompt, length=7, top_k=1, seed=5) == found
    assert dartsl.generate(path, prompt, length=7, temperature=1e-9) == found


def test_the_seed_decides(story: Path) -> None:
    path = trained(story, epochs=1)
    texts = {seed: dartsl.generate(path, "the", length=30, seed=seed).text for seed in (0, 1)}
    assert texts[0] != texts[1]
    assert dartsl.generate(path, "the", length=30).text == texts[0]
    assert dartsl.generate(path, "the", length=0).text == "the"


def test_words_that_are_not_known(story: Path) -> None:
    path = trained(story, epochs=1)
    found = dartsl.generate(path, "the zebra and the yak", length=3, temperature=0)
    assert found.unknown == ("zebra", "and", "yak")
    same = dartsl.generate(path, "the <unk> <unk> the <unk>", length=3, temperature=0)
    assert (same.continuation, same.unknown) == (found.continuation, ())
    assert dartsl.generate(path, "", length=3).unknown == ()
    with pytest.raises(UserError, match="training on text, which has no images"):
        dartsl.predict(path, [])


def test_a_vocabulary_without_unknown_words_names_the_word() -> None:
    assert numbered(["b", "a", "b"], ["a", "b"]) == ([1, 0, 1], ())
    with pytest.raises(UserError, match="'zz' is not in the vocabulary, which has no <unk>") as fault:
        numbered(["a", "zz"], ["a", "b"])
    assert fault.value.help == "begin with what it has: 'a', 'b'"
    with pytest.raises(UserError, match="the prompt is empty"):
        numbered(["<eos>"], ["a", "<unk>"], empty=True)


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("", []),
        ("a  b", ["a", "b"]),
        ("a\n", ["a", "<eos>"]),
        ("a\nb", ["a", "<eos>", "b"]),
        ("a\n\n", ["a", "<eos>", "<eos>"]),
    ],
)
def test_line_ends_of_a_prompt_are_words(prompt: str, words: list[str]) -> None:
    assert tokens_of(prompt, "word") == words
    assert tokens_of(prompt, "char") == list(prompt)


def test_words_become_a_text() -> None:
    assert joined(["a", "b", "<eos>", "<eos>", "c", "<eos>"], "word") == "a b\n\nc\n"
    assert joined(["a", " ", "<unk>", "\n"], "char") == "a <unk>\n"
    assert joined([], "word") == ""


def test_draws_follow_the_odds() -> None:
    """A quarter, a quarter, a half; the square of it at half the temperature; the two likeliest alone."""
    logits = torch.tensor([1.0, 1.0, 2.0]).log()
    draws = torch.Generator().manual_seed(0)

    def shares(**settings: Any) -> list[float]:
        found = [drawn(logits, Sampling(**settings), draws) for _ in range(4000)]
        return [found.count(number) / 4000 for number in range(3)]

    assert shares() == pytest.approx([0.25, 0.25, 0.5], abs=0.03)
    assert shares(temperature=0.5) == pytest.approx([1 / 6, 1 / 6, 4 / 6], abs=0.03)
    assert sorted(shares(top_k=2)) == pytest.approx([0, 1 / 3, 2 / 3], abs=0.03)
    assert shares(top_k=2).count(0) == 1
    assert shares(temperature=1e-300) == [0, 0, 1]


@pytest.mark.parametrize("changes", [{"length": -1}, {"temperature": float("nan")}, {"top_k": -1}])
def test_bad_settings(changes: dict[str, Any]) -> None:
    with pytest.raises(UserError, match="from 0"):
        Sampling(**changes)


def test_exported_weights_know_their_vocabulary(story: Path) -> None:
    path = trained(story, epochs=1)
    dartsl.export(path, "safetensors", story.parent / "story.safetensors")
    with safe_open(story.parent / "story.safetensors", "pt") as file:
        found = file.metadata()
    assert json.loads(found["vocabulary"]) == json.loads((path / "vocabulary.json").read_text())["vocabulary"]
    assert (found["level"], found["takes"]) == ("word", "int64 tokens (T, B), numbers of 9 words")
    (path / "vocabulary.json").write_text('{"vocabulary": ["a", "b"]}')
    with pytest.raises(UserError, match="its 2 words are not the network's 9"):
        dartsl.generate(path, "a")
    (path / "vocabulary.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match="it holds no vocabulary"):
        dartsl.generate(path, "a")
