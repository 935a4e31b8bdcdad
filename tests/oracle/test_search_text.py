"""dartsl's networks of text, their alpha gradients, whole search steps and derived cells, against the oracle's."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Literal

import pytest
import torch

from dartsl import compile
from dartsl.data.text import Corpus
from dartsl.lang.records.inputs import Tokens
from dartsl.lang.settings.values import search_config
from dartsl.lang.syntax.loader import read
from dartsl.nn.passing import PLAIN
from dartsl.nn.supernet import Supernet
from dartsl.searching.bilevel import Unroll, alpha_gradient
from dartsl.searching.discretise import derive
from dartsl.searching.readouts import softmax_rows
from dartsl.searching.text_session import TextSession
from dartsl.step.batches import TextBatch

from .following import ORDERS_AND_LEVELS
from .mapping import assert_equal, checked
from .naive import derive as rules
from .naive.bilevel_text import (
    TextSearch,
    TextSettings,
    Window,
    columns,
    gradients,
    norm_of,
    window_at,
)
from .naive.recurrent import (
    CANDIDATES,
    ENAS,
    NOTHING,
    RNN_V1,
    RNN_V2,
    Found,
    LanguageModel,
    loss_of,
    text_alphas,
    text_weights,
)
from .test_search import tables
from .text_mapping import (
    SIZE,
    VOCAB,
    drawn_masks,
    parameters_of,
    renamed_text,
    text_twin,
)

ZOO = Path(__file__).parents[2] / "specs" / "zoo"
BATCH = 4
STEPS = 7
LEVELS = [0, 2]
Kind = Literal["train", "validation"]


def oracle_of(found: Found | None = None, nodes: int = 4, seed: int = 0) -> LanguageModel:
    """Weights far from zero, alphas from N(0, 1), a bias that is not zero."""
    torch.manual_seed(seed)
    model = LanguageModel(VOCAB, SIZE, found, nodes).double()
    with torch.no_grad():
        for weight in text_weights(model).values():
            weight.copy_(0.5 * (2 * torch.rand(weight.shape) - 1))
        for alpha in text_alphas(model).values():
            alpha.copy_(torch.randn(alpha.shape))
    return model


def carry_of(seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(BATCH, SIZE, generator=generator, dtype=torch.float64)


def window_of(model: Supernet, kind: Kind, seed: int, step: int = 0, steps: int = STEPS) -> Window:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(VOCAB, (steps + 1, BATCH), generator=generator)
    return Window(tokens[:-1], tokens[1:], drawn_masks(model, step, kind, BATCH))


def text_batch(window: Window, carry: torch.Tensor) -> TextBatch:
    return TextBatch(window.tokens, window.targets, (carry,))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("found", [None, RNN_V1, RNN_V2, ENAS], ids=["search", "v1", "v2", "enas"])
def test_passes(found: Found | None, level: int) -> None:
    """Logits, outputs, states, loss, and every gradient, with masks; without, for decided cells."""
    oracle = oracle_of(found)
    model = text_twin(oracle, level)
    window, carry = window_of(model, "train", 1), carry_of(2)
    modes = [window.masks] if found is None else [window.masks, NOTHING]
    for masks in modes:
        model.train(masks is not NOTHING)
        oracle.train(masks is not NOTHING)
        ours = model(window.tokens, (carry,))
        wanted = oracle(window.tokens, carry, masks)
        found_values = {"logits": ours.logits, "outputs": ours.outputs, "dropped": ours.dropped}
        found_values["carry"] = ours.carries[0]
        assert_equal(found_values, wanted._asdict())
        parameters = dict(model.named_parameters())
        loss = torch.nn.functional.cross_entropy(ours.logits.flatten(0, 1), window.targets.flatten())
        whole = loss_of(wanted, window.targets)
        assert float(loss.detach()) == pytest.approx(float(whole.detach()), rel=1e-13)
        slopes = torch.autograd.grad(loss, list(parameters.values()))
        weights, alphas, _ = gradients(oracle, Window(window.tokens, window.targets, masks), carry)
        assert_equal(dict(zip(parameters, slopes, strict=True)), renamed_text(weights | alphas))


def test_zeros_where_no_state_is_given() -> None:
    oracle = oracle_of()
    model = text_twin(oracle)
    window = window_of(model, "train", 1)
    ours = model(window.tokens)
    wanted = oracle(window.tokens, torch.zeros(BATCH, SIZE).double(), window.masks)
    assert_equal({"logits": ours.logits}, {"logits": wanted.logits})


@pytest.mark.parametrize("level", LEVELS)
def test_operations_on_sequences(level: int) -> None:
    """`concat` joins channels, and `noise` has its input's shape, outside of cells too."""
    text = read("darts_rnn").text
    plain, wide = (
        "out = H, dropout = dropout_e) > locked_dropout(0.2)",
        "out = H) > concat(identity, relu) > linear(H)",
    )
    assert plain in text
    size = {"H": SIZE, "vocab": VOCAB}
    model = compile(checked(text.replace(plain, wide)), None, size, dtype="float64", level=level)
    tokens = torch.randint(VOCAB, (STEPS, BATCH))
    weights = {name: value.detach() for name, value in model.network.stem0.named_parameters()}
    vectors = weights["embedding.weight"][tokens]
    wanted = torch.cat((vectors, vectors.relu()), dim=2) @ weights["linear.weight"].T + weights["linear.bias"]
    torch.testing.assert_close(model.network.stem0(tokens, PLAIN).detach(), wanted, rtol=1e-12, atol=1e-14)
    noisy = compile(checked(text.replace(plain, f"{plain} > noise")), None, size, level=level)
    assert noisy.network.stem0(tokens, PLAIN).shape == (STEPS, BATCH, SIZE)


FORGETFUL = """darts 1

cell c {
  input  x, h
  node   a : sum keep 1
  edge   x -> a : relu | tanh
  output a
}

network n(H = 6, vocab = 11) {
  input tokens(7)
  stem  embedding(vocab, out = H)
  stage scan(c, carry = "h") width H
  head  linear(vocab)
}
"""


@pytest.mark.parametrize("level", LEVELS)
def test_a_cell_that_does_not_read_its_carry(level: int) -> None:
    model = compile(checked(FORGETFUL), dtype="float64", level=level)
    tokens = torch.randint(VOCAB, (STEPS, BATCH))
    vectors = dict(model.named_parameters())["network.stem0.embedding.weight"][tokens]
    first, second = model.mixing_weights()["c"][0]
    output = model(tokens, (carry_of(1),))
    wanted = first * vectors.relu() + second * vectors.tanh()
    torch.testing.assert_close(output.outputs, wanted, rtol=1e-12, atol=1e-14)
    assert torch.equal(output.carries[0], output.outputs[-1])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("clip", [0.02, 0.25, 60.0])  # c below 1; c well above 1
def test_alpha_gradients(clip: float, level: int) -> None:
    oracle = oracle_of()
    model = text_twin(oracle, level)
    train, validation = window_of(model, "train", 1, step=3), window_of(model, "validation", 2, step=3)
    assert not torch.equal(train.masks.h, validation.masks.h)
    settings = TextSettings(lr=3.0, bptt=10, clip=clip, weight_decay=0.01)
    search = TextSearch(oracle, settings, carry_of(3), carry_of(4))
    held = [dict(model.named_parameters())["network.stem0.embedding.weight"]]
    unroll = Unroll(3.0 * STEPS / 10, 0.0, 0.01, [None] * len(model.weights()), clip, held)
    before = copy.deepcopy(model.state_dict())
    all_wanted = []
    for order in ("1", "2", "exact"):
        search.settings = dataclasses.replace(settings, order=order)
        wanted, carry = search.alpha_gradient(train, validation)
        ours = alpha_gradient(
            model,
            text_batch(train, search.train_carry),
            text_batch(validation, search.validation_carry),
            order,
            unroll=unroll,
            r=0.01,
            step=3,
        )
        (gradient,) = ours.gradients
        assert_equal({"alphas.recurrent": gradient}, wanted)
        assert_equal({"carry": ours.outcome.carries[0]}, {"carry": carry})
        for name, value in model.state_dict().items():
            assert torch.equal(value, before[name]), name
        all_wanted.append(wanted["alphas.recurrent"])
    for one, other in ((0, 1), (1, 2), (0, 2)):
        first, second = all_wanted[one], all_wanted[other]
        assert (first - second).abs().max() > 1e-6 * first.abs().max()


CONFIG = search_config(
    Tokens,
    {
        "device": "cpu",
        "epochs": 2,
        "batch": BATCH,
        "lr": 1,
        "short_windows": 0.4,
        "dtype": "float64",
        "alphas_lr": 0.05,
    }
    | {"bptt": 8, "weight_decay": 0.01, "ar": 0.2, "tar": 0.5},
)


def corpus() -> Corpus:
    generator = torch.Generator().manual_seed(5)
    train, valid, test = (torch.randint(VOCAB, (n,), generator=generator) for n in (135, 75, 20))
    return Corpus("noise", "word", tuple("abcdefghijk"), train, valid, test)


@pytest.mark.parametrize(("order", "level"), ORDERS_AND_LEVELS)
def test_search_steps(order: str, level: int) -> None:
    """A search as it is run, two epochs: windows, states, masks, rates and optimisers are the session's."""
    searched(order, level)


@pytest.mark.parametrize(
    ("order", "level"),
    [("2", 2), *(pytest.param(*each, marks=pytest.mark.slow) for each in [("1", 0), ("exact", 2)])],
)
def test_search_steps_beside_skip_connections(order: str, level: int) -> None:
    """They weigh 1 in the first epoch of two, and 1/2 in the second."""
    searched(order, level, auxiliary_skip=True)


def searched(order: str, level: int, auxiliary_skip: bool = False) -> None:
    """Both sides through all steps, compared after each."""
    oracle = oracle_of(nodes=3)
    model = text_twin(oracle, level, auxiliary_skip=auxiliary_skip)
    config = dataclasses.replace(CONFIG, order=order, auxiliary_skip=auxiliary_skip)
    session = TextSession(model, config, corpus())
    settings = TextSettings(order=order, lr=1.0, bptt=8, weight_decay=0.01, ar=0.2, tar=0.5, alphas_lr=0.05)
    zeros = torch.zeros(BATCH, SIZE).double()
    search = TextSearch(oracle, settings, zeros, zeros)
    train, valid = columns(corpus().train, BATCH), columns(corpus().valid, BATCH)
    lengths, clipped, step = set(), False, 0
    for epoch in range(2):
        session.begin_epoch()
        oracle.beside = 1 - epoch / 2 if auxiliary_skip else 0.0
        search.train_carry = search.validation_carry = zeros
        at = 0
        for place in session.batches:
            session.take_step(place)
            drawn = window_at(train, at, place.length)
            other = window_at(valid, at % (len(valid) - 1), 8)
            learnt = Window(*drawn, drawn_masks(model, step, "train", BATCH))
            looked = Window(*other, drawn_masks(model, step, "validation", BATCH))
            clipped |= norm_of(gradients(oracle, learnt, search.train_carry)[0]) > 0.25
            if len(drawn[0]) == place.length:
                search.step(learnt, looked)
            else:  # the rate goes by the length that was drawn
                search.settings = dataclasses.replace(settings, lr=place.length / len(drawn[0]))
                search.step(learnt, looked)
                search.settings = settings
            assert_equal(parameters_of(model), renamed_text(parameters_of(oracle)))
            assert session.carries is not None
            assert session.valid_carries is not None
            carries = {"train": session.carries[0], "validation": session.valid_carries[0]}
            assert_equal(carries, {"train": search.train_carry, "validation": search.validation_carry})
            lengths.add(len(drawn[0]))
            at += place.length
            step += 1
        session.end_epoch()
    assert clipped
    assert {8, 4} <= lengths


def test_derived_cells() -> None:
    """One edge a node, the strongest but for `none`; ties to the earlier edge and candidate."""
    cell = checked(read("darts_rnn").text).cells["recurrent"]
    for alphas in tables(36, len(CANDIDATES)):
        weights = softmax_rows(alphas)
        names = ("none", *(f"gate({name})" for name in CANDIDATES[1:]))
        wanted = rules.keep_strongest(weights, names, inputs=1, nodes=8, keep=1)
        found = derive(cell, weights)
        inner = [kept for kept in found.edges if kept.edge.target != "s0"]
        assert [kept.edge.target for kept in inner] == [f"s{place}" for place in range(1, 9)]
        ours = [
            [(kept.candidate.label, int(kept.edge.source.removeprefix("s")), kept.weight)] for kept in inner
        ]
        assert ours == wanted
        assert [kept.edge.source for kept in found.edges if kept.edge.target == "s0"] == ["x", "h"]


@pytest.mark.parametrize("name", ["rnn_v1", "rnn_v2"])
def test_published_parameter_count(name: str) -> None:
    model = compile(checked(read(str(ZOO / f"{name}.darts")).text), device="meta")
    assert sum(weight.numel() for weight in model.weights()) == 22_960_000
    assert not model.alpha_parameters()


@pytest.mark.parametrize(("name", "wanted"), [("rnn_v1", RNN_V1), ("rnn_v2", RNN_V2), ("rnn_enas", ENAS)])
def test_published_cells(name: str, wanted: Found) -> None:
    cell = checked(read(str(ZOO / f"{name}.darts")).text).cells["recurrent"]
    edges = {edge.target: edge for edge in cell.edges if edge.target != "s0"}
    found = [
        (edges[f"s{place}"].candidates[0].label, edges[f"s{place}"].source)
        for place in range(1, len(edges) + 1)
    ]
    assert found == [(f"gate({act})", f"s{source}") for act, source in wanted.nodes]
    assert tuple(cell.output.nodes) == tuple(f"s{place}" for place in wanted.output)
