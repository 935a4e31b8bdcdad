"""Specs lowered whole: shapes, names, alphas, statistics, plugins."""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from dartsl import compile
from dartsl.graph.count import parameters
from dartsl.graph.verify import verify
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read
from dartsl.lang.syntax.resources import shipped_specs
from dartsl.nn.lower import emit_python
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import Supernet
from tests.nn.specs import DECIDED, RAGGED, SEARCHED, small
from tests.nn.test_lower import check_shapes

SIZES = list(itertools.product((8, 7), (8, 5)))


def images(model: Supernet, count: int = 3, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(count, *model.plan.input.shape.dims, generator=generator, dtype=torch.float64)
    return drawn.to(next(model.parameters()).dtype)


@pytest.mark.parametrize("text", [SEARCHED, RAGGED, DECIDED], ids=["searched", "ragged", "decided"])
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_every_application_has_the_shape_of_the_graph(text: str, height: int, width: int) -> None:
    model = small(text, height, width, level=0)
    verify(model.graph)
    check_shapes(model.network, model.graph, images(model), *model.mixing_weights().values())
    assert model(images(model)).shape == (3, 5)


@pytest.mark.parametrize("name", sorted(shipped_specs()))
def test_shipped_specs_lower(name: str) -> None:
    """Each shipped spec, its networks as short as they can be, on the meta device."""
    spec = check(read(name))
    for network in spec.networks:
        short = {p.name.id: 1 for p in spec.networks[network].parameters if p.name.id == "n"}
        model = compile(spec, network, short, device="meta")
        model.eval()
        if model.plan.input.sequence:
            output = model(torch.empty(3, 2, dtype=torch.int64, device="meta")).logits
            assert output.shape == (3, 2, model.plan.classes)
        else:
            output = model(torch.empty(2, *model.plan.input.shape.outer, device="meta"))
            assert output.shape == (2, model.plan.classes)
        assert sum(p.numel() for p in model.weights()) == parameters(model.graph)


def test_the_supernet_of_darts() -> None:
    """Parameters of method.md, "Numbers to hit"."""
    model = compile(check(read("darts_cnn")), device="meta")
    assert sum(p.numel() for p in model.weights()) == 1_930_618
    assert {cell: tuple(alpha.shape) for cell, alpha in model.alphas.items()} == {
        "normal": (14, 8),
        "reduction": (14, 8),
    }
    names = dict(model.network.named_parameters())
    for name in (
        "stem0.conv.weight",
        "layer3.c0.conv.weight",
        "layer3.n0.c0.sep_conv_3x3.dwconv_2.weight",
        "layer7.n3.n2.dil_conv_5x5.conv.weight",
        "head.linear.bias",
    ):
        assert name in names


def test_a_decided_network_has_affine_norms_and_no_alphas() -> None:
    model = small(DECIDED)
    assert list(model.alphas) == []
    assert model.alpha_parameters() == []
    assert model.mixing_weights() == {}
    norms = {n: m for n, m in model.network.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert all(norm.affine for norm in norms.values())
    assert not any("max_pool" in name for name in norms)
    searched = small(SEARCHED)
    norms = {n: m for n, m in searched.network.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert {n for n, m in norms.items() if m.affine} == {"stem0.bn"}
    assert any("max_pool" in name for name in norms)


def test_alphas_are_small_keyed_by_cell_and_not_among_the_weights() -> None:
    model = small(SEARCHED, seed=3)
    assert list(model.alphas) == ["normal", "reduction"]
    assert not torch.equal(model.alpha("normal"), model.alpha("reduction"))
    together = torch.cat([alpha.flatten() for alpha in model.alpha_parameters()])
    assert 5e-4 < together.std() < 2e-3
    assert torch.equal(model.alpha("normal"), small(SEARCHED, seed=3).alpha("normal"))
    assert not torch.equal(model.alpha("normal"), small(SEARCHED, seed=4).alpha("normal"))
    alphas = {id(alpha) for alpha in model.alpha_parameters()}
    assert not alphas & {id(weight) for weight in model.weights()}
    assert len(alphas) + len(model.weights()) == len(list(model.parameters()))
    for weights in model.mixing_weights().values():
        torch.testing.assert_close(weights.sum(1), torch.ones(len(weights)))


def test_short_rows_of_alphas_end_in_exact_zeros() -> None:
    model = small(RAGGED)
    (table, _) = model.tables
    assert table.sizes == (3, 2, 2, 2, 2)
    assert not model.alpha("normal")[1:, 2].any()
    weights = model.mixing_weights()["normal"]
    assert not weights[1:, 2].any()
    torch.testing.assert_close(weights.sum(1), torch.ones(5))
    torch.testing.assert_close(weights[1, :2], torch.softmax(model.alpha("normal")[1, :2], 0))
    F.cross_entropy(model(images(model)), torch.tensor([0, 1, 2])).backward()  # type: ignore[no-untyped-call]
    gradient = model.alpha("normal").grad
    assert gradient is not None
    assert gradient.isfinite().all()
    assert not gradient[1:, 2].any()
    assert gradient[0].all()


def test_a_cell_named_like_a_method_of_its_container() -> None:
    text = SEARCHED.replace("reduction", "keys").replace("normal", "half")
    model = small(text)
    assert sorted(model.mixing_weights()) == ["half", "keys"]
    assert model.alpha("keys").shape == (5, 8)
    assert model(images(model)).shape == (3, 5)
    model.load_state_dict(copy.deepcopy(model).state_dict())


def test_a_frozen_pass_moves_no_statistics() -> None:
    model = small(SEARCHED)
    x, frozen = images(model), Pass(frozen=True)
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    given = model(x, None, frozen)
    for name, buffer in model.named_buffers():
        assert torch.equal(buffer, before[name]), name
    torch.testing.assert_close(given, model(x))  # the statistics of the batch, both times
    changed = [n for n, b in model.named_buffers() if not torch.equal(b, before[n])]
    assert len(changed) == 3 * sum(isinstance(m, nn.BatchNorm2d) for m in model.modules())
    model.eval()  # in evaluation the running statistics are read, frozen or not
    assert torch.equal(model(x, None, frozen), model(x))


def test_state_can_be_saved_and_loaded(tmp_path: Path) -> None:
    model, other = small(RAGGED, seed=1), small(RAGGED, seed=1)
    for parameter in other.parameters():
        nn.init.zeros_(parameter)
    torch.save(model.state_dict(), tmp_path / "state.pt")
    other.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(other(images(model)), model(images(model)))
    assert not any("spare" in name for name in model.state_dict())


def test_float64_has_the_weights_of_float32() -> None:
    single, double = small(SEARCHED), small(SEARCHED, dtype="float64")
    x = images(single)
    torch.testing.assert_close(double(x.double()).float(), single(x), rtol=1e-3, atol=1e-4)
    for name, parameter in single.named_parameters():
        assert torch.equal(parameter.double(), double.get_parameter(name))


def test_the_python_text_of_a_cell_reads_like_the_cell() -> None:
    text = emit_python(small(SEARCHED, level=0).network)
    assert 'class Layer0(nn.Module):\n    """Layer `layer0`, an instance of the cell `normal`."""' in text
    assert "        layer1 = self.layer1(stem0, layer0, reduction_weights, pass_)\n" in text
    assert "class SmallNetwork(nn.Module):" in text
    layer = small(SEARCHED).network.get_submodule("layer1")
    assert isinstance(layer, fx.GraphModule)


BLUR = RAGGED.replace("op squeeze", "extern op blur(k, scale = 2)\n\nop squeeze").replace(
    "none | noise", "none | blur(3) | noise"
)


def blur(in_channels: int, out_channels: int, stride: int, affine: bool, k: int, scale: int) -> nn.Module:
    assert (affine, scale) == (False, 2)
    return nn.Conv2d(in_channels, out_channels, k, stride, padding=k // 2)


def test_an_extern_op_with_and_without_an_implementation(tmp_path: Path) -> None:
    model = small(BLUR, plugins={"blur": blur}, level=0)
    assert model(images(model)).shape == (3, 5)
    check_shapes(model.network, model.graph, images(model), *model.mixing_weights().values())
    with pytest.raises(SpecError) as missing:
        small(BLUR)
    (fault,) = missing.value.diagnostics
    assert (fault.code, fault.primary.span.text) == ("E0411", "blur(3)")
    assert [label.span.text for label in fault.secondary] == ["blur"]

    def broken(in_channels: int, out_channels: int, stride: int, affine: bool, **_: Any) -> nn.Module:
        return nn.Identity()

    with pytest.raises(SpecError) as wrong:
        small(BLUR, plugins={"blur": broken})
    (fault,) = wrong.value.diagnostics
    assert (fault.code, fault.primary.span.text) == ("E0412", "blur(3)")
    file = tmp_path / "mine.py"
    file.write_text(
        "from torch import nn\nblur = lambda i, o, s, a, k, scale: nn.Conv2d(i, o, k, s, k // 2)\n"
    )
    spec = check(Source("test.darts", BLUR.replace("HEIGHT", "8").replace("WIDTH", "8")))
    for level in (0, 2):
        assert compile(spec, level=level, plugins=[file])(torch.zeros(2, 3, 8, 8)).shape == (2, 5)


def test_what_cannot_be_compiled() -> None:
    with pytest.raises(UserError, match="`int8` is not a value for `dtype`"):
        small(DECIDED, dtype="int8")
    for device in ("gpu", "cuda:99"):
        with pytest.raises(UserError, match=f"no device `{device}` here"):
            small(DECIDED, device=device)
    with pytest.raises(UserError):
        small(DECIDED, parameters={"width": 3})
    assert small(DECIDED, parameters={"C": 6}).network.get_parameter("stem0.conv.weight").shape[0] == 18


def test_weights_are_the_parameters_of_a_copy_and_of_another_type_too() -> None:
    model = small(SEARCHED)
    for each in (model, copy.deepcopy(model), model.double()):
        assert [id(weight) for weight in each.weights()] == [id(w) for w in each.network.parameters()]
