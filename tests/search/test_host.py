"""Steps that wait for nothing: what the host reads back from the device, and when."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from dartsl.data import load
from dartsl.data.text import load_text
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.records.inputs import Images, Tokens
from dartsl.lang.settings.values import SearchConfig, TrainConfig, search_config, train_config
from dartsl.lang.syntax.loader import read
from dartsl.nn.build import Build
from dartsl.nn.supernet import compile
from dartsl.searching.sessions import session_of
from dartsl.step.verified import EVERY, Verified
from dartsl.training.feed import MemoryFeed
from dartsl.training.session import ImageSession
from dartsl.training.text_session import TextSession

DECIDED = """darts 1
cell one {
  input  x
  node   n : sum
  edge   x -> n : relu > conv(3) > bn
  output n
}
network decided(C = 4) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage one width C
  head  global_avg_pool > linear(10)
}
"""
REST = [("2", 2), ("1", 0), ("2", 0), ("exact", 2)]  # exact at -O0 takes 100 s, by the loop that they show
READS = {torch.ops.aten._local_scalar_dense.default, torch.ops.aten.nonzero.default}
IMAGES = {"device": "cpu", "data": "digits", "batch": 4, "crop": 1}
TEXT = {"device": "cpu", "data": "markov", "batch": 64, "bptt": 5}


class Reads(TorchDispatchMode):
    """Counts the operations for which the host waits: those that give it a number, or a size that numbers decide."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.count = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += func in READS
        return func(*args, **(kwargs or {}))


def reads_of(session: Verified[Any], steps: int) -> list[int]:
    """How often the host reads in each of so many steps, drawing and augmenting the batches included."""
    found: list[int] = []
    session.begin_epoch()  # type: ignore[attr-defined]
    for place in session.left():
        with Reads() as reads:
            session.take_step(place)
        found.append(reads.count)
        if len(found) == steps:
            break
    return found


def searched(name: str, config: SearchConfig, **parameters: int) -> Verified[Any]:
    model = compile(check(read(name)), None, parameters, Build.of(config))
    data = load("digits") if name == "digits" else load_text("markov", "word")
    return session_of(model, config, data)


@pytest.mark.parametrize(
    ("order", "level"),
    [("1", 2), *(pytest.param(*case, marks=pytest.mark.slow) for case in REST)],
)
def test_a_search_reads_in_every_tenth_step(order: str, level: int) -> None:
    settings = {"order": order, "optimise": level, "alphas_decay": 0.1}
    images = searched("digits", search_config(Images, IMAGES, settings), C=2, n=1)
    text = searched("text", search_config(Tokens, TEXT, settings))
    for session in (images, text):
        found = reads_of(session, 2 * EVERY)
        quiet = found[: EVERY - 1] + found[EVERY : 2 * EVERY - 1]
        assert quiet == [0] * len(quiet)
        assert found[EVERY - 1] > 0
        assert found[2 * EVERY - 1] > 0


def test_a_training_reads_in_every_tenth_step() -> None:
    config: TrainConfig = train_config(
        Images, IMAGES, {"auxiliary": 0.0, "ema": 0.9, "accumulate": 2, "class_weights": "balanced"}
    )
    model = compile(check(Source("decided.darts", DECIDED)), None, {}, Build.of(config))
    data = load("digits")
    images = ImageSession(model, config, MemoryFeed(data, config, ""))
    assert reads_of(images, EVERY)[:-1] == [0] * (EVERY - 1)
    config = train_config(Tokens, TEXT)
    model = compile(check(read("zoo/rnn_v2")), None, {"H": 8, "vocab": 8}, Build.of(config))
    text = TextSession(model, config, load_text("markov", "word"))
    assert reads_of(text, EVERY)[:-1] == [0] * (EVERY - 1)
