"""A model as a torch.export program or an ONNX file, checked against the model itself."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from dartsl.exchange.extras import needed
from dartsl.exchange.weights import differs, example
from dartsl.graph.operations import application
from dartsl.lang.diagnostics import UserError
from dartsl.lang.terms import Plan
from dartsl.nn.supernet import Supernet

TOLERANCE = 1e-4  # of float32; other programs order their sums differently
BATCHES = (2, 3)  # images of the example, and of the check


def torch_program(model: Supernet, plan: Plan) -> bytes:
    """A `.pt2` for torch.export.load: images (B, C, H, W), normalised, of any number -> (B, classes) logits.

    Raises UserError where torch cannot export the network, or the program gives other outputs than the model.
    """
    with _explained("torch"):
        program = _exported(model, plan)
        content = io.BytesIO()
        torch.export.save(program, content)
        content.seek(0)
        again = torch.export.load(content).module()
        images = example(model, plan, BATCHES[1])
        with torch.no_grad():
            _check(again(images), model(images))
    return content.getvalue()


def onnx_bytes(model: Supernet, plan: Plan) -> bytes:
    """An ONNX file of the same, its input `images` and its output `logits`, checked with onnxruntime.

    Raises UserError where a package is missing, the network cannot be exported, or the outputs differ.
    """
    for module in ("onnx", "onnxscript"):
        needed(module, "onnx")
    runtime = needed("onnxruntime", "onnx")
    with _explained("ONNX"), TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
        path = Path(folder) / "model.onnx"
        torch.onnx.export(
            model,
            (example(model, plan, BATCHES[0]),),
            str(path),
            dynamo=True,
            external_data=False,
            input_names=["images"],
            output_names=["logits"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
        data = path.read_bytes()
        session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])
        images = example(model, plan, BATCHES[1])
        (given,) = session.run(None, {"images": images.numpy()})
        with torch.no_grad():
            _check(torch.from_numpy(given), model(images))
    return data


def draws_noise(model: Supernet) -> bool:
    """Whether the network draws random numbers in evaluation too, where its output needs them."""
    graph = model.optimised.graph
    return any(application(graph, node).kind == "noise" for node in graph)


def _exported(model: Supernet, plan: Plan) -> Any:
    images = example(model, plan, BATCHES[0])
    return torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},))


def _check(given: Tensor, wanted: Tensor) -> None:
    found = differs(given, wanted)
    if not found <= TOLERANCE:
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
