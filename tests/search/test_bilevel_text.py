"""The bilevel step on text against its formula, written out: clipped, c uncapped, the embedding held."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dartsl.nn.passing import PLAIN, Pass
from dartsl.searching.bilevel import Unroll, alpha_gradient
from dartsl.searching.text_session import tied_weights
from dartsl.step.batches import TextBatch
from dartsl.step.gradients import weight_step
from tests.search.text_model import TextModel

XI, DECAY = 0.7, 0.01


def batch(seed: int, carried: bool = True, **penalties: float) -> TextBatch:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(0, 8, (6, 4), generator=generator)
    carries = (torch.randn(4, 6, generator=generator, dtype=torch.float64),) if carried else None
    return TextBatch(tokens[:-1], tokens[1:], carries, **penalties)


def loss_of(model: TextModel, text: TextBatch, pass_: Pass = PLAIN) -> Tensor:
    logits = model(text.tokens, text.carries, pass_).logits
    return F.cross_entropy(logits.reshape(-1, 8), text.targets.reshape(-1))


def by_hand(train: TextBatch, validation: TextBatch, clip: float) -> Tensor:
    """method.md: w' = w - xi (min(1, c) G + decay w), but for the embedding; v clipped; - xi c hvp."""
    model = TextModel()
    weights, alphas = model.weights(), model.alpha_parameters()
    slopes = torch.autograd.grad(loss_of(model, train), weights, create_graph=True)
    norm = math.sqrt(sum(float(g.detach().square().sum()) for g in slopes))
    c = clip / (norm + 1e-6)
    virtual = TextModel()
    with torch.no_grad():
        for place, (w, g) in enumerate(zip(virtual.weights(), slopes, strict=True)):
            if place != 0:  # the embedding
                w.sub_(XI * (min(1.0, c) * g + DECAY * w))
    found = torch.autograd.grad(
        loss_of(virtual, validation), [*virtual.alpha_parameters(), *virtual.weights()]
    )
    direct, v = found[0], found[1:]
    size = math.sqrt(sum(float(g.square().sum()) for g in v))
    factor = min(1.0, clip / (size + 1e-6))
    product = sum((g * factor * u).sum() for g, u in zip(slopes, v, strict=True))
    assert isinstance(product, Tensor)
    (hvp,) = torch.autograd.grad(product, alphas)
    result: Tensor = direct - XI * c * hvp
    return result


@pytest.mark.parametrize(("order", "tolerance"), [("exact", 1e-12), ("2", 1e-5)])
@pytest.mark.parametrize("clip", [0.05, 40.0])  # c below 1 and far above
def test_second_order_is_the_formula(order: str, tolerance: float, clip: float) -> None:
    model = TextModel()
    train, validation = batch(1), batch(2)
    unroll = Unroll(XI, 0.0, DECAY, [None] * 3, clip, tied_weights(model))  # type: ignore[arg-type]
    before = [w.detach().clone() for w in model.weights()]
    found = alpha_gradient(model, train, validation, order, unroll=unroll, r=1e-3)
    expected = by_hand(train, validation, clip)
    assert float((found.gradients[0] - expected).norm() / expected.norm()) < tolerance
    assert all(torch.equal(w, b) for w, b in zip(model.weights(), before, strict=True))
    # Each of its peculiarities is seen in the numbers.
    for other in (
        Unroll(XI, 0.0, DECAY, [None] * 3, clip),
        Unroll(XI, 0.0, DECAY, [None] * 3, 0.0, unroll.held),
    ):
        differs = alpha_gradient(model, train, validation, order, unroll=other, r=1e-3)
        assert float((differs.gradients[0] - expected).norm() / expected.norm()) > 1e-3


def test_the_tied_embedding_is_found() -> None:
    model = TextModel()
    (held,) = tied_weights(model)  # type: ignore[arg-type]
    assert held is model.network.encoder.weight


def test_penalties_are_in_the_weight_step_alone() -> None:
    text = batch(1, ar=0.3, tar=0.7)
    for order in ("1", "2"):
        unroll = Unroll(XI, 0.0, DECAY, [None] * 3, 0.25)
        one, other = (
            alpha_gradient(TextModel(), t, batch(2), order, unroll=unroll).gradients[0]
            for t in (text, batch(1))
        )
        assert torch.equal(one, other)
    model, stepped = TextModel(keep=0.5), TextModel(keep=0.5)
    output = model(text.tokens, text.carries, Pass(3))
    h, dropped = output.outputs, output.dropped
    assert not torch.equal(h, dropped)
    plain = loss_of(model, text, Pass(3))
    (plain + 0.3 * (dropped**2).mean() + 0.7 * ((h[1:] - h[:-1]) ** 2).mean()).backward()
    optimizer = torch.optim.SGD(stepped.weights(), lr=0.1)
    outcome = weight_step(stepped, [(text, Pass(3))], optimizer, clip=0)
    for ours, w in zip(stepped.weights(), model.weights(), strict=True):
        assert w.grad is not None
        assert torch.allclose(ours, w - 0.1 * w.grad, rtol=1e-12, atol=1e-14)
    assert outcome.loss.item() == pytest.approx(plain.item(), rel=1e-12)
    assert outcome.count == 20
    assert outcome.correct is None
    assert torch.equal(outcome.carries[0], output.carries[0])
    assert not outcome.carries[0].requires_grad


def test_one_word_has_no_change() -> None:
    text = batch(1, tar=1.0)
    single = TextBatch(text.tokens[:1], text.targets[:1], None, tar=1.0)
    assert single.take(TextModel(), PLAIN).penalty is None
    assert text.size == 4
