"""A model as a torch.export program or an ONNX file, checked against the model itself."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import Tensor, nn

from dartsl.data.augment import normalise
from dartsl.exchange.about import About
from dartsl.exchange.extras import needed
from dartsl.graph.operations import application
from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.supernet import Supernet
from dartsl.run.inputs import TARGETS, ImageInputs

TOLERANCE = 1e-4  # of float32; other programs order their sums differently
TOLD_APART = (
    1e-3  # of a target's deviation: how far apart numbers beside its mean may be in the network's type
)
BATCHES = (2, 3)  # images of the example, and of the check
EXTRA_FILE = "dartsl.json"  # of a torch.export program


class Program(nn.Module):
    """A network, what comes before it and what after it: images (B, C, H, W), as `about` says, -> (B, classes) logits,
    or the numbers that are predicted, (B, T)."""

    mean: Tensor
    std: Tensor
    target_mean: Tensor
    target_std: Tensor

    def __init__(self, model: Supernet, about: About) -> None:
        super().__init__()
        self.model = model
        self._dtype = next(model.parameters()).dtype
        self._uint8 = about.uint8
        self._normalised = about.normalised
        if about.normalised and isinstance(about.inputs, ImageInputs):
            axes = len(about.inputs.shape) - 1
            for name, values in (("mean", about.inputs.mean), ("std", about.inputs.std)):
                self.register_buffer(
                    name, torch.tensor(values, dtype=self._dtype).view(-1, *[1] * axes)
                )  # (C, 1, 1)
        self._numbers = _numbers(about)
        if self._numbers is not None:
            self._own_dtype = _own_dtype(*self._numbers, self._dtype)
            for name, values in zip(TARGETS, self._numbers, strict=True):
                self.register_buffer(name, torch.tensor(values, dtype=self._own_dtype))  # (T,)

    def forward(self, images: Tensor) -> Tensor:
        if self._uint8:
            images = images.to(self._dtype) / 255
        if self._normalised:
            images = (images - self.mean) / self.std
        logits: Tensor = self.model(images)
        if self._numbers is None:
            return logits
        return logits.to(self._own_dtype) * self.target_std + self.target_mean


def _numbers(about: About) -> tuple[tuple[float, ...], tuple[float, ...]] | None:
    """The mean and deviation of the numbers that the program predicts in their own units; None: it does not."""
    inputs = about.inputs
    if not about.normalised or not isinstance(inputs, ImageInputs) or not inputs.numbers:
        return None
    return inputs.target_mean, inputs.target_std


def _own_dtype(mean: Sequence[float], std: Sequence[float], dtype: torch.dtype) -> torch.dtype:
    """The type of the targets' own units: the network's, or float64 where that could not tell them apart."""
    eps = torch.finfo(dtype).eps
    lost = any(eps * abs(m) > TOLD_APART * s for m, s in zip(mean, std, strict=True))
    return torch.float64 if lost else dtype


def torch_program(model: Supernet, about: About) -> bytes:
    """A `.pt2` for torch.export.load: images (B, C, H, W) of any number -> (B, classes) logits.

    What it takes stands in the extra file `dartsl.json`. Raises UserError where torch cannot export the network, or
    the program gives other outputs than the model.
    """
    with _explained("torch"):
        images, _ = examples(model, about, BATCHES[0])
        dynamic = ({0: torch.export.Dim("batch")},)
        program = torch.export.export(Program(model, about), (images,), dynamic_shapes=dynamic)
        content = io.BytesIO()
        extra = {EXTRA_FILE: json.dumps(about.record(), indent=2)}
        torch.export.save(program, content, extra_files=extra)
        content.seek(0)
        again = torch.export.load(content).module()
        given, wanted = examples(model, about, BATCHES[1])
        with torch.no_grad():
            _check(again(given), model(wanted), about)
    return content.getvalue()


def onnx_bytes(model: Supernet, about: About) -> bytes:
    """An ONNX file of the same, its input `images`, `series` or `vectors` and its output `logits` (of numbers
    `predictions`), checked with onnxruntime.

    What it takes stands in its metadata. Raises UserError where a package is missing, the network cannot be
    exported, or the outputs differ.
    """
    for module in ("onnx", "onnxscript"):
        needed(module, "onnx")
    runtime = needed("onnxruntime", "onnx")
    with _explained("ONNX"), TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            Program(model, about),
            (examples(model, about, BATCHES[0])[0],),
            str(path),
            dynamo=True,
            external_data=False,
            input_names=[about.plan.input.kind],
            output_names=["logits" if _numbers(about) is None else "predictions"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
        data = _with_metadata(path.read_bytes(), about)
        session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
        given, wanted = examples(model, about, BATCHES[1])
        (logits,) = session.run(None, {about.plan.input.kind: given.numpy()})
        with torch.no_grad():
            _check(torch.from_numpy(logits), model(wanted), about)
    return data


def _with_metadata(data: bytes, about: About) -> bytes:
    onnx = needed("onnx", "onnx")
    found = onnx.load_from_string(data)
    onnx.helper.set_model_props(found, about.texts())
    content: bytes = found.SerializeToString()
    return content


def draws_noise(model: Supernet) -> bool:
    """Whether the network draws random numbers in evaluation too, where its output needs them."""
    graph = model.optimised.graph
    return any(application(graph, node).kind == "noise" for node in graph)


def examples(model: Supernet, about: About, batch: int) -> tuple[Tensor, Tensor]:
    """Random examples as the program takes them, and the same as the network does: (B, C, H, W) each of images."""
    dtype = next(model.parameters()).dtype
    generator = torch.Generator().manual_seed(batch)
    channels, *sides = about.plan.input.shape.outer
    if not about.normalised or not isinstance(about.inputs, ImageInputs):
        images = torch.randn((batch, channels, *sides), generator=generator, dtype=dtype)
        return images, images
    if about.inputs.floats:
        stored = torch.randn((batch, *sides, channels), generator=generator, dtype=dtype)
        return stored.movedim(-1, 1).contiguous(), normalise(
            stored, about.inputs.mean, about.inputs.std, dtype
        )
    size = (batch, *sides, channels)
    pixels = torch.randint(0, 256, size, generator=generator, dtype=torch.uint8)  # (B, H, W, C)
    planes = pixels.permute(0, 3, 1, 2).contiguous()  # (B, C, H, W)
    wanted = normalise(pixels, about.inputs.mean, about.inputs.std, dtype)
    return planes if about.uint8 else planes.to(dtype) / 255, wanted


def _check(given: Tensor, wanted: Tensor, about: About) -> None:
    """Raises UserError where a program gives others than the model, (B, classes) each; of numbers that are predicted,
    the program in their own units, the model standardised."""
    rounded, found_scale = 0.0, _numbers(about)
    if found_scale is not None:
        mean, std = (torch.tensor(values, dtype=torch.float64) for values in found_scale)
        rounded = 2 * torch.finfo(given.dtype).eps * float((given.double().abs() / std).max())
        given = (given.double() - mean) / std
    largest = wanted.abs().max().clamp_min(1e-12)
    found = float((given - wanted).abs().max() / largest)
    if not found <= TOLERANCE + rounded / float(largest):
        raise UserError(
            f"the exported program's outputs differ from the model's by {found:.1e} of the largest"
        )


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn what the exporters raise, which has no one type, into a message; they are not to speak themselves."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except Exception as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserError(f"this network cannot be exported to {what}: {reason}") from error
    finally:
        logger.setLevel(level)
