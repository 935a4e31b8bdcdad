"""Networks of text: shapes, names, starts, masks, state, differentiation, and their Python text."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

from dartsl import compile
from dartsl.graph.build import build
from dartsl.graph.count import parameters
from dartsl.graph.operations import Application, application, info
from dartsl.graph.verify import GraphError, verify
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read
from dartsl.nn import text
from dartsl.nn.draws import Draws
from dartsl.nn.lower import emit_python
from dartsl.nn.passing import PLAIN, BatchKind, Pass
from dartsl.nn.supernet import Supernet
from tests.nn.text_specs import DECIDED, GATED, IRREGULAR, NOISY, SEARCHED, planned, tokens

SPECS = {"searched": SEARCHED, "decided": DECIDED, "irregular": IRREGULAR, "noisy": NOISY, "gated": GATED}
LEVELS = (0, 2)

_make_dual: Any = forward_ad.make_dual  # torch has no types for them
_unpack_dual: Any = forward_ad.unpack_dual


def made(spec: str, level: int = 2, **settings: Any) -> Supernet:
    return compile(check(Source("test.darts", spec)), level=level, **{"dtype": "float64", **settings})


def norms(model: Supernet) -> list[nn.BatchNorm1d]:
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", SPECS)
def test_shapes_whatever_the_window_and_the_batch(name: str, level: int) -> None:
    model = made(SPECS[name], level)
    carries = info(model.graph).carries
    width = application(model.graph, carries[-1]).shape[0]
    first = {"gated": 2}.get(name, -1)  # that of the last scan
    for steps, batch in itertools.product((1, 3, 6), (2, 5)):
        x, _ = tokens(model, steps, batch)
        output = model(x)
        assert isinstance(output, text.TextOutput)
        assert output.logits.shape == (steps, batch, model.plan.classes)
        assert output.outputs.shape == output.dropped.shape == (steps, batch, width)
        assert torch.equal(output.carries[first], output.outputs[-1])
        assert [carry.shape for carry in output.carries] == [(batch, 4 if name == "gated" else width)] * len(
            carries
        )


def test_published_counts() -> None:
    """Method.md, "Numbers to hit": shared matrices and the tied one count once."""
    for name in ("zoo/rnn_v1", "zoo/rnn_v2"):
        model = compile(check(read(name)), device="meta")
        assert parameters(model.graph) == sum(p.numel() for p in model.weights()) == 22_960_000


def test_names_and_starts() -> None:
    model = made(SEARCHED)
    named = dict(model.network.named_parameters())
    assert list(named) == [
        "stem0.embedding.weight",
        "layer0.s0.highway.weight",
        *(f"layer0.s{i}.gate.{place}.weight" for i in (1, 2, 3) for place in ("linear", "linear_2")),
        "head.linear.bias",
    ]
    for name, parameter in named.items():
        if name.endswith("bias"):
            assert not parameter.any()
        else:
            assert 0.03 < float(parameter.detach().abs().max()) <= text.SCALE
    assert all(list(made(spec, 0).state_dict()) == list(made(spec).state_dict()) for spec in SPECS.values())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", ["searched", "decided", "irregular"])  # noise is another in each window
def test_a_window_in_two_parts_is_a_window(name: str, level: int) -> None:
    model = made(SPECS[name], level).eval()
    x, _ = tokens(model, steps=6)
    whole, first = model(x), model(x[:2])
    second = model(x[2:], first.carries)
    torch.testing.assert_close(torch.cat((first.logits, second.logits)), whole.logits)
    for ours, theirs in zip(second.carries, whole.carries, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("level", LEVELS)
def test_draws_are_those_of_the_step_and_the_batch(level: int) -> None:
    model = made(SEARCHED, level)
    x, _ = tokens(model)

    def logits(step: int, kind: BatchKind = "train") -> Tensor:
        found: Tensor = model(x, None, Pass(step, kind, frozen=True)).logits
        return found

    first = logits(0)
    assert not torch.allclose(logits(1), first)
    assert not torch.allclose(logits(0, "validation"), first)
    assert torch.equal(logits(0), first)


def test_nothing_is_drawn_in_evaluation() -> None:
    model = made(SEARCHED).eval()
    x, _ = tokens(model)
    first = model(x)
    second = model(x, None, Pass(5, "validation"))
    assert torch.equal(first.logits, second.logits)
    assert torch.equal(first.outputs, first.dropped)


def test_masks() -> None:
    """One for a window and a sequence of the batch; whole words; 0 or 1 / keep."""
    draws = Draws(0)
    ones = torch.ones(4, 300, 50)
    locked = text.LockedDropout(draws, "a", 0.25)(ones)
    assert torch.equal(locked[0], locked[3])
    assert not torch.equal(locked[0, 0], locked[0, 1])
    assert locked.unique().tolist() == pytest.approx([0.0, 1 / 0.75])
    assert float((locked > 0).float().mean()) == pytest.approx(0.75, abs=0.02)
    assert torch.equal(text.LockedDropout(draws, "a", 0.25)(ones[0]), locked[0])
    mask = text.DropoutMask(draws, "b", 0.5, 20)(ones)
    assert mask.shape == (300, 20)
    words = torch.randint(100, (6, 7))
    kept = text.WordDropout(draws, "c", 0.5, 100)(torch.ones(6, 7, 3), words)
    assert all(len(set(kept[words == word].flatten().tolist())) == 1 for word in range(100) if word in words)
    assert set(kept.unique().tolist()) == {0.0, 2.0}


def test_no_dropout_no_masks() -> None:
    kinds = {
        layer: [
            found.kind
            for node in graph
            if (found := application(graph, node)).layer == layer
            and found.kind in ("product", "dropout_mask")
        ]
        for graph in [build(planned(IRREGULAR.replace("wide(tanh)", "none")))]
        for layer in ("layer0", "layer1")
    }
    assert "dropout_mask" in kinds["layer0"]  # of the carry
    assert kinds["layer1"] == []


def test_where_the_masks_stand() -> None:
    """The carry's on all that enters a matrix that is shared, and both in front of the highway's."""
    graph = build(planned(SEARCHED))
    for node in graph:
        applied = application(graph, node)
        if applied.kind == "highway":
            x, h, past = applied.inputs
            assert application(graph, x).inputs[1] == "layer0.x_mask"
            assert application(graph, h).inputs == (past, "layer0.h_mask")
        elif applied.kind == "linear" and applied.layer == "layer0":
            assert application(graph, applied.inputs[0]).inputs[1] == "layer0.h_mask"
        elif applied.kind == "lerp":
            assert application(graph, applied.inputs[0]).kind == "identity"


@pytest.mark.parametrize("level", LEVELS)
def test_statistics_move_at_each_time_step(level: int) -> None:
    model = made(SEARCHED, level)
    x, _ = tokens(model, steps=5)
    model(x, None, Pass(frozen=True))
    assert not any(buffer.any() for name, buffer in model.named_buffers() if "running_var" not in name)
    model(x)
    assert len(norms(model)) == 4
    assert {int(b) for name, b in model.named_buffers() if "num_batches" in name} == {5}


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # torch's own, of forward mode
@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", SPECS)
def test_second_derivatives(name: str, level: int) -> None:
    """Forward over reverse is reverse over reverse, through the loop."""
    model = made(SPECS[name], level)
    x, targets = tokens(model, steps=4)
    names, parameters = zip(*model.named_parameters(), strict=True)
    generator = torch.Generator().manual_seed(3)
    tangents = [torch.randn(p.shape, generator=generator, dtype=p.dtype) for p in parameters]

    def gradients(values: tuple[Tensor, ...], create_graph: bool) -> tuple[Tensor, ...]:
        buffers = {key: value.clone() for key, value in model.named_buffers()}
        logits = torch.func.functional_call(
            model, {**dict(zip(names, values, strict=True)), **buffers}, (x,)
        ).logits
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return torch.autograd.grad(loss, values, create_graph=create_graph, materialize_grads=True)

    plain = tuple(p.detach().requires_grad_() for p in parameters)
    inner = sum((g * t).sum() for g, t in zip(gradients(plain, True), tangents, strict=True))
    assert isinstance(inner, Tensor)
    reverse = torch.autograd.grad(inner, plain, materialize_grads=True)
    with forward_ad.dual_level():
        dual = tuple(map(_make_dual, plain, tangents))
        forward = [_unpack_dual(g).tangent for g in gradients(dual, False)]
    for ours, theirs in zip(forward, reverse, strict=True):
        torch.testing.assert_close(
            torch.zeros_like(theirs) if ours is None else ours, theirs, atol=1e-10, rtol=1e-8
        )


def test_less_memory_is_the_same() -> None:
    x, targets = tokens(made(SEARCHED))
    found = []
    for memory in ("normal", "low"):
        model = made(SEARCHED, memory=memory)
        loss = F.cross_entropy(model(x).logits.flatten(0, 1), targets.flatten())
        loss.backward()  # type: ignore[no-untyped-call]
        found.append([*(p.grad for p in model.parameters()), *model.buffers()])
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", SPECS)
def test_its_python_text_computes_the_same(name: str, level: int, tmp_path: Path) -> None:
    model = made(SPECS[name], level)
    path = tmp_path / f"network_{name}_{level}.py"
    path.write_text(emit_python(model.network))
    found = importlib.util.spec_from_file_location(path.stem, path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    written = getattr(module, type(model.network).__name__)().double()
    assert list(written.state_dict()) == list(model.network.state_dict())
    written.load_state_dict(model.network.state_dict())
    x, _ = tokens(model)
    widths = [application(model.graph, carry).shape[0] for carry in info(model.graph).carries]
    carries = [torch.zeros(x.shape[1], width, dtype=torch.float64) for width in widths]
    given = written(x, *carries, *model.mixing_weights().values())
    torch.testing.assert_close(given.logits, model(x).logits)


def test_what_is_the_same_at_every_step_lies_outside_the_loop() -> None:
    model = made(SEARCHED)
    assert isinstance(model.network.layer0, fx.GraphModule)
    inside = {getattr(node.target, "__name__", "") for node in model.network.layer0.graph.nodes}
    outside = {getattr(node.target, "__name__", "") for node in model.network.graph.nodes}
    assert {"weights", "factors", "rows", "scan"} <= outside
    assert not {"weights", "factors", "rows"} & inside
    # The element's half of the highway's product as well: a step has the carry's and one for each node.
    products = [node for node in model.network.layer0.graph.nodes if node.target is multiply_of(model)]
    assert len(products) == 1 + 3


def multiply_of(model: Supernet) -> Any:
    found = [
        node.target
        for node in model.network.graph.nodes
        if getattr(node.target, "__name__", "") == "multiply"
    ]
    return found[0]


ONLY_NOISE = """darts 1

cell recurrent {
  input  x, h
  node   a : sum
  edge   h -> a : noise
  edge   x -> a : identity
  output a
}

network text(H = 5, vocab = 7) {
  input tokens(4)
  stem  embedding(vocab, out = H)
  stage scan(recurrent, carry = "h") width H
  head  linear(vocab)
}
"""


@pytest.mark.parametrize("memory", ["normal", "low"])
@pytest.mark.parametrize("level", LEVELS)
def test_noise_is_drawn_anew_at_each_step(level: int, memory: str) -> None:
    model = made(ONLY_NOISE, level, memory=memory)
    x, _ = tokens(model)
    stem = model.network.stem0(x, PLAIN)
    draws = (model(x).outputs - stem).detach()  # (T, B, H)
    assert len({round(float(number), 9) for number in draws.flatten()}) == draws.numel()
    reference = Draws(0).normal(PLAIN, "layer0.a.h.noise.noise", tuple(draws.shape), like=draws)
    torch.testing.assert_close(draws, reference, rtol=0, atol=1e-12)
    assert not torch.allclose(model(x, None, Pass(1)).outputs - stem, draws)


@pytest.mark.parametrize("level", LEVELS)
def test_concat_in_a_step(level: int) -> None:
    """Against plain torch, on the carry too."""
    cell = "edge x -> a : linear(2) edge h -> a : linear(3) > tanh"
    text = ONLY_NOISE.replace("edge   h -> a : noise\n  edge   x -> a : identity", cell)
    model = made(text.replace("node   a : sum", "node a : concat"), level)
    x, _ = tokens(model)
    w, b, v, c = (p for name, p in model.network.named_parameters() if name.startswith("layer0"))
    state = torch.zeros(x.shape[1], 5, dtype=torch.float64)
    for vector, given in zip(model.network.stem0(x, PLAIN), model(x).outputs, strict=True):
        state = torch.cat((F.linear(vector, w, b), F.linear(state, v, c).tanh()), dim=1)
        torch.testing.assert_close(given, state, rtol=1e-12, atol=1e-14)


def test_the_verifier_sees_a_value_that_leaves_the_loop() -> None:
    graph = build(planned(SEARCHED))
    node = next(node for node in graph if application(graph, node).kind == "highway")
    shape = application(graph, node).shape
    graph.add_node("head.relu", op=Application("relu", (), (node,), shape, "head"))
    graph.add_edge(node, "head.relu")
    with pytest.raises(GraphError, match="one step of another layer"):
        verify(graph)
