"""Extern ops wherever they may stand, and the place that is named where one breaks its contract."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dartsl import compile
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import SpecError
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.records.record import ModuleSpec
from dartsl.nn.contract import Builder, PluginError, probe
from dartsl.nn.plugins import require_sound


def gelu(in_channels: int, out_channels: int, stride: int, affine: bool) -> nn.Module:
    assert in_channels == out_channels
    return nn.GELU()


def dense(in_channels: int, out_channels: int, stride: int, affine: bool, bias: bool) -> nn.Module:
    return nn.Linear(in_channels, out_channels, bias=bias)


class Halves(nn.Module):
    """The first half of the channels, gated by the second."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(x, self.axis)


ANYWHERE = {
    "gelu": gelu,
    "dense": dense,
    "glu": lambda i, o, s, a: Halves(-1),
    "glu2d": lambda i, o, s, a: Halves(1),
}
EXTERN = """darts 1
import "std/cnn"

extern op gelu(out = Cin)
extern op glu(out = Cin/2)
extern op glu2d(out = Cin/2)
extern op dense(out = C, bias = true)
"""
IMAGES = (
    EXTERN
    + """
cell c {
  input  x : conv(1)/stride > gelu
  node   y : sum
  edge   x -> y : conv(1, out = C/2) > gelu > conv(1) | conv(3, out = 2*C) > glu2d | identity
  output y
}
network net(C = 4) {
  input image(1, 8, 8)
  stem  conv(3, out = 3*C) > gelu
  stage c > gelu width C
  stage c width 2*C
  head  global_avg_pool > linear(12) > gelu > dense(6, bias = false) > glu > linear(3)
}
"""
)
TEXT = (
    EXTERN
    + """
cell rec {
  input  x, h
  node   a, b : sum
  edge   x -> a : dense(2*C) > glu | linear > gelu
  edge   h -> a : dense(bias = false) > gelu | tanh
  edge   a, x -> b : dense | linear(out = 2*C) > glu
  output b
}
network text(H = 6, vocab = 5) {
  input tokens(4)
  stem  embedding(vocab, out = 2*H) > gelu > glu
  stage gelu > scan(rec, carry = "h") > dense width H
  head  gelu > linear(vocab)
}
"""
)


def test_extern_ops_anywhere_in_a_network_of_images_compute_the_same_at_every_level() -> None:
    image = torch.randn(2, 1, 8, 8, dtype=torch.float64)
    spec = check(Source("images.darts", IMAGES))
    plain, fused = (compile(spec, level=n, plugins=ANYWHERE, dtype="float64") for n in (0, 2))
    torch.testing.assert_close(plain(image), fused(image))
    assert plain(image).shape == (2, 3)


def test_extern_ops_in_recurrent_cells_and_on_sequences() -> None:
    words = torch.randint(5, (4, 3))
    spec = check(Source("text.darts", TEXT))
    plain, fused = (compile(spec, level=n, plugins=ANYWHERE, dtype="float64") for n in (0, 2))
    torch.testing.assert_close(plain(words).logits, fused(words).logits)
    assert plain(words).logits.shape == (4, 3, 5)


def test_vectors_are_tried_as_they_come() -> None:
    """(B, C), and (T, B, C) of a sequence."""
    shapes: list[tuple[int, ...]] = []

    class Watching(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            shapes.append(tuple(x.shape))
            return x.mean(0, keepdim=True)

    for given in ((3,), (3, 5)):
        with pytest.raises(PluginError, match="is due"):
            probe(Watching(), ModuleSpec("mean", (), (1, 1), given, given))
    assert shapes == [(2, 3), (5, 2, 3)]


def broken_at(k_of_fault: int) -> Builder:
    def build(in_channels: int, out_channels: int, stride: int, affine: bool, k: int) -> nn.Module:
        return nn.Conv2d(in_channels, out_channels, k, stride, k // 2 if k != k_of_fault else 0)

    return build


@pytest.mark.parametrize("k", [3, 5, 7])
def test_the_call_whose_module_breaks_the_contract_is_named(k: int) -> None:
    """And not the first one of the operation, which is fine."""
    text = IMAGES.replace("extern op gelu", "extern op win(k)\nextern op gelu")
    text = text.replace("| identity", "| win(3) | win(5) > bn | relu > win(k = 7)")
    spec = check(Source("images.darts", text))
    with pytest.raises(SpecError) as caught:
        compile(spec, plugins={**ANYWHERE, "win": broken_at(k)})
    (fault,) = caught.value.diagnostics
    assert fault.code == "E0412"
    assert fault.primary.span.text == {3: "win(3)", 5: "win(5)", 7: "win(k = 7)"}[k]


def test_the_place_is_named_where_one_call_is_fine_elsewhere() -> None:
    """The same call with the same shapes, in a cell without and in a layer with affine batch norms."""

    def build(in_channels: int, out_channels: int, stride: int, affine: bool) -> nn.Module:
        return nn.BatchNorm2d(in_channels, affine=affine) if affine else nn.Flatten()

    text = IMAGES.replace("extern op gelu", "extern op norm\nextern op gelu")
    text = text.replace("| identity", "| norm").replace("stage c > gelu", "stage norm > c > gelu")
    text = text.replace("conv(3, out = 3*C) > gelu", "conv(3)")
    with pytest.raises(SpecError) as caught:
        compile(check(Source("images.darts", text)), plugins={**ANYWHERE, "norm": build})
    span = caught.value.diagnostics[0].primary.span
    assert "edge   x -> y" in span.source.text.splitlines()[span.position[0] - 1]


def test_every_operation_of_a_spec_is_tried() -> None:
    """All that is wrong in one run, each call once."""
    spec = check(Source("images.darts", IMAGES))
    wrong = {**ANYWHERE, "gelu": lambda i, o, s, a: nn.Flatten(), "glu": dense}
    with pytest.raises(SpecError) as caught:
        require_sound(spec, plan(spec, spec.networks["net"]), wrong)
    found = [(fault.code, fault.primary.span.text) for fault in caught.value.diagnostics]
    assert sorted(set(found)) == [("E0412", "gelu"), ("E0412", "glu")]
    advised = {
        fault.primary.span.text: "(out = Cin)" in (fault.help or "") for fault in caught.value.diagnostics
    }
    assert advised == {"gelu": False, "glu": True}  # one keeps the width already
    places = {fault.primary.span.start for fault in caught.value.diagnostics}
    assert (
        len(places) == 5
    )  # in the stem, on the input and the edge, in the stage; a vector stays one when flattened
