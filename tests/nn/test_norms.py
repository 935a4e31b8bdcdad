"""Batch norms within a pass: as torch's own, frozen, over a batch that processes share, a plugin's; and no waiting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn
from torch.utils._python_dispatch import TorchDispatchMode

from dartsl import compile
from dartsl.graph.operations import application
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read
from dartsl.nn import extern, norms
from dartsl.nn.passing import Pass
from dartsl.nn.share import Share
from dartsl.nn.supernet import Supernet
from tests.nn.specs import SEARCHED, small
from tests.nn.text_specs import SEARCHED as TEXT
from tests.nn.text_specs import tokens

LEVELS = (0, 1, 2)
aten = torch.ops.aten


def images(model: Supernet, count: int, seed: int = 0) -> Tensor:
    """Random normal images in float64, (B, C, H, W)."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *model.plan.input.shape.dims, generator=generator, dtype=torch.float64)


def buffers(module: nn.Module) -> dict[str, Tensor]:
    return {name: buffer.clone() for name, buffer in module.named_buffers()}


def equal(ours: dict[str, Tensor], theirs: dict[str, Tensor], rtol: float = 1e-10) -> None:
    torch.testing.assert_close(ours, theirs, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize(
    "settings", [{}, {"momentum": None}, {"track_running_stats": False}, {"affine": False}]
)
def test_called_without_a_pass_they_are_torchs_own(settings: dict[str, Any]) -> None:
    for kind, shape in (("BatchNorm1d", (6, 3)), ("BatchNorm2d", (2, 3, 4, 4))):
        ours, theirs = (getattr(each, kind)(3, **settings) for each in (norms, nn))
        assert isinstance(ours, type(theirs))
        for seed in range(3):
            x = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
            assert torch.equal(ours(x), theirs(x))
            equal(buffers(ours), buffers(theirs), rtol=0)
        assert torch.equal(ours.eval()(x), theirs.eval()(x))
        with pytest.raises(ValueError, match="expected"):
            ours(torch.zeros(3))


@pytest.mark.parametrize("level", LEVELS)
def test_statistics_of_all_batches_count_the_same_without_a_momentum(level: int) -> None:
    """`update_bn` of torch sets the momentum to None: statistics become the means over its batches."""
    model, plain = (small(SEARCHED, dtype="float64", level=each) for each in (level, 0))
    kinds = {application(model.optimised.graph, node).kind for node in model.optimised.graph}
    assert {"bn_stack", "scaled_bn_stack"} & kinds or level < 2
    batches = [images(model, 4, seed) for seed in range(3)]
    stems = [plain.network.get_submodule("stem0.conv")(batch) for batch in batches]
    for each in (model, plain):
        each(batches[0])  # forgotten by update_bn
        update_bn(batches, each)
    equal(buffers(model), buffers(plain))
    means = torch.stack([stem.mean((0, 2, 3)) for stem in stems])  # (batches, C)
    torch.testing.assert_close(model.network.get_buffer("stem0.bn.running_mean"), means.mean(0))
    assert all(norm.momentum == 0.1 for norm in model.modules() if isinstance(norm, nn.BatchNorm2d))


# --------------------------------------------------------------------- plugins


class Counting(nn.Module):
    """Someone else's operation, with a batch norm and a buffer of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(width)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.get_buffer("calls").add_(1)
        return torch.tanh(self.norm(x))


OWN = "extern op own\nop mine = sep_conv(3)/stride > own\n\ncell normal"
PLUGGED = SEARCHED.replace("cell normal", OWN, 1).replace(": darts", ": none | mine | skip_connect")


def plugged(**settings: Any) -> Supernet:
    builders = {"own": lambda _in, width, _stride, _affine: Counting(width)}
    return small(PLUGGED, dtype="float64", plugins=builders, **settings)


@pytest.mark.parametrize("level", LEVELS)
def test_a_frozen_pass_freezes_the_norms_of_plugins(level: int) -> None:
    model = plugged(level=level)
    x, before = images(model, 4), buffers(model)
    given = model(x, None, Pass(frozen=True))
    after = buffers(model)
    calls = {name for name in before if name.endswith("calls")}
    assert {name for name in before if not torch.equal(after[name], before[name])} == calls
    torch.testing.assert_close(model(x), given)
    moved = buffers(model)
    assert all(not torch.equal(moved[name], after[name]) for name in after if "running" in name)


def test_a_plugin_is_left_as_it_was_where_it_fails() -> None:
    module = Counting(2).double()
    shared = Share(0, 1, 2, True, lambda _: None)
    with pytest.raises(RuntimeError):
        extern.call(
            module, torch.zeros(1, 3, 2, 2, dtype=torch.float64), pass_=Pass(frozen=True, share=shared)
        )
    assert module.norm.track_running_stats
    assert "forward" not in vars(module.norm)
    assert int(module.norm.num_batches_tracked or 0) == 0


@pytest.mark.parametrize("level", [0, 2])
def test_a_plugin_that_is_computed_again_moves_its_buffers_once(level: int) -> None:
    found = []
    for memory in ("normal", "low"):
        model = plugged(level=level, memory=memory)
        for step in range(2):
            model(images(model, 4, step), None, Pass(step)).square().sum().backward()
        gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
        found.append({**gradients, **buffers(model)})
    equal(found[1], found[0])


# ------------------------------------------------------------------- processes


def twice(tensors: Sequence[Tensor]) -> None:
    """The sum over two processes that hold the same rows."""
    for tensor in tensors:
        tensor.mul_(2)


@pytest.mark.parametrize("memory", ["normal", "low"])
@pytest.mark.parametrize("level", LEVELS)
def test_a_batch_that_is_shared_has_the_statistics_of_the_whole(level: int, memory: str) -> None:
    """Those of plugins' norms, too. Two processes with the same rows: the whole batch has each row twice."""
    whole, part = plugged(level=level), plugged(level=level, memory=memory)
    x = images(whole, 4)
    expected = whole(torch.cat([x, x]))
    expected.square().sum().backward()
    given = part(x, None, Pass(share=Share(0, 4, 8, True, twice)))
    given.square().sum().backward()
    torch.testing.assert_close(given, expected[:4], rtol=1e-9, atol=1e-12)
    equal(buffers(part), buffers(whole), rtol=1e-9)
    for (name, ours), theirs in zip(part.named_parameters(), whole.parameters(), strict=True):
        assert (ours.grad is None) == (theirs.grad is None), name
        if ours.grad is not None and theirs.grad is not None:
            torch.testing.assert_close(2 * ours.grad, theirs.grad, rtol=1e-8, atol=1e-9, msg=name)


# --------------------------------------------------------------------- waiting


class Unwaiting(TorchDispatchMode):
    """Refuses what hands a number, or a shape that depends on numbers, to the host."""

    REFUSED = (aten._local_scalar_dense, aten.equal, aten.nonzero, aten.masked_select)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert func.overloadpacket not in self.REFUSED, func
        return func(*args, **(kwargs or {}))


def test_a_number_that_is_asked_for_is_refused() -> None:
    for ask in (float, bool, int, Tensor.item):
        with Unwaiting(), pytest.raises(AssertionError, match="_local_scalar_dense"):
            ask(torch.ones(()))


@pytest.mark.parametrize(("level", "memory"), [(0, "normal"), (2, "low")])
@pytest.mark.parametrize("name", ["darts_cnn", "digits", "text"])
def test_no_pass_waits_for_the_device(name: str, level: int, memory: str) -> None:
    source = Source("text.darts", TEXT) if name == "text" else read(name)
    sizes = {"darts_cnn": {"C": 2, "n": 1}, "digits": {"C": 2}, "text": None}[name]
    model = compile(check(source), None, sizes, level=level, memory=memory)
    inputs = tokens(model, batch=2)[0] if name == "text" else images(model, 2).float()
    for pass_ in (Pass(frozen=True), Pass(1)):
        with Unwaiting():
            output = model(inputs, None, pass_)
            (output.logits if name == "text" else output).square().sum().backward()
