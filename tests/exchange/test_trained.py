"""From a search to a file that runs without dartsl: the logits are those of the network that `dartsl eval` measures."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

import dartsl
from dartsl import UserError
from dartsl.data import load, measure
from dartsl.run.folder import RunFolder
from dartsl.run.loop import restore
from dartsl.training.loop import reopened_session
from dartsl.training.measured import Measured
from dartsl.training.session import ImageSession

SPEC = """\
darts 1

import "std/cnn"

cell pair {
  input  a, b : preprocess
  node   p, q : sum
  edge   a -> p : sep_conv(3) | skip_connect
  edge   b -> p : max_pool_3x3 | dil_conv_5x5
  edge   p -> q : avg_pool_3x3 | sep_conv(3)
  output concat(p, q)
}

network small(C = 2) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage pair   width C
  stage pair/2 width 2*C
  head  global_avg_pool > linear(10)
}

search {
  data   = "digits"
  epochs = 1
  batch  = 256
}
"""
PROGRAM = """\
import sys
sys.modules["dartsl"] = None  # whoever imports it fails
import numpy, torch
images = numpy.load("images.npy")
found = []
for count in (1, 3, len(images)):
    if sys.argv[1].endswith(".onnx"):
        import onnxruntime
        session = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
        found.append(session.run(["logits"], {"images": images[:count]})[0])
    else:
        program = torch.export.load(sys.argv[1]).module()
        with torch.no_grad():
            found.append(program(torch.from_numpy(images[:count])).numpy())
numpy.savez("found.npz", *found)
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `searched`, the run of a search, and two trainings of what it found: `plain` and `averaged`."""
    folder = tmp_path_factory.mktemp("exports")
    (folder / "small.darts").write_text(SPEC)
    dartsl.search(folder / "small.darts", folder / "searched")
    changes = {"epochs": 1, "batch": 256, "auxiliary": 0.4, "drop_path": 0.2, "lr": 0.1}
    for name, ema in (("plain", 0.0), ("averaged", 0.9)):
        assert dartsl.train(folder / "searched", folder / name, ema=ema, **changes).finished
    return folder


def measured(run: Path, averaged: bool = True) -> tuple[Tensor, Tensor]:
    """All test images, normalised, and their logits as `dartsl eval` sees them; or without the averages."""
    folder = RunFolder.open(run)
    session = reopened_session(folder)
    assert isinstance(session, ImageSession)
    restore(session, folder)
    images = torch.cat([batch.images for batch in session.feed.test()])
    session.model.eval()
    with torch.no_grad():
        if session.average is None or not averaged:
            return images, session._logits(images)
        with session.average.in_place():
            return images, session._logits(images)


def ran(path: Path, images: np.ndarray) -> dict[int, Tensor]:
    """The logits that a program gives to the first 1, the first 3 and all images, where there is no dartsl."""
    np.save(path.parent / "images.npy", images)
    subprocess.run([sys.executable, "-c", PROGRAM, path.name], cwd=path.parent, check=True)
    with np.load(path.parent / "found.npz") as given:
        return {len(part): torch.from_numpy(part) for part in given.values()}


@pytest.mark.parametrize("to", ["onnx", "torch"])
@pytest.mark.parametrize("name", ["plain", pytest.param("averaged", marks=pytest.mark.slow)])
def test_programs_run_without_dartsl_on_pixels_in_0_to_1(
    found: Path, tmp_path: Path, name: str, to: str
) -> None:
    """With batches of any size, a single image too; the averaged weights go out where the training averages.

    On all test images the program errs exactly what `dartsl eval` reports: it has the normalisation of the training.
    """
    _, logits = measured(found / name)
    test = load("digits")
    pixels = test.test_images.permute(0, 3, 1, 2).contiguous()  # (N, 1, 8, 8), uint8
    path = tmp_path / ("model.onnx" if to == "onnx" else "model.pt2")
    dartsl.export(found / name, to, path)
    parts = ran(path, (pixels / 255).numpy())
    assert list(parts) == [1, 3, 297]
    for count, part in parts.items():
        torch.testing.assert_close(part, logits[:count], rtol=1e-4, atol=1e-5)
    assert torch.equal(parts[297].argmax(1), logits.argmax(1))
    evaluated = dartsl.evaluate(found / name).test
    assert isinstance(evaluated, Measured)
    assert int((parts[297].argmax(1) != test.test_labels).sum()) == evaluated.images - evaluated.correct
    _, others = measured(found / name, averaged=False)
    assert torch.allclose(others, logits, rtol=1e-2, atol=1e-3) == (name == "plain")


@pytest.mark.slow
@pytest.mark.parametrize("to", ["onnx", "torch"])
def test_a_program_may_take_uint8_or_leave_normalisation_out(found: Path, tmp_path: Path, to: str) -> None:
    images, logits = measured(found / "plain")
    pixels = load("digits").test_images.permute(0, 3, 1, 2).contiguous()
    path = tmp_path / ("model.onnx" if to == "onnx" else "model.pt2")
    dartsl.export(found / "plain", to, path, uint8=True)
    torch.testing.assert_close(ran(path, pixels.numpy())[297], logits, rtol=1e-4, atol=1e-5)
    dartsl.export(found / "plain", to, path, normalisation=False)
    torch.testing.assert_close(ran(path, images.numpy())[297], logits, rtol=1e-4, atol=1e-5)


def metadata(path: Path) -> dict[str, Any]:
    """What a file says of its network."""
    if path.suffix == ".pt2":
        extra = {"dartsl.json": ""}
        torch.export.load(path, extra_files=extra)
        return dict(json.loads(extra["dartsl.json"]))
    if path.suffix == ".onnx":
        found = {item.key: item.value for item in onnx.load(path).metadata_props}
    else:
        with safe_open(path, "pt") as file:
            found = file.metadata()
    numbers = {name: json.loads(found[name]) for name in ("shape", "mean", "std", "resize", "classes")}
    return {**found, **numbers}


@pytest.mark.parametrize("name", ["model.onnx", "model.pt2", "model.safetensors"])
def test_every_file_says_what_its_network_takes(found: Path, tmp_path: Path, name: str) -> None:
    to = {".onnx": "onnx", ".pt2": "torch"}.get(Path(name).suffix, "safetensors")
    dartsl.export(found / "plain", to, tmp_path / name)
    said = metadata(tmp_path / name)
    mean, std = measure(load("digits").train_images)
    inputs = json.loads((found / "plain" / "run.json").read_text())["inputs"]
    assert said["mean"] == inputs["mean"] == list(mean)
    assert said["std"] == inputs["std"] == list(std)
    assert said["classes"] == inputs["classes"] == list("0123456789")
    assert said["shape"] == inputs["shape"] == [1, 8, 8]
    assert (said["network"], said["dtype"], said["resize"]) == ("small", "float32", 0)
    if to == "safetensors":
        assert said["format"] == "pt"
        assert said["normalised"] == "outside"
        assert said["takes"].startswith(
            "float32 images, normalised, (B, 1, 8, 8): (x - mean) / std of x in 0..1 ("
        )
    else:
        assert said["normalised"] == "inside"
        takes = "float32 images in 0..1, (B, 1, 8, 8), normalised inside (mean 0.305, std 0.375)"
        assert said["takes"] == takes


def test_a_search_keeps_its_inputs_too(found: Path) -> None:
    inputs = [json.loads((found / name / "run.json").read_text())["inputs"] for name in ("searched", "plain")]
    assert inputs[0] == inputs[1]


@pytest.mark.parametrize(
    ("to", "options", "words"),
    [
        ("safetensors", {"uint8": True}, "writes weights, and no program"),
        ("genotype", {"uint8": True}, "writes cells, and no program"),
        ("torch", {"uint8": True, "normalisation": False}, "normalised before are not uint8"),
    ],
)
def test_what_no_program_can_take(found: Path, to: str, options: dict[str, bool], words: str) -> None:
    with pytest.raises(UserError, match=words) as fault:
        dartsl.export(found / "plain", to, **options)
    assert fault.value.exit_code == 2


def test_inputs_of_another_network_are_refused(found: Path, tmp_path: Path) -> None:
    shutil.copytree(found / "plain", tmp_path / "run")
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record["inputs"]["classes"].pop()
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"run\.json is damaged: `inputs` do not fit the network `small`"):
        dartsl.export(tmp_path / "run", "safetensors")


@pytest.mark.parametrize("name", ["plain", "averaged"])
def test_safetensors_hold_the_same_weights(found: Path, tmp_path: Path, name: str) -> None:
    images, logits = measured(found / name)
    dartsl.export(found / name, "safetensors", tmp_path / "model.safetensors")
    tensors = load_file(str(tmp_path / "model.safetensors"))
    assert not [each for each in tensors if "auxiliary" in each]
    model = dartsl.compile(found / "searched" / "found.darts").eval()
    model.load_state_dict(tensors)
    with torch.no_grad():
        torch.testing.assert_close(model(images), logits, rtol=1e-4, atol=1e-5)


def test_a_search_has_a_genotype_but_no_weights(found: Path) -> None:
    with pytest.raises(UserError, match="only a training has weights to export"):
        dartsl.export(found / "searched", "onnx")
