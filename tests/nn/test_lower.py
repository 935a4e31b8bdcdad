"""The plain lowering, on operation graphs written by hand."""

from __future__ import annotations

import copy
import importlib.util
import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import pytest
import torch
from torch import Tensor, fx, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

from dartsl.graph.operations import GraphInfo, application, info
from dartsl.graph.tables import AlphaTable
from dartsl.nn.lower import build_modules, emit_python, lower
from dartsl.nn.passing import PLAIN, Pass
from tests.nn.graphs import Sketch, mixed

SIZES = list(itertools.product((6, 7), (6, 7)))


class Checker(fx.Interpreter):
    """Runs a network layer by layer and holds every value against the shape in the graph."""

    def __init__(self, module: fx.GraphModule, graph: nx.DiGraph) -> None:
        super().__init__(module)
        self.operations = graph
        self.seen: set[str] = set()

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        node = n.meta.get("application")
        if node is not None:
            assert tuple(result.shape[1:]) == application(self.operations, node).shape, node
            self.seen.add(node)
        return result

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        inner = self.fetch_attr(target)
        if not isinstance(inner, fx.GraphModule):
            return super().call_module(target, args, kwargs)
        checker = Checker(inner, self.operations)
        result = checker.run(*args)
        self.seen |= checker.seen
        return result


def check_shapes(network: fx.GraphModule, graph: nx.DiGraph, *inputs: Tensor) -> None:
    """Every application of the graph ran, and gave the shape that the graph says."""
    checker = Checker(network, graph)
    checker.run(*inputs, PLAIN)
    assert checker.seen == set(graph) - {info(graph).input}


def inputs(
    height: int, width: int, columns: int, dtype: torch.dtype = torch.float32
) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(3, 3, height, width, generator=generator, dtype=dtype)
    weights = torch.softmax(torch.randn(2, columns, generator=generator, dtype=dtype), dim=-1)
    return images, weights


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_shapes_are_those_of_the_graph(height: int, width: int) -> None:
    graph = mixed(height, width, noise=True)
    check_shapes(lower(graph), graph, *inputs(height, width, 4))


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_the_network_computes_what_its_operations_say(height: int, width: int) -> None:
    """The same network, written out with torch's own functions on the same parameters."""
    network = lower(mixed(height, width), dtype=torch.float64)
    images, weights = inputs(height, width, 3, torch.float64)
    state = dict(network.named_parameters())

    def norm(x: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, training=True)

    stem = norm(F.conv2d(images, state["stem0.conv.weight"], padding=1))
    node = torch.zeros(())
    for row in (0, 1):
        pooled = norm(F.max_pool2d(stem, 3, 2, 1))
        weight = state[f"layer0.n0.c{row}.relu_conv_bn_3.conv.weight"]
        convolved = norm(F.conv2d(stem.relu(), weight, stride=2, padding=1))
        node = node + weights[row, 1] * pooled + weights[row, 2] * convolved
    pooled = torch.cat([node, node], dim=1).mean((2, 3))
    expected = F.linear(pooled, state["head.linear.weight"], state["head.linear.bias"])
    torch.testing.assert_close(network(images, weights, PLAIN), expected)


def test_state_is_named_by_the_graph() -> None:
    network = lower(mixed())
    assert [name for name, _ in network.named_parameters()] == [
        "stem0.conv.weight",
        "stem0.bn.weight",
        "stem0.bn.bias",
        "layer0.n0.c0.relu_conv_bn_3.conv.weight",
        "layer0.n0.c1.relu_conv_bn_3.conv.weight",
        "head.linear.weight",
        "head.linear.bias",
    ]
    assert "layer0.n0.c0.max_pool_3x3.mix_bn.running_mean" in network.state_dict()


def test_there_is_a_graph_module_for_each_layer() -> None:
    network = lower(mixed())
    layers = dict(network.named_children())
    assert list(layers) == ["stem0", "layer0", "head"]
    assert all(isinstance(layer, fx.GraphModule) for layer in layers.values())
    names = [node.name for node in layers["layer0"].graph.nodes]  # type: ignore[union-attr]
    assert names[:3] == ["stem0", "normal_weights", "pass_"]


def test_initial_weights_depend_on_seed_and_path_alone() -> None:
    record = info(mixed())
    settings: dict[str, Any] = {"device": "cpu", "dtype": torch.float32, "plugins": {}}
    before = torch.random.get_rng_state()
    forwards = build_modules(record, seed=3, **settings)
    assert torch.equal(before, torch.random.get_rng_state())
    torch.rand(5)
    turned = replace(record, modules=dict(reversed(list(record.modules.items()))))
    backwards = build_modules(turned, seed=3, **settings)
    other = build_modules(record, seed=4, **settings)
    for path, module in forwards.items():
        for name, parameter in module.named_parameters():
            assert torch.equal(parameter, backwards[path].get_parameter(name))
    path = "layer0.n0.c0.relu_conv_bn_3.conv"
    twin = forwards["layer0.n0.c1.relu_conv_bn_3.conv"]
    assert not torch.equal(forwards[path].get_parameter("weight"), other[path].get_parameter("weight"))
    assert not torch.equal(forwards[path].get_parameter("weight"), twin.get_parameter("weight"))


def test_initial_weights_are_torchs_defaults_in_every_type() -> None:
    single, double = (lower(mixed(), seed=1, dtype=dtype) for dtype in (torch.float32, torch.float64))
    for name, parameter in single.named_parameters():
        assert torch.equal(parameter.double(), double.get_parameter(name))
    weight = single.get_parameter("head.linear.weight")
    assert 0.2 < weight.abs().max() <= 8**-0.5  # U(-1/sqrt(fan_in), 1/sqrt(fan_in))
    assert torch.equal(single.get_parameter("stem0.bn.weight"), torch.ones(4))


def test_a_layer_may_give_several_values() -> None:
    """A pass may share the ReLU of a layer's output; then both leave the layer."""
    sketch = Sketch((2, 4, 4))
    sketch.layer("stem0")
    conv = sketch.module("stem0.conv", "conv", "image", shape=(3, 4, 4), k=1, dilation=1)
    relu = sketch.call("stem0.relu", "relu", conv)
    sketch.layer("head")
    both = sketch.call("head.sum", "sum", conv, relu)
    graph = sketch.finish(both)
    network = lower(graph)
    x = torch.randn(2, 2, 4, 4)
    z = F.conv2d(x, network.get_parameter("stem0.conv.weight"))
    torch.testing.assert_close(network(x, PLAIN), z + z.relu())
    check_shapes(network, graph, x)
    assert "stem0_conv" in emit_python(network)


def test_names_that_torch_or_python_use_elsewhere(tmp_path: Path) -> None:
    sketch = Sketch((2, 4, 4))
    sketch.layer("stem0")
    x = sketch.module("stem0.F.lambda_.bn", "bn", "image")
    x = sketch.call("stem0.ops", "relu", x)
    x = sketch.call("stem0.F", "tanh", x)
    x = sketch.call("stem0.torch", "sigmoid", x)
    x = sketch.call("stem0.self", "relu", x)
    network = lower(sketch.finish(x))
    image = torch.randn(2, 2, 4, 4)
    torch.testing.assert_close(
        import_text(emit_python(network), tmp_path, network)(image), network(image, PLAIN)
    )


@pytest.mark.parametrize("double_backward", [False, True])
def test_gradients_reach_weights_and_mixing_weights(double_backward: bool) -> None:
    network = lower(mixed(ragged=False, noise=True), dtype=torch.float64)
    images, weights = inputs(7, 6, 4, torch.float64)
    weights.requires_grad_()
    loss = network(images, weights, PLAIN).square().mean()
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(loss, parameters, create_graph=double_backward)
    assert all(gradient.isfinite().all() for gradient in gradients)
    if double_backward:
        inner = sum((gradient.square().sum() for gradient in gradients), torch.zeros(()))
        (second,) = torch.autograd.grad(inner, weights)
        assert second[:, 1:3].abs().min() > 0
        assert second[:, 0].eq(0).all()  # `none` gives zeros, whatever its weight


# torch itself imports something scripted when the first dual number is made.
@pytest.mark.filterwarnings("ignore:`torch.jit.script` is (deprecated|not supported):DeprecationWarning")
def test_forward_over_reverse_gives_the_exact_product() -> None:
    """functional_call with dual weights: the tangent of grad_alpha L along v equals the double backward."""
    network = lower(mixed(), dtype=torch.float64)
    images, weights = inputs(7, 6, 3, torch.float64)
    weights.requires_grad_()
    parameters = dict(network.named_parameters())
    direction = {name: torch.randn_like(parameter) for name, parameter in parameters.items()}

    def loss(values: dict[str, Tensor]) -> Tensor:
        result: Tensor = torch.func.functional_call(network, values, (images, weights, Pass(frozen=True)))
        return F.cross_entropy(result, torch.tensor([0, 1, 2]))

    gradients = torch.autograd.grad(loss(dict(parameters)), list(parameters.values()), create_graph=True)
    along = sum(((g * v).sum() for g, v in zip(gradients, direction.values(), strict=True)), torch.zeros(()))
    (expected,) = torch.autograd.grad(along, weights)
    make_dual: Any = forward_ad.make_dual  # torch leaves both without types
    unpack_dual: Any = forward_ad.unpack_dual
    with forward_ad.dual_level():
        dual = {n: make_dual(p.detach(), direction[n]) for n, p in parameters.items()}
        (gradient,) = torch.autograd.grad(loss(dual), weights)
        product = unpack_dual(gradient).tangent
    assert product is not None
    torch.testing.assert_close(product, expected, rtol=1e-10, atol=1e-14)


def test_a_copy_is_independent() -> None:
    network = lower(mixed(noise=True))
    images, weights = inputs(7, 6, 4)
    twin = copy.deepcopy(network)
    torch.testing.assert_close(twin(images, weights, PLAIN), network(images, weights, PLAIN))
    with torch.no_grad():
        twin.get_parameter("stem0.conv.weight").zero_()
    assert network.get_parameter("stem0.conv.weight").any()


def import_text(text: str, folder: Path, network: fx.GraphModule) -> nn.Module:
    """The network class of an emitted text, with the state of the network it was made from."""
    path = folder / "emitted.py"
    path.write_text(text)
    found = importlib.util.spec_from_file_location("emitted", path)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    emitted: nn.Module = getattr(module, type(network).__name__)()
    emitted.load_state_dict(network.state_dict())
    return emitted


def test_the_python_text_computes_the_same(tmp_path: Path) -> None:
    network = lower(mixed(noise=True))
    text = emit_python(network)
    emitted = import_text(text, tmp_path, network)
    images, weights = inputs(7, 6, 4)
    assert list(emitted.state_dict()) == list(network.state_dict())
    torch.testing.assert_close(emitted(images, weights, PLAIN), network(images, weights, PLAIN))
    assert max(map(len, text.splitlines())) <= 110


def test_an_identity_network() -> None:
    sketch = Sketch((2, 3, 3))
    sketch.layer("stem0")
    out = sketch.call("stem0.identity", "identity", "image")
    graph = sketch.finish(out)
    x = torch.randn(1, 2, 3, 3)
    assert torch.equal(lower(graph)(x, PLAIN), x)
    assert info(graph) == GraphInfo("tiny", "image", out, (("stem0", None),), {}, ())


def test_ragged_rows_read_their_own_columns() -> None:
    graph = mixed(ragged=True)
    assert info(graph).alphas == (AlphaTable("normal", "normal", (3, 2), ("n0", "n0")),)
    network = lower(graph)
    images, weights = inputs(7, 6, 3)
    before = network(images, weights, PLAIN)
    weights[1, 2] = 100.0
    torch.testing.assert_close(network(images, weights, PLAIN), before)


def test_no_cell_is_left_out_of_the_layers() -> None:
    graph = mixed()
    network = lower(graph, device="meta")
    assert {p.device.type for p in network.parameters()} == {"meta"}
    images, weights = inputs(7, 6, 3)
    assert network(images.to("meta"), weights.to("meta"), PLAIN).shape == (3, 5)
