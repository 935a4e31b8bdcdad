"""Networks that compute one candidate of each edge, against those that compute all of them."""

from __future__ import annotations

import builtins
import copy
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from dartsl import compile
from dartsl.graph.build import build
from dartsl.graph.target import TARGETS
from dartsl.nn.build import Build
from dartsl.nn.emit import emit_python
from dartsl.nn.passing import Pass, Scheduled
from dartsl.nn.supernet import Supernet
from tests.nn.specs import NESTED, RAGGED, SEARCHED, small

# A step at which each spec draws what all versions of torch leave something to test in: their draws differ.
PASS = Pass(6, "train", scheduled=Scheduled(temperature=2.0))
VARIANTS: list[dict[str, Any]] = [
    {"level": 0},
    {"level": 1},
    {"level": 2},
    {"level": 2, "target": TARGETS["cuda"]},
    {"level": 2, "memory": "low"},
    {"level": 0, "edge_weights": True, "auxiliary_skip": True},
    {"level": 2, "edge_weights": True, "auxiliary_skip": True},
    {"level": 0, "edge_weights": True, "partial": 2},
    {"level": 2, "edge_weights": True, "partial": 2},
]
LAYERS = """darts 2
import "std/blocks"
op mb(k) = residual(conv(1, out = 2*Cin) > bn > relu > dwconv(k) > conv(1) > bn)
network chain {
  input image(1, HEIGHT, WIDTH)
  stem  conv(3)
  stage (mb(1 | 3 | 5) | identity | conv(1)) > (none | conv(3) > bn) width 4
  head  global_avg_pool > linear(3)
}
"""
SPECS = {"searched": SEARCHED, "ragged": RAGGED, "layers": LAYERS}


def hard(text: str, **settings: Any) -> Supernet:
    plan = small(text, partial=settings.get("partial", 1)).plan
    kept = {name: settings.get(name, False) for name in ("auxiliary_skip", "edge_weights")}
    asked = {name: value for name, value in settings.items() if name != "partial"}
    model = Supernet(plan, build(plan, **kept), Build(dtype="float64", relaxation="gumbel_hard", **asked))
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for alpha in model.alpha_parameters():
            alpha.copy_(torch.randn(alpha.shape, generator=generator, dtype=torch.float64))
    return model


def images(model: Supernet) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(3, *model.plan.input.shape.dims, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize(
    "settings",
    VARIANTS,
    ids=lambda each: "-".join(f"{key}_{getattr(value, 'name', value)}" for key, value in each.items()),
)
@pytest.mark.parametrize("name", SPECS)
def test_outputs_gradients_and_statistics(name: str, settings: dict[str, Any]) -> None:
    assert_same(SPECS[name], settings)


@pytest.mark.parametrize(
    "settings", [VARIANTS[2], *(pytest.param(VARIANTS[at], marks=pytest.mark.slow) for at in (4, 5))], ids=str
)
def test_cells_within_cells(settings: dict[str, Any]) -> None:
    """Of an edge within a cell within a candidate, too, one operation is computed. Its widths change where it
    strides, so that no skip connection fits beside it."""
    settings = {key: value for key, value in settings.items() if key != "auxiliary_skip"}
    assert_same(NESTED, settings)


def assert_same(text: str, settings: dict[str, Any]) -> None:
    """Outputs, gradients and running statistics are those of the network that computes all candidates."""
    model = hard(text, **settings)
    beside = {
        key: value for key, value in settings.items() if key in ("edge_weights", "auxiliary_skip", "partial")
    }
    plain = small(text, dtype="float64", level=0, **beside)
    plain.load_state_dict(model.state_dict())
    inputs = images(model)
    taken = model._mixing(PASS)
    weights = []
    for table, choices in zip(model.tables, taken, strict=True):
        rows = torch.stack([each.weights for each in choices])
        kept = one_hot(torch.tensor([each.place for each in choices]), rows.shape[1])
        kept[:, max(table.sizes) :] = 1
        weights.append(rows * kept)
    theirs = plain.network(inputs, *weights, PASS)
    before = dict(copy.deepcopy(model.state_dict()))
    ours = model(inputs, pass_=PASS)
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    found = torch.autograd.grad(
        ours.square().sum(), [*model.alpha_parameters(), *model.weights()], allow_unused=True
    )
    wanted = torch.autograd.grad(
        theirs.square().sum(), [*model.alpha_parameters(), *plain.weights()], materialize_grads=True
    )
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(
            torch.zeros_like(other) if one is None else one, other, rtol=1e-9, atol=1e-11
        )
    assert sum(each is None for each in found) > 5  # weights of what was not chosen
    moved = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    running = {key for key in moved if "running_mean" in key}
    plain_state = plain.state_dict()
    for key in running:
        torch.testing.assert_close(model.state_dict()[key], plain_state[key], rtol=1e-10, atol=1e-12)
    everything = sum("running_mean" in key for key in before)
    assert 0 < len(running) < everything


def test_the_chosen_candidate_has_the_weight_one_and_the_gradient_of_a_softmax() -> None:
    model = hard(RAGGED)
    (table,) = model.tables[:1]
    weights = model.mixing_weights(PASS)[table.name]
    chosen = model.chosen(PASS)[table.name]
    torch.testing.assert_close(
        weights.detach(), one_hot(torch.tensor(chosen), weights.shape[1]).double(), rtol=0, atol=1e-15
    )
    noise = model._architecture(table).draws.gumbel(
        PASS, f"alphas.{table.name}", tuple(weights.shape), model.alpha(table.name)
    )
    for row, size in enumerate(table.sizes):
        alphas = model.alpha(table.name).detach()[row, :size].requires_grad_()
        soft = torch.softmax((alphas + noise[row, :size]) / 2.0, dim=0)
        assert int(soft.argmax()) == chosen[row]
        wanted = torch.autograd.grad(soft[chosen[row]], alphas)[0]
        found = torch.autograd.grad(weights[row, chosen[row]], model.alpha(table.name), retain_graph=True)[0]
        torch.testing.assert_close(found[row, :size], wanted, rtol=1e-10, atol=1e-14)
        assert wanted.abs().min() > 0  # every alpha of the row learns


def test_evaluation_takes_the_strongest_candidates() -> None:
    model = hard(SEARCHED).eval()
    for name, weights in model.mixing_weights(Pass(7)).items():
        strongest = model.alpha(name).argmax(dim=1)
        assert torch.equal(weights, one_hot(strongest, weights.shape[1]).double())
        assert model.chosen(Pass(8))[name] == strongest.tolist()


def test_what_people_do_with_networks() -> None:
    """Copies, pickles, the plain network, hooks, and the network as text."""
    model = hard(SEARCHED)
    inputs = images(model)
    wanted = model(inputs, pass_=PASS)
    assert torch.equal(copy.deepcopy(model)(inputs, pass_=PASS), wanted)
    assert torch.equal(pickle.loads(pickle.dumps(model))(inputs, pass_=PASS), wanted)
    torch.testing.assert_close(model.plain()(inputs, pass_=PASS), wanted, rtol=1e-10, atol=1e-12)
    names: dict[str, Any] = {}
    exec(builtins.compile(emit_python(model.network), "network", "exec"), names)
    text: nn.Module = names[type(model.network).__name__]().double()
    text.load_state_dict(model.network.state_dict())
    torch.testing.assert_close(text(inputs, *model._mixing(PASS), PASS), wanted, rtol=1e-10, atol=1e-12)
    called: list[str] = []
    for path, module in model.network.named_modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda *_, path=path: called.append(path))
    torch.testing.assert_close(model(inputs, pass_=PASS), wanted, rtol=1e-10, atol=1e-12)
    convolutions = sum(isinstance(module, nn.Conv2d) for module in model.network.modules())
    assert 0 < len(called) < convolutions / 2


@pytest.mark.parametrize("level", [0, 1, 2])
def test_recurrent_cells(level: int) -> None:
    model = compile("text", relaxation="gumbel_hard", dtype="float64", level=level)
    plain = compile("text", dtype="float64", level=0)
    plain.load_state_dict(model.state_dict())
    tokens = torch.arange(18).reshape(6, 3) % 8
    weights = [
        rows * one_hot(rows.argmax(dim=1), rows.shape[1]) for rows in model.mixing_weights(PASS).values()
    ]
    ours = model(tokens, pass_=PASS)
    theirs = plain.network(tokens, *plain.carries(3), *weights, PASS)
    torch.testing.assert_close(ours.logits, theirs.logits, rtol=1e-10, atol=1e-12)
