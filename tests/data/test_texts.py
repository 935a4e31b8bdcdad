"""Texts: files, vocabularies, rows, windows, and the embedded text whose best perplexity is known."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from dartsl.data.text import TEXTS, Windows, cut, in_rows, load_text, source
from dartsl.data.text.readers import NAMES
from dartsl.lang.codes.diagnostics import UserError

START = "aafehbffcfgbghbfgbbefdhcddcghhfffchcddee"  # of the embedded text


def folder(tmp_path: Path, *texts: str, names: tuple[str, ...] = NAMES[0]) -> Path:
    for name, text in zip(names, texts, strict=True):
        (tmp_path / name).write_bytes(text.encode())
    return tmp_path


# ------------------------------------------------------------------- reading


@pytest.mark.parametrize("names", NAMES)
def test_three_files_become_words_by_frequency_then_by_first_place(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    path = folder(tmp_path, "\ufeff b a b\r\nc  a\n", "a new\n", "c", names=names)
    corpus = load_text(str(path), "word")
    assert corpus.name == tmp_path.name
    assert corpus.vocabulary == ("b", "a", "<eos>", "c", "<unk>")
    assert corpus.train.tolist() == [0, 1, 0, 2, 3, 1, 2]
    assert corpus.valid.tolist() == [1, 4, 2]
    assert corpus.test.tolist() == [3, 2]
    assert corpus.train.dtype == torch.int64
    assert corpus.source is None
    assert corpus.record() == {"level": "word", "size": 5, "vocabulary": ["b", "a", "<eos>", "c", "<unk>"]}


def test_empty_lines_are_ends_of_lines_too(tmp_path: Path) -> None:
    path = folder(tmp_path, "\n = x = \n\n", "x\n", "x\n")
    assert load_text(str(path), "word").train.tolist() == [0, 1, 2, 1, 0, 0]


def test_the_texts_own_unknown_word_is_used(tmp_path: Path) -> None:
    corpus = load_text(str(folder(tmp_path, "a <unk> a\n", "b\n", "a\n")), "word")
    assert corpus.vocabulary == ("a", "<unk>", "<eos>")
    assert corpus.valid.tolist() == [1, 2]


def test_nothing_is_added_where_all_is_known(tmp_path: Path) -> None:
    assert load_text(str(folder(tmp_path, "a b\n", "a\n", "b\n")), "word").vocabulary == ("a", "b", "<eos>")


def test_characters(tmp_path: Path) -> None:
    corpus = load_text(str(folder(tmp_path, "ab\r\na ", "b\x85", "\n")), "char")
    assert corpus.vocabulary == ("a", "b", "\n", " ", "<unk>")
    assert corpus.valid.tolist() == [1, 4]


def test_one_file_is_split_by_position(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("".join(f"w{i}\n" for i in range(20)))  # 40 words with <eos>
    corpus = load_text(str(path), "word")
    assert (len(corpus.train), len(corpus.valid), len(corpus.test)) == (36, 2, 2)
    assert corpus.name == "book.txt"
    assert corpus.valid.tolist() == [corpus.vocabulary.index("<unk>"), corpus.vocabulary.index("<eos>")]


@pytest.mark.parametrize(
    ("texts", "names", "words"),
    [
        (("a\n", "a\n"), ("train.txt", "valid.txt"), "there is train.txt, but no test.txt"),
        (("a\n",), ("other.txt",), "a folder without a text"),
        (("a\n", "", "a\n"), NAMES[0], "the validation text is empty"),
        (("a\0b\n", "a\n", "a\n"), NAMES[0], "zero bytes"),
    ],
)
def test_what_is_no_text_is_refused(
    tmp_path: Path, texts: tuple[str, ...], names: tuple[str, ...], words: str
) -> None:
    path = folder(tmp_path, *texts, names=names)
    with pytest.raises(UserError, match=words):
        load_text(str(path), "word")


def test_what_is_not_there_or_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"ab\xff\xfe")
    (tmp_path / "x.zip").write_bytes(b"")
    (tmp_path / "short.txt").write_text("a")
    for name, words in {
        "": "no text is named",
        "marcov": "no such text",
        str(tmp_path / "x.bin"): r"not UTF-8 text \(byte 2\)",
        str(tmp_path / "x.zip"): "an archive",
        str(tmp_path / "short.txt"): "the validation text is empty",
    }.items():
        with pytest.raises(UserError, match=words) as caught:
            load_text(name, "word")
        assert caught.value.help
    with pytest.raises(
        UserError, match="the data has 8 different words, and the network's head gives 10,000"
    ):
        load_text("markov", "word", expect=10_000)


def test_a_fingerprint_is_of_what_a_search_reads(tmp_path: Path) -> None:
    def fingerprint(*texts: str, level: str = "word") -> str:
        return load_text(str(folder(tmp_path, *texts)), level).fingerprint()

    first = fingerprint("a b\n", "a\n", "b\n")
    assert fingerprint("a b\n", "a\n", "b b\n") == first  # the test text is not read
    changed = [("a c\n", "a\n", "a\n"), ("a b\n", "b\n", "b\n"), ("a b a b\n", "a\n", "b\n")]
    assert first not in [fingerprint(*texts) for texts in changed]


# ------------------------------------------------------------------- the embedded text


def test_the_embedded_text_is_the_same_everywhere() -> None:
    corpus = load_text("markov", "word")
    assert [len(corpus.train), len(corpus.valid), len(corpus.test)] == [60_000, 6_000, 6_000]
    letters = "".join(corpus.vocabulary[i] for i in corpus.train[:40])
    assert letters == START
    assert list(TEXTS) == ["markov"]


def test_its_perplexities_are_those_of_its_source() -> None:
    """Counted over the training text; the best is what the source's own probabilities give."""
    corpus = load_text("markov", "char")
    assert corpus.source is not None
    assert corpus.source.best == 2**1.75
    text, count = corpus.train, len(corpus.vocabulary)

    def entropy(numbers: torch.Tensor) -> float:
        chances = torch.bincount(numbers).double() / len(numbers)
        chances = chances[chances > 0]
        return float(-(chances * chances.log()).sum())

    single, pair = entropy(text), entropy(text[:-1] * count + text[1:])
    triple = entropy((text[:-2] * count + text[1:-1]) * count + text[2:])
    assert math.exp(single) == pytest.approx(corpus.source.unigram, rel=0.01)
    assert math.exp(pair - single) == pytest.approx(corpus.source.bigram, rel=0.01)
    assert math.exp(triple - pair) == pytest.approx(corpus.source.best, rel=0.01)


def test_every_letter_can_follow_and_odds_are_a_distribution() -> None:
    assert sum(source.ODDS) == 1.0
    assert -sum(odds * math.log2(odds) for odds in source.ODDS) == source.BITS
    table = source.table()
    assert len(table) == len(source.LETTERS) ** 2
    assert all(len(set(letters)) == 4 for letters in table.values())
    assert {letter for letters in table.values() for letter in letters} == set(range(len(source.LETTERS)))


# ------------------------------------------------------------------- rows and windows


def test_rows_are_stretches_side_by_side() -> None:
    rows = in_rows(torch.arange(11), 3)
    assert rows.tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    with pytest.raises(UserError, match=r"the training text of .* is too short for 4 rows"):
        in_rows(torch.arange(11), 4)


@pytest.mark.parametrize(
    ("words", "batch", "title", "help"),
    [
        (
            11,
            4,
            "11 words or characters is too short for 4 rows side by side",
            "take --batch 3 or less, or a longer",
        ),
        (5, 4, "5 words or characters is too short for 4 rows side by side", "take a longer text"),
        (2, 1, "2 words or characters is too short for 1 row", "take a longer text"),
    ],
)
def test_a_text_that_is_too_short_is_reported_with_what_would_help(
    words: int, batch: int, title: str, help: str
) -> None:
    with pytest.raises(UserError) as caught:
        in_rows(torch.arange(words), batch)
    assert caught.value.message.endswith(title)
    assert str(caught.value.help).startswith(help)


def test_targets_follow_and_the_last_window_is_shorter() -> None:
    rows = in_rows(torch.arange(10), 2)
    tokens, targets = cut(rows, 1, 2)
    assert tokens.tolist() == [[1, 6], [2, 7]]
    assert targets.tolist() == [[2, 7], [3, 8]]
    assert len(cut(rows, 3, 35)[0]) == 1


def test_windows_cover_the_text_as_the_authors_do() -> None:
    windows = list(Windows(100, 35, 0.0, seed=0))
    assert windows == [(0, 35), (35, 35), (70, 35)]
    assert list(Windows(72, 35, 0.0, seed=0)) == [(0, 35), (35, 35)]  # two rows would be one word: left out
    assert list(Windows(73, 35, 0.0, seed=0))[-1] == (70, 35)
    assert list(Windows(5, 1, 1.0, seed=0)) == [(0, 1), (1, 1), (2, 1)]


def test_a_twentieth_of_the_windows_is_halved() -> None:
    lengths = [window.length for window in Windows(400_000, 35, 0.05, seed=1)]
    assert set(lengths) == {35, 17}
    assert lengths.count(17) / len(lengths) == pytest.approx(0.05, abs=0.006)


def test_windows_go_on_where_they_were_saved() -> None:
    def taken(windows: Windows, epochs: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = []
        for _ in range(epochs):
            found += windows
            windows.advance()
        return found

    whole = taken(Windows(500, 10, 0.5, seed=3), 3)
    first = Windows(500, 10, 0.5, seed=3)
    begun = taken(first, 1)
    assert begun != whole[-len(begun) :]  # each epoch has windows of its own
    for count, window in enumerate(first, start=1):
        begun.append(window)
        if count == 4:
            break
    state = first.state_dict()
    assert state["step"] == first.step == 4
    second = Windows(500, 10, 0.5, seed=99)
    second.load_state_dict(state)
    assert begun + taken(second, 2) == whole
