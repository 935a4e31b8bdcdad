"""Kinds of input: what each says of itself, and that whatever is kept by kind has all of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import pytest
import torch

from dartsl.data.named import DATA
from dartsl.graph.build import build
from dartsl.graph.operations import application, info
from dartsl.lang.checker import check, diagnose
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.records.inputs import INPUTS, Images, Input, Tokens
from dartsl.lang.records.tensors import Shape
from dartsl.lang.settings.values import SearchConfig, TrainConfig
from dartsl.nn.supernet import from_plan
from dartsl.searching import sessions as searching
from dartsl.searching.check_gradients import EXAMPLES
from dartsl.step.batches import RANDOM
from dartsl.training import sessions as training

KINDS = {takes.kind for takes in INPUTS.values()}
NETWORK = """darts 1
network small {{
  input {}
  stem  conv(3, out = 4)
  stage relu width 4
  head  global_avg_pool > linear(3)
}}
"""


@dataclass(frozen=True)
class Gray(Input):
    """A square image of one channel."""

    side: int

    word = "gray"
    sizes = ("side",)
    kind = "scans"
    one = "a scan"
    this = "the scan"
    unit = "scan"
    example = "scan"
    stem = "a map of the scan"

    @classmethod
    def of(cls, *sizes: int) -> Gray:
        return cls(*sizes)

    @property
    def shape(self) -> Shape:
        return Shape(1, (self.side, self.side))


def test_images() -> None:
    images = Images.of(3, 32, 24)
    assert images == Images(channels=3, height=32, width=24)
    assert images.shape == Shape(3, (32, 24))
    assert images.batch(5) == (5, 3, 32, 24)
    assert images.to(10) == images
    assert images.length == 1
    assert Images.form() == "`image(channels, height, width)`"


def test_tokens_know_the_vocabulary_of_the_head() -> None:
    tokens = Tokens.of(35).to(100)
    assert tokens == Tokens(window=35, vocabulary=100)
    assert tokens.shape == Shape(1, (35,), tokens=True)
    assert tokens.batch(5) == (35, 5)
    assert tokens.length == 35
    assert Tokens.form() == "`tokens(length)`"


def test_what_is_kept_by_kind_has_every_kind() -> None:
    tables: list[Mapping[str, object]] = [DATA, RANDOM, EXAMPLES, searching.READERS, training.READERS]
    assert all(set(table) == KINDS for table in tables)
    for config in (SearchConfig, TrainConfig):
        for spec in fields(config):
            assert set(spec.metadata["only"] or ()) <= KINDS
            assert set(spec.metadata["by_kind"]) <= KINDS


def test_a_kind_more_is_one_class_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is checked, planned and built with no other change, and stands in the messages."""
    monkeypatch.setitem(INPUTS, Gray.word, Gray)
    spec = check(Source("small", NETWORK.format("gray(6)")))
    planned = plan(spec, spec.networks["small"])
    assert planned.network.takes is Gray
    assert planned.input == Gray(6)
    graph = build(planned)
    assert info(graph).input == "gray"
    assert application(graph, "gray").shape == (1, 6, 6)
    model = from_plan(spec, planned)
    assert model(torch.zeros(planned.input.batch(2))).shape == (2, 3)


@pytest.mark.parametrize(
    ("written", "title", "label"),
    [
        ("gray(1, 6)", "`gray` takes 1 argument, not 2", "write `gray(side)`"),
        (
            "mel(6)",
            "the input of a network must be an image, tokens or a scan",
            "write `image(channels, height, width)`, `tokens(length)` or `gray(side)`",
        ),
    ],
)
def test_a_kind_more_in_messages(
    monkeypatch: pytest.MonkeyPatch, written: str, title: str, label: str
) -> None:
    monkeypatch.setitem(INPUTS, Gray.word, Gray)
    (fault,) = diagnose(Source("small", NETWORK.format(written))).diagnostics
    assert (fault.title, fault.primary.text) == (title, label)
