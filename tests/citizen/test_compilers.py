"""torch.compile, torch.export, torch.fx and quantisation of a network: as at -O0, or refused in one sentence."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.supernet import Supernet
from tests.citizen.networks import KINDS, LEVELS, inputs, logits, made, of, same
from tests.citizen.test_edits import swapped

SLOW = pytest.mark.slow  # a recorder takes seconds for each network


def cases(*quick: tuple[str, int]) -> pytest.MarkDecorator:
    """All networks at all levels, of which the ordinary suite records a few."""
    return pytest.mark.parametrize(
        ("kind", "level"),
        [
            pytest.param(kind, level, marks=() if (kind, level) in quick else SLOW)
            for kind in KINDS
            for level in LEVELS
        ],
    )


@pytest.fixture(autouse=True)
def _recorders() -> Iterator[None]:
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def short(model: Supernet) -> Tensor:
    """Inputs; a text of two steps, since recorders write out its loop."""
    x = inputs(model)
    return x[:2] if model.plan.input.sequence else x


def compiled(model: Supernet, **options: Any) -> Any:
    return torch.compile(model, **options)


@cases(("decided", 2), ("text", 2))
def test_torch_compile_takes_the_whole_network(kind: str, level: int) -> None:
    model = made(kind, level).eval()
    x = short(model)
    same(logits(compiled(model, backend="eager", fullgraph=True), x), logits(model, x))


@cases(("decided", 2))
def test_recorders_see_modules_in_others_places(kind: str, level: int) -> None:
    models = [made(kind, each).eval() for each in (0, level, level)]
    for model in models:
        swapped(model)
    x = short(models[0])
    expected = logits(models[0], x)
    same(logits(compiled(models[1], backend="eager"), x), expected)
    same(logits(torch.export.export(models[2], (x,)).module(), x), expected)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@cases(("decided", 0), ("decided", 1), ("decided", 2), ("text", 2))
def test_torch_export_gives_the_whole_network(kind: str, level: int, training: bool) -> None:
    model = made(kind, level).train(training)
    x = short(model)
    exported = torch.export.export(model, (x,)).module()
    same(logits(exported, x), logits(model, x))
    same(dict(exported.named_buffers()), dict(model.named_buffers()))


@SLOW
@pytest.mark.filterwarnings("ignore::UserWarning")  # of the recorder: masks are drawn outside what it records
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_a_compiled_network(kind: str, level: int) -> None:
    check_gradients(kind, level, "aot_eager")


@SLOW
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # of inductor itself
def test_gradients_through_inductor() -> None:
    check_gradients("decided", 2, "inductor")


def check_gradients(kind: str, level: int, backend: str) -> None:
    model, expected = made(kind, level), made(kind, 0)
    x = short(model)
    for call in (compiled(model, backend=backend), expected):
        logits(call, x).square().sum().backward()
    for ours, theirs in zip(model.parameters(), expected.parameters(), strict=True):
        same(ours.grad, theirs.grad)
    same(dict(model.named_buffers()), dict(expected.named_buffers()))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_symbolic_tracing_is_refused_in_one_sentence_but_as_a_leaf(kind: str, level: int) -> None:
    model = made(kind, level).eval()
    x = inputs(model)
    with pytest.raises(UserError, match="is not traced symbolically"):
        fx.symbolic_trace(model)

    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, x: Tensor) -> Tensor:
            given = self.model(x)
            found: Tensor = 2 * (given.logits if kind == "text" else given)
            return found

    class Tracer(fx.Tracer):
        def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
            return isinstance(m, Supernet) or super().is_leaf_module(m, module_qualified_name)

    root = Scaled()
    same(fx.GraphModule(root, Tracer().trace(root))(x), 2 * logits(model, x))
    for layer in (model.network, *model.network.children()):
        assert isinstance(layer, fx.GraphModule)
        layer.graph.lint()


@pytest.mark.parametrize("kind", KINDS)
def test_dynamic_quantisation_replaces_every_linear_layer(kind: str) -> None:
    found = []
    for level in LEVELS:
        model = made(kind, level).float().eval()
        x = inputs(model)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch.ao moves to torchao
            quantised = torch.ao.quantization.quantize_dynamic(model, {nn.Linear}, torch.qint8)
        assert not of(quantised, nn.Linear)
        found.append(logits(quantised, x if kind == "text" else x.float()))
    for each in found[1:]:
        torch.testing.assert_close(each, found[0])
