"""A text and a decided network of text that is trained on it in a moment."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dartsl.data.text import load_text
from dartsl.lang.checker import check, pick_network
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.records.inputs import Tokens
from dartsl.lang.settings.values import TrainConfig, train_config
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import from_plan
from dartsl.training import loop
from dartsl.training.text_session import TextSession
from tests.train.runs import job

SPEC = """darts 1

import "std/rnn"

cell recurrent {
  input  x, h
  node   s0     : highway
  node   s1..s2 : sum
  edge   x, h -> s0 : identity
  edge   s0   -> s1 : gate(tanh)
  edge   s1   -> s2 : gate(relu)
  output mean(s1..s2)
}

network story(H = 4, vocab = 9) {
  input tokens(6)
  stem  embedding(vocab, out = H, dropout = 0.1) > locked_dropout(0.2)
  stage scan(recurrent, carry = "h", dropout_x = 0.25, dropout_h = 0.25) width H
  head  locked_dropout(0.25) > linear(vocab, tie = "stem")
}

train {
  epochs  = 4
  batch   = 4
  lr      = 5
  nonmono = 0
}
"""
STORY = "the cat sat on the mat\nthe dog sat by the cat\n"


@pytest.fixture
def story(tmp_path: Path) -> Path:
    """A decided spec and a folder `texts` beside it: 280 words that train (70 rows of 4), 61 that validate, 28 that
    test."""
    texts = tmp_path / "texts"
    texts.mkdir()
    (texts / "train.txt").write_text(STORY * 20)
    (texts / "valid.txt").write_text(STORY * 4 + "the bird sat\n")
    (texts / "test.txt").write_text(STORY * 2)
    path = tmp_path / "story.darts"
    path.write_text(SPEC)
    return path


def settings(spec: Path, **changes: Any) -> TrainConfig:
    found = train_config(Tokens, check(read(str(spec))).train)
    # `replace`, so that a test can go beyond what the command line lets through.
    return replace(found, **{"data": str(spec.parent / "texts"), "device": "cpu", **changes})


def run(spec: Path, name: str, **changes: Any) -> loop.TrainResult:
    out = spec.parent / name
    return loop.train(job(spec, out.name), settings(spec, **changes))


def session(spec: Path, **changes: Any) -> TextSession:
    config = settings(spec, dtype="float64", **changes)
    known = check(read(str(spec)))
    planned = plan(known, pick_network(known, None), {})
    return TextSession(from_plan(known, planned, Build.of(config)), config, load_text(config.data, "word"))


def still(spec: Path) -> None:
    """Without any dropout."""
    text = spec.read_text()
    for part in (", dropout = 0.1", " > locked_dropout(0.2)", ", dropout_x = 0.25, dropout_h = 0.25"):
        text = text.replace(part, "")
    spec.write_text(text.replace("locked_dropout(0.25) > ", ""))
