"""What --data may name, asked before anything is built."""

from __future__ import annotations

from pathlib import Path

import pytest

from dartsl.data.detect import EMBEDDED
from dartsl.data.named import DATA, OF_TEXT, is_embedded, locate
from dartsl.data.text import TEXTS as TEXT_READERS
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.records.inputs import Images, Input, Tokens
from dartsl.searching import stages
from dartsl.training import loop as train_loop
from tests.data.files import write_images
from tests.search.runs import quiet
from tests.train.conftest import TINY
from tests.train.runs import job, settings


def test_the_names_are_those_of_the_readers() -> None:
    labelled = [
        (kind, name) for kind, known in DATA.items() if known is not OF_TEXT for name in known.embedded
    ]
    assert list(EMBEDDED) == labelled
    assert tuple(TEXT_READERS) == OF_TEXT.embedded
    assert is_embedded("digits")
    assert is_embedded("markov")
    assert not is_embedded("digit")


def test_embedded_data_is_nowhere_and_the_rest_is_a_path(tmp_path: Path) -> None:
    assert locate("digits") is None
    assert locate("markov", Tokens) is None
    assert locate(str(tmp_path)) == tmp_path


@pytest.mark.parametrize(
    ("name", "takes", "words", "help_"),
    [
        ("markov", Images, "no such data set", "`markov` is a text"),
        ("digits", Tokens, "no such text", "`digits` is a data set of images"),
        ("marcov", Tokens, "no such text", "did you mean `markov`?"),
        ("a\0b", Images, "no such data set|cannot be read", ""),
        ("x" * 5000, Tokens, "cannot be read", "permissions"),
        ("", Images, "no data set is named", "--data"),
    ],
)
def test_what_is_not_there(name: str, takes: type[Input], words: str, help_: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        locate(name, takes)
    assert help_ in str(caught.value.help)


def test_a_run_whose_data_is_gone_builds_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_images(tmp_path / "data", {str(label): 5 for label in range(7)}, size=(8, 8), mode="L")
    (tmp_path / "tiny.darts").write_text(TINY)
    config = settings(tmp_path / "tiny.darts", data=str(tmp_path / "data"), epochs=1, final=True)
    run = train_loop.train(job(tmp_path / "tiny.darts", "run"), config).path
    (tmp_path / "data").rename(tmp_path / "elsewhere")
    monkeypatch.setattr(train_loop, "from_plan", lambda *_: pytest.fail("a network was built"))
    monkeypatch.setattr(stages, "from_plan", lambda *_: pytest.fail("a network was built"))
    with pytest.raises(UserError, match="no such data set"):
        train_loop.resume(run, console=quiet())
