"""The primitives of darts 2 against naive formulas in float64, after all passes, and differentiated twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel

import dartsl
from dartsl.graph.build import build
from dartsl.graph.count import multiply_adds, parameters
from dartsl.graph.operations import info
from dartsl.graph.passes import optimise, passes_of
from dartsl.lang.checker import diagnose
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.records.record import ModuleSpec
from dartsl.nn.draws import Draws
from dartsl.nn.emit import emit_python
from dartsl.nn.passing import PLAIN, Pass
from dartsl.nn.places import Dropout
from dartsl.nn.primitives import build_module
from dartsl.searching.products import exact_product
from dartsl.step.batches import ImageBatch
from dartsl.step.carried import window_of
from tests.nn.test_lower import import_text
from tests.passes.same import CPU, assert_same, images, model, planned_text
from tests.search.double_backward import double_backward

IMAGES = """darts 2
op mix(h)   = layer_norm > attention(h) > silu
op norms    = group_norm(2) > hard_swish > position_embedding > relu6
op apart    = conv(3, groups = 2) > bn
op rates    = gelu > hard_sigmoid > dropout(0.25) > conv(1)
cell c {
  input x, y : conv(1)
  node  n : sum
  node  m : sum keep 1
  edge  x -> n : none | identity | mix(2) | norms
  edge  y -> n : mix(1) | rates | apart
  edge  x, n -> m : none | identity | rates
  output m
}
network v(C = 4) {
  input image(2, 7, 11)
  stem  conv(2)/2 > layer_norm
  stage c*2 width C
  head  group_norm(1) > global_avg_pool > linear(3)
}
"""
TEXT = """darts 2
op mix(h)  = sum(identity, layer_norm > attention(h))
op channel = sum(identity, layer_norm > conv(3, out = 8) > gelu > dwconv(3) > linear(4))
cell block {
  input  x
  node   a, b : sum
  edge   x -> a : identity | mix(1) | mix(2)
  edge   a -> b : none | channel
  output b
}
network gpt(D = 4, L = 2, vocab = 7) {
  input tokens(5)
  stem  embedding(vocab, out = D) > position_embedding
  stage block*L width D
  head  layer_norm > linear(vocab, tie = "stem")
}
"""


def of(primitive: str, before: tuple[int, ...], after: tuple[int, ...], **arguments: int) -> Any:
    """The module of a primitive in float64, with random parameters."""
    torch.manual_seed(0)
    module = build_module(ModuleSpec(primitive, tuple(arguments.items()), (1, 1), before, after)).double()
    with torch.no_grad():
        for each in module.parameters():
            each.copy_(torch.randn_like(each))
    return module


def same(
    found: Callable[[Tensor], Tensor], expected: Callable[[Tensor], Tensor], x: Tensor, *more: Tensor
) -> None:
    """Outputs, and the gradients in x and in parameters."""
    x = x.requires_grad_()
    one, other = found(x), expected(x)
    torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)
    weights = torch.randn_like(one)
    mine, theirs = (torch.autograd.grad((each * weights).sum(), (x, *more)) for each in (one, other))
    torch.testing.assert_close(mine, theirs, rtol=1e-10, atol=1e-10)


def draw(*shape: int) -> Tensor:
    torch.manual_seed(1)
    return torch.randn(shape, dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "formula"),
    [
        ("relu6", lambda x: x.clamp(0, 6)),
        ("silu", lambda x: x / (1 + (-x).exp())),
        ("gelu", lambda x: x * (1 + torch.erf(x / math.sqrt(2))) / 2),
        ("hard_swish", lambda x: x * (x + 3).clamp(0, 6) / 6),
        ("hard_sigmoid", lambda x: (x + 3).clamp(0, 6) / 6),
    ],
)
def test_activations(name: str, formula: Callable[[Tensor], Tensor]) -> None:
    from dartsl.nn.builders import BUILDERS, Function

    builder = BUILDERS[name]
    assert isinstance(builder, Function)
    same(builder.call, formula, 4 * draw(2, 3, 4, 5))


def test_norms() -> None:
    layer, group = of("layer_norm", (4, 2, 3), (4, 2, 3)), of("group_norm", (4, 2, 3), (4, 2, 3), groups=2)

    def over_channels(x: Tensor) -> Tensor:
        mean, variance = x.mean(1, keepdim=True), x.var(1, unbiased=False, keepdim=True)
        normal = (x - mean) / (variance + 1e-5).sqrt()
        result: Tensor = normal * layer.weight[:, None, None] + layer.bias[:, None, None]
        return result

    def over_groups(x: Tensor) -> Tensor:
        halves = []
        for half in x.chunk(2, 1):
            mean = half.mean((1, 2, 3), keepdim=True)
            halves.append((half - mean) / (half.var((1, 2, 3), unbiased=False, keepdim=True) + 1e-5).sqrt())
        result: Tensor = torch.cat(halves, 1) * group.weight[:, None, None] + group.bias[:, None, None]
        return result

    same(layer, over_channels, draw(3, 4, 2, 3), *layer.parameters())
    same(group, over_groups, draw(3, 4, 2, 3), *group.parameters())
    sequence = of("layer_norm", (4, 5), (4, 5))
    x = draw(5, 3, 4)
    torch.testing.assert_close(sequence(x)[2], sequence(x[2]))


def naive_attention(module: Any, rows: Tensor, causal: bool) -> Tensor:
    """(B, places, in) -> (B, places, out), place by place and head by head."""
    width = rows.shape[2] // module.heads
    out = []
    for row in rows:
        entered = row @ module.enter.weight.t() + module.enter.bias
        q, k, v = entered.chunk(3, -1)
        places = []
        for at in range(len(row)):
            seen = at + 1 if causal else len(row)
            heads = []
            for head in range(module.heads):
                part = slice(head * width, (head + 1) * width)
                score = (k[:seen, part] @ q[at, part]) / math.sqrt(width)
                heads.append(score.exp() @ v[:seen, part] / score.exp().sum())
            places.append(torch.cat(heads))
        out.append(torch.stack(places) @ module.leave.weight.t() + module.leave.bias)
    return torch.stack(out)


def test_attention() -> None:
    image, text = of("attention", (4, 2, 3), (6, 2, 3), heads=2), of("attention", (4, 5), (6, 5), heads=2)
    for module in (image, text):
        for each in module.parameters():
            each.data *= 0.3
    same(
        image,
        lambda x: (
            naive_attention(image, x.flatten(2).transpose(1, 2), False).transpose(1, 2).reshape(3, 6, 2, 3)
        ),
        draw(3, 4, 2, 3),
        *image.parameters(),
    )
    same(
        text,
        lambda x: naive_attention(text, x.transpose(0, 1), True).transpose(0, 1),
        draw(5, 3, 4),
        *text.parameters(),
    )


def test_convolutions() -> None:
    """In groups, of patches, and along a sequence: every product of the definition, one by one."""
    groups = of("general conv", (4, 5, 6), (6, 5, 6), k=3, dilation=1, groups=2)
    arguments = (("k", 3), ("dilation", 2), ("groups", 2))
    strided = build_module(ModuleSpec("general conv", arguments, (2, 2), (4, 5, 6), (6, 3, 3)))
    assert strided(torch.zeros(1, 4, 5, 6)).shape == (1, 6, 3, 3)

    def grouped(x: Tensor) -> Tensor:
        padded = torch.nn.functional.pad(x, (1, 1, 1, 1))
        parts = []
        for group in range(2):
            weight, part = groups.weight[3 * group : 3 * group + 3], padded[:, 2 * group : 2 * group + 2]
            taps = [
                torch.einsum("oi,bihw->bohw", weight[:, :, i, j], part[:, :, i : i + 5, j : j + 6])
                for i in range(3)
                for j in range(3)
            ]
            parts.append(torch.stack(taps).sum(0))
        return torch.cat(parts, 1)

    same(groups, grouped, draw(2, 4, 5, 6), groups.weight)
    patches = of("general conv", (3, 5, 6), (2, 2, 2), k=4, dilation=1)

    def patched(x: Tensor) -> Tensor:
        whole = torch.zeros(2, 3, 8, 8, dtype=x.dtype)
        whole[:, :, :5, :6] = x
        return torch.einsum("oiuv,bihuwv->bohw", patches.weight, whole.reshape(2, 3, 2, 4, 2, 4))

    same(patches, patched, draw(2, 3, 5, 6), patches.weight)


@pytest.mark.parametrize(("name", "after"), [("general conv", 6), ("general dwconv", 4)])
def test_convolutions_along_a_sequence(name: str, after: int) -> None:
    along = of(name, (4, 5), (after, 5), k=3, dilation=2)

    def causal(x: Tensor) -> Tensor:
        out = []
        for at in range(5):
            seen = [(tap, at - 2 * (2 - tap)) for tap in range(3) if at >= 2 * (2 - tap)]
            if name == "general dwconv":
                taps = [x[place] * along.weight[:, 0, tap] for tap, place in seen]
            else:
                taps = [x[place] @ along.weight[:, :, tap].t() for tap, place in seen]
            out.append(torch.stack(taps).sum(0))
        return torch.stack(out)

    same(along, causal, draw(5, 3, 4), along.weight)


def test_positions() -> None:
    image, text = of("position_embedding", (4, 2, 3), (4, 2, 3)), of("position_embedding", (4, 5), (4, 5))
    same(image, lambda x: x + image.weight.reshape(2, 3, 4).permute(2, 0, 1), draw(3, 4, 2, 3), image.weight)
    same(text, lambda x: x + text.weight[:2, None], draw(2, 3, 4), text.weight)
    with pytest.raises(ValueError, match="a window of 6 elements, and positions for 5"):
        text(draw(6, 3, 4))


def test_dropout() -> None:
    module = Dropout(Draws(0), "here", 0.25)
    x = torch.ones(40, 50, 2)
    dropped = module(x, Pass(1))
    assert dropped.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert abs(float((dropped == 0).double().mean()) - 0.25) < 0.03
    assert not torch.equal(dropped[0], dropped[1])  # each element of a sequence by itself
    assert torch.equal(module(x, Pass(1)), dropped)
    assert torch.equal(module.eval()(x), x)


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("spec", [IMAGES, TEXT], ids=["images", "text"])
def test_every_level_computes_the_same(spec: str, level: int) -> None:
    assert_same(spec, passes_of(level, CPU))


def test_what_is_counted() -> None:
    """A layer of text: attention of width 4, a convolution of 3 x 4 x 8, one of 3 x 8, and a matrix of 8 x 4."""
    planned = planned_text(TEXT)
    graph = build(planned)
    assert parameters(graph) == sum(each.numel() for each in model(planned, graph).weights())
    mix = 4 * 4 * 4 + 2 * 5 * 4
    assert multiply_adds(graph) == 2 * (2 * mix + 3 * 4 * 8 + 3 * 8 + 8 * 4) + 4 * 7
    assert not info(graph).carries


def test_no_element_sees_a_later_one() -> None:
    planned = planned_text(TEXT)
    network = model(planned, build(planned)).eval()
    x = torch.randint(7, (5, 2), generator=torch.Generator().manual_seed(0))
    changed = x.clone()
    changed[3] = (x[3] + 1) % 7
    before, after = network(x).logits, network(changed).logits
    torch.testing.assert_close(after[:3], before[:3], rtol=0, atol=1e-12)
    assert not torch.allclose(after[3], before[3])
    assert not torch.allclose(after[4], before[4])


@pytest.mark.parametrize("level", [0, 2])
def test_the_python_text_computes_the_same(level: int, tmp_path: Path) -> None:
    planned = planned_text(IMAGES)
    made = model(planned, optimise(build(planned), level, CPU).graph)
    again = import_text(emit_python(made.network), tmp_path, made.network).double()
    again.load_state_dict(made.network.state_dict())
    x, _ = images(planned, 3, seed=0)
    weights = made.mixing_weights().values()
    torch.testing.assert_close(again(x, *weights), made.network(x, *weights, PLAIN), rtol=0, atol=0)


@contextmanager
def by_matrices() -> Iterator[None]:
    """torch's other ways to compute attention cannot be differentiated twice."""
    with sdpa_kernel(SDPBackend.MATH):
        yield


def test_exact_products() -> None:
    planned = planned_text(IMAGES)
    made = model(planned, build(planned))
    x, labels = images(planned, 4, seed=1)
    batch = ImageBatch(x, labels)
    generator = torch.Generator().manual_seed(2)
    direction = [torch.randn(w.shape, generator=generator, dtype=w.dtype) for w in made.weights()]
    pass_ = Pass(3, frozen=True)
    found = exact_product(made, batch, pass_, direction)
    with by_matrices():
        expected = double_backward(made, batch, pass_, direction)
    for one, other in zip(found, expected, strict=True):
        assert float(other.abs().max()) > 0
        assert float((one - other).abs().max()) <= 1e-9 * float(other.abs().max())


def test_windows_are_no_longer_than_the_positions() -> None:
    network = model(planned_text(TEXT), build(planned_text(TEXT)))
    assert window_of(network, 0) == (5, 5)
    assert window_of(network, 3) == (3, 5)
    with pytest.raises(UserError, match="a window of 6 words is longer than the 5"):
        window_of(network, 6)


def test_names_are_free_in_darts_1() -> None:
    """`silu` may be an op, and `gelu` a plugin's, which strides and has no shape of its own."""
    text = """darts 1
op silu(x) = x > relu
op attention = conv(3) > bn
extern op gelu(out = C/2)
cell c {
  input x
  node  n : sum
  edge  x -> n : silu(attention) | gelu > conv(1)
  output n
}
network v(C = 4) {
  input image(2, 4, 6)
  stem  conv(3)
  stage c width C
  head  global_avg_pool > linear(3)
}
"""
    assert diagnose(Source("old.darts", text)).errors == ()
    planned = planned_text(text)
    plugins = {"gelu": lambda before, after, stride, affine: nn.Conv2d(before, after, 1, stride)}
    network = dartsl.compile(Source("old.darts", text), dtype="float64", plugins=plugins)
    names = {name for name, _ in network.named_parameters()}
    assert "layer0.n.x.gelu_conv_1.gelu.weight" in {name.removeprefix("network.") for name in names}
    assert network(images(planned, 2, 0)[0]).shape == (2, 3)
