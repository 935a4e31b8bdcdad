"""What an implementation of an operation promises, and a look at whether it keeps it: see `dartsl.nn.plugins`."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dartsl.lang.codes.diagnostics import Error
from dartsl.lang.plan.terms import Argument
from dartsl.lang.records.primitives import called
from dartsl.lang.records.record import ModuleSpec
from dartsl.nn.ambient import undisturbed
from dartsl.nn.draws import seeded
from dartsl.nn.plugin_files import summary

Builder = Callable[..., nn.Module]


class PluginError(Error):
    """An implementation that breaks its contract.

    primitive  the operation
    reason     how it breaks it
    spec       the module that was asked of it; None where there was none to ask
    path       where in the network that module was to live, as far as is known
    """

    def __init__(self, primitive: str, reason: str, spec: ModuleSpec | None = None) -> None:
        super().__init__(primitive, reason, spec)
        self.primitive = primitive
        self.reason = reason
        self.spec = spec
        self.path = ""

    def __str__(self) -> str:
        return f"{called(self.primitive)}: {self.reason}"


@contextmanager
def standing_at(path: str) -> Iterator[None]:
    """Let a PluginError say the path at which the module was to live."""
    try:
        yield
    except PluginError as fault:
        fault.path = path
        raise


def build_plugin(builder: Builder, spec: ModuleSpec, affine: bool) -> nn.Module:
    """The module of a plugin operation, on the CPU. Raises PluginError where the function fails, or gives no module."""
    arguments: dict[str, Argument] = dict(spec.arguments)
    name = spec.primitive
    try:
        module: object = builder(spec.in_shape[0], spec.out_shape[0], spec.stride[0], affine, **arguments)
    except KeyboardInterrupt:
        raise
    except BaseException as fault:  # SystemExit too: a plugin does not end the program
        raise PluginError(name, f"its function fails with {summary(fault)}", spec) from fault
    if not isinstance(module, nn.Module):
        raise PluginError(name, f"its function gives {type(module).__name__}, not an nn.Module", spec)
    return module


def probe(
    module: nn.Module,
    spec: ModuleSpec,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> None:
    """Try a copy of a module on two random inputs, in training and in evaluation, forward and backward.

    It is tried on the device (on the CPU instead of the meta device) and in the type asked for. Raises PluginError
    where it fails, changes its input, or gives anything but finite numbers of its input's type and device and of
    shape (B, out_channels, ceil(H / stride), ceil(W / stride)); (B, out_channels) for vectors (B, C), and
    (T, B, out_channels) for a sequence (T, B, C).
    """
    found = torch.device(device)
    place = torch.device("cpu") if found.type == "meta" else found
    gpus = [place] if place.type == "cuda" else []
    with torch.random.fork_rng(gpus, enabled=bool(gpus)), seeded("probe"), undisturbed():
        for training in (True, False):
            reason = _broken(module, spec, training, place, dtype)
            if reason is not None:
                raise PluginError(spec.primitive, reason, spec)


def _broken(
    module: nn.Module, spec: ModuleSpec, training: bool, device: torch.device, dtype: torch.dtype
) -> str | None:
    """How a module breaks its contract; None where it does not."""
    generator = torch.Generator().manual_seed(0)
    shape = batched(spec.in_shape, 2)
    image = torch.randn(shape, generator=generator).to(device, dtype).requires_grad_()  # (B, C, H, W)
    given = image.clone()  # no leaf, so that a change in place is met by the words below, not by autograd's
    where = f"an input of shape {tuple(image.shape)} and type {_name(dtype)}"
    try:
        probed = (
            copy.deepcopy(module).to(device, dtype).train(training)
        )  # a copy: running statistics must not move
        output: object = probed(given)
        reason = _misfit(output, given, spec) or _changed(given, image)
        if reason is not None or not isinstance(output, Tensor) or not output.requires_grad:
            return reason
        sources = [image, *(weight for weight in probed.parameters() if weight.requires_grad)]
        slopes = torch.autograd.grad(output, sources, torch.ones_like(output), allow_unused=True)
    except KeyboardInterrupt:
        raise
    except BaseException as fault:
        return f"it fails on {where} with {summary(fault)}"
    if not all(slope is None or bool(slope.isfinite().all()) for slope in slopes):
        return f"its gradient on {where} is not finite"
    return None


def _misfit(output: object, given: Tensor, spec: ModuleSpec) -> str | None:
    """What is wrong with what it gave."""
    wanted, shape = batched(spec.out_shape, 2), tuple(given.shape)
    if not isinstance(output, Tensor):
        return f"it gives {type(output).__name__}, not a tensor"
    if tuple(output.shape) != wanted:
        return f"at stride {spec.stride[0]} it gives {tuple(output.shape)} for {shape}, where {wanted} is due"
    if output.dtype != given.dtype:
        return f"it gives {_name(output.dtype)} for {_name(given.dtype)}"
    if output.device != given.device:
        return f"it gives a tensor on {output.device} for one on {given.device}"
    return (
        None
        if bool(output.isfinite().all())
        else f"it gives NaN or infinity for finite numbers of shape {shape}"
    )


def batched(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """The shape of a tensor for `count` images or rows of text: (B, C, H, W), (B, C), or (T, B, C) of a sequence."""
    return (shape[1], count, shape[0]) if len(shape) == 2 else (count, *shape)


def _changed(given: Tensor, image: Tensor) -> str | None:
    """Other operations read the same input."""
    return None if torch.equal(given.detach(), image.detach()) else "it changes its input in place"


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
