"""The recurrent oracle against cells worked by hand, differences of its own loss and the published count."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Sequence

import pytest
import torch

from .naive.bilevel_text import (
    TextSearch,
    TextSettings,
    Window,
    averaging_starts,
    columns,
    gradients,
    moved,
    window_at,
)
from .naive.recurrent import (
    ENAS,
    RNN_V1,
    RNN_V2,
    Found,
    LanguageModel,
    Masks,
    Pass,
    loss_of,
    regularisation,
    text_alphas,
    text_weights,
)

VOCAB = 7
SIZE = 3
BATCH = 4
STEPS = 5


def masks_of(seed: int, batch: int = BATCH, size: int = SIZE, vocab: int = VOCAB) -> Masks:
    generator = torch.Generator().manual_seed(seed)

    def drawn(keep: float, *shape: int) -> torch.Tensor:
        return (torch.rand(shape, generator=generator) < keep).double() / keep

    return Masks(
        drawn(0.9, vocab, 1),
        drawn(0.8, 1, batch, size),
        drawn(0.5, batch, size),
        drawn(0.75, batch, size),
        drawn(0.5, 1, batch, size),
    )


def window_of(seed: int, steps: int = STEPS) -> Window:
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(VOCAB, (steps + 1, BATCH), generator=generator)
    return Window(tokens[:-1], tokens[1:], masks_of(seed))


def model_of(found: Found | None = None, nodes: int = 3, scale: float = 10.0) -> LanguageModel:
    """Weights of `scale` times their initial size, and alphas from N(0, 1): nothing is nearly linear."""
    torch.manual_seed(0)
    model = LanguageModel(VOCAB, SIZE, found, nodes).double()
    with torch.no_grad():
        for weight in text_weights(model).values():
            weight.copy_(scale * 0.04 * (2 * torch.rand(weight.shape) - 1))
        for alpha in text_alphas(model).values():
            alpha.copy_(torch.randn(alpha.shape))
    return model


def carry_of(seed: int) -> torch.Tensor:
    return torch.randn(BATCH, SIZE, generator=torch.Generator().manual_seed(seed)).double()


def search_of(order: str = "1", **changed: float) -> TextSearch:
    settings = dataclasses.replace(TextSettings(order=order, lr=2.0), **changed)
    return TextSearch(model_of(), settings, carry_of(1), carry_of(2))


@pytest.mark.parametrize("found", [RNN_V1, RNN_V2])
def test_published_parameter_count(found: Found) -> None:
    with torch.device("meta"):
        model = LanguageModel(10_000, 850, found)
    assert sum(weight.numel() for weight in text_weights(model).values()) == 22_960_000


def test_published_cells() -> None:
    assert len(RNN_V1.nodes) == len(RNN_V2.nodes) == 8
    assert RNN_V2.nodes[-2:] == (("tanh", 3), ("relu", 5))
    assert len(ENAS.nodes) == 11
    assert ENAS.output == (2, 5, 6, 9, 10, 11)
    assert tuple(LanguageModel(2, 2).alphas["recurrent"].shape) == (36, 5)


def exact(values: Sequence[object]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def gate(state: float, entering: float, c: float, f: float, name: str) -> float:
    acts = {"tanh": math.tanh, "relu": lambda x: max(x, 0.0), "sigmoid": sigmoid, "identity": lambda x: x}
    return state + sigmoid(entering * c) * (acts[name](entering * f) - state)


def standardised(pair: list[float]) -> list[float]:
    mean = sum(pair) / 2
    spread = math.sqrt(sum((x - mean) ** 2 for x in pair) / 2 + 1e-5)
    return [(x - mean) / spread for x in pair]


@pytest.mark.parametrize("found", [None, Found((("tanh", 0),), (1,)), Found((("relu", 0),), (1,))])
def test_one_node_by_formula(found: Found | None) -> None:
    """Width 1, a batch of two, two steps, all in plain numbers; masks on every place."""
    model = LanguageModel(3, 1, found, nodes=1).double()
    embedding, bias = [0.3, -0.8, 0.5], [0.1, -0.2, 0.0]
    w0 = [[0.7, -0.4], [1.1, 0.6]]  # rows x and h, columns c and h
    c, f = -0.9, 1.3
    alphas = [0.5, -0.1, 0.3, 0.2, -0.7]
    with torch.no_grad():
        model.encoder.copy_(exact(embedding)[:, None])
        model.bias.copy_(exact(bias))
        model.first.copy_(exact(w0))
        model.matrices[0].copy_(exact([[c, f]]))
        if found is None:
            model.alphas["recurrent"].copy_(exact([alphas]))
    rows, before, mx, mh, after = [2.0, 0.0, 1.5], [1.25, 0.5], [4.0, 1.0], [2.0, 0.75], [3.0, 1.0]
    masks = Masks(
        exact(rows)[:, None],
        exact(before)[None, :, None],
        exact(mx)[:, None],
        exact(mh)[:, None],
        exact(after)[None, :, None],
    )
    tokens, start = [[0, 2], [2, 1]], [0.4, -0.6]
    result = model(torch.tensor(tokens), exact(start)[:, None], masks)

    outputs, logits = result.outputs.detach(), result.logits.detach()
    powers = [math.exp(alpha) for alpha in alphas]
    h = start
    for t, words in enumerate(tokens):
        s0 = []
        for b, word in enumerate(words):
            x = embedding[word] * rows[word] * before[b] * mx[b]
            s0.append(
                h[b]
                + sigmoid(x * w0[0][0] + h[b] * mh[b] * w0[1][0])
                * (math.tanh(x * w0[0][1] + h[b] * mh[b] * w0[1][1]) - h[b])
            )
        if found is None:
            s0 = standardised(s0)
            h = standardised(
                [
                    sum(
                        power / sum(powers) * gate(s0[b], s0[b] * mh[b], c, f, name)
                        for power, name in zip(
                            powers[1:], ("tanh", "relu", "sigmoid", "identity"), strict=True
                        )
                    )
                    for b in range(2)
                ]
            )
        else:
            h = [gate(s0[b], s0[b] * mh[b], c, f, found.nodes[0][0]) for b in range(2)]
        for b in range(2):
            assert float(outputs[t, b, 0]) == pytest.approx(h[b], rel=1e-12)
            wanted = [h[b] * after[b] * e + d for e, d in zip(embedding, bias, strict=True)]
            assert logits[t, b].tolist() == pytest.approx(wanted, rel=1e-12)
    assert result.carry[:, 0].tolist() == pytest.approx(h, rel=1e-12)


def test_losses_by_formula() -> None:
    logits = exact([[[0.0, math.log(3.0)]], [[math.log(2.0), 0.0]]])
    outputs = exact([[[1.0, 2.0]], [[4.0, 2.0]]])
    found = Pass(logits, outputs, 2 * outputs, outputs[-1])
    loss = loss_of(found, torch.tensor([[1], [1]]))
    assert float(loss) == pytest.approx((math.log(4 / 3) + math.log(3)) / 2, rel=1e-12)
    assert float(regularisation(found, 0.5, 0.25)) == pytest.approx(0.5 * 25 + 0.25 * 4.5, rel=1e-12)


@pytest.mark.parametrize("found", [None, RNN_V2])
def test_gradients_by_differences(found: Found | None) -> None:
    """Along one direction for each parameter, the central difference of the loss (relu's kink apart)."""
    model, window, carry = model_of(found), window_of(3), carry_of(1)
    weights, alphas, _ = gradients(model, window, carry)
    generator = torch.Generator().manual_seed(5)
    for name, slope in (weights | alphas).items():
        direction = torch.randn(slope.shape, generator=generator).double()
        losses = []
        for sign in (1.0, -1.0):
            other = copy.deepcopy(model)
            with torch.no_grad():
                dict(other.named_parameters())[name].add_(direction, alpha=sign * 1e-6)
                losses.append(
                    float(loss_of(other(window.tokens, carry, window.masks), window.targets).detach())
                )
        wanted = (losses[0] - losses[1]) / 2e-6
        assert float((slope * direction).sum()) == pytest.approx(wanted, rel=1e-5, abs=1e-8), name


def test_exact_product_is_the_slope_of_the_virtual_loss() -> None:
    """With the embedding out of v, and neither norm's clip moving: d/d alpha of L_val(w'(alpha), alpha).

    c is held where it is, as the method does. The difference is of whole losses, at weights stepped anew.
    """
    search = search_of("exact", clip=1e-2, lr=0.7)
    train, validation = window_of(3), window_of(4)
    model, c = search.virtual(train)
    assert c < 1
    v, slope, _ = gradients(model, validation, search.validation_carry)
    v["encoder"] = torch.zeros_like(v["encoder"])
    hvp = search.exact_product(train, v)["alphas.recurrent"]
    found = slope["alphas.recurrent"] - search.rate(train) * c * hvp

    direction = torch.randn(found.shape, generator=torch.Generator().manual_seed(6)).double()
    losses = []
    for sign in (1.0, -1.0):
        other = copy.deepcopy(search.model)
        with torch.no_grad():
            other.alphas["recurrent"].add_(direction, alpha=sign * 1e-6)
        slopes, _, _ = gradients(other, train, search.train_carry)
        change = {
            name: c * slopes[name] + search.settings.weight_decay * parameter.detach()
            for name, parameter in text_weights(other).items()
            if name != "encoder"
        }
        other = moved(other, change, -search.rate(train))
        result = other(validation.tokens, search.validation_carry, validation.masks)
        losses.append(float(loss_of(result, validation.targets).detach()))
    wanted = (losses[0] - losses[1]) / 2e-6
    assert float((found * direction).sum()) == pytest.approx(wanted, rel=1e-5)


def test_difference_product_falls_to_the_exact_one() -> None:
    """At a radius that no kink of relu lies within."""
    search = search_of(r=1e-5)
    train = window_of(3)
    v, _, _ = gradients(search.model, window_of(4), search.validation_carry)
    near = search.finite_difference(train, v)["alphas.recurrent"]
    exact = search.exact_product(train, v)["alphas.recurrent"]
    assert (near - exact).norm() < 1e-5 * exact.norm()


def test_virtual_step_leaves_the_embedding() -> None:
    search = search_of("2", weight_decay=0.1)
    train = window_of(3, steps=2)
    model, c = search.virtual(train)
    assert torch.equal(model.encoder, search.model.encoder)
    slopes, _, _ = gradients(search.model, train, search.train_carry)
    norm = math.sqrt(sum(float((slope**2).sum()) for slope in slopes.values()))  # the embedding's too
    assert c == 0.25 / (norm + 1e-6)
    xi = 2.0 * 2 / 35
    first = search.model.first
    wanted = first - xi * (min(1, c) * slopes["first"] + 0.1 * first)
    torch.testing.assert_close(model.first, wanted, rtol=1e-14, atol=0)


def test_c_is_not_capped_in_the_term() -> None:
    search = search_of("exact", clip=100.0)
    train, validation = window_of(3), window_of(4)
    model, c = search.virtual(train)
    assert c > 1
    v, slope, _ = gradients(model, validation, search.validation_carry)
    term = search.rate(train) * c * search.exact_product(train, v)["alphas.recurrent"]
    found, _ = search.alpha_gradient(train, validation)
    torch.testing.assert_close(
        found["alphas.recurrent"], slope["alphas.recurrent"] - term, rtol=1e-12, atol=1e-15
    )


def test_steps_carry_states_and_move_what_they_should() -> None:
    search = search_of("2")
    before = copy.deepcopy(search.model)
    train, validation = window_of(3), window_of(4)
    search.alpha_step(train, validation)
    for name, weight in text_weights(search.model).items():
        assert torch.equal(weight, text_weights(before)[name])
    alpha, old = search.model.alphas["recurrent"], before.alphas["recurrent"]
    # Adam's first step is one of the rate in each entry
    torch.testing.assert_close((alpha - old).abs(), torch.full_like(alpha, 3e-3), rtol=1e-3, atol=0)
    assert torch.equal(search.train_carry, carry_of(1))
    assert torch.equal(search.model.mean, before.mean)
    virtual, _ = TextSearch(before, search.settings, carry_of(1), carry_of(2)).virtual(train)
    result = virtual(validation.tokens, carry_of(2), validation.masks)
    torch.testing.assert_close(search.validation_carry, result.carry.detach(), rtol=0, atol=0)
    search.weight_step(train)
    assert not torch.equal(search.train_carry, carry_of(1))
    assert not torch.equal(search.model.mean, before.mean)
    assert not torch.equal(search.model.encoder, before.encoder)


def test_text_in_columns_and_windows() -> None:
    text = columns(torch.arange(11), 3)
    assert text.tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    tokens, targets = window_at(text, 0, 35)
    assert tokens.tolist() == [[0, 3, 6], [1, 4, 7]]
    assert targets.tolist() == [[1, 4, 7], [2, 5, 8]]
    assert window_at(text, 1, 1)[1].tolist() == [[2, 5, 8]]


def test_averaging_starts() -> None:
    assert averaging_starts([9.0, 8, 7, 6, 5, 4, 3]) is None
    # five epochs without gain are waited for: the first loss is compared with in epoch 6
    assert averaging_starts([1.0, 2, 2, 2, 2, 2, 2, 2]) == 6
    assert averaging_starts([5.0, 4, 3, 6, 6, 6, 4.5, 3.5, 3.5, 3.5]) == 8
