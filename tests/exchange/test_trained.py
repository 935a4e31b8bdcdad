"""From a search to a file that runs without dartsl: the logits are those of the network that `dartsl eval` measures."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import dartsl
from dartsl import UserError
from dartsl.run.folder import RunFolder
from dartsl.run.loop import restore
from dartsl.train.loop import reopened_session
from dartsl.train.session import ImageSession

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
    """Test images and their logits, as `dartsl eval` sees them; or as they are without the averages."""
    folder = RunFolder.open(run)
    session = reopened_session(folder, None)
    assert isinstance(session, ImageSession)
    restore(session, folder)
    images = next(iter(session.feed.test())).images[:20]
    session.model.eval()
    with torch.no_grad():
        if session.average is None or not averaged:
            return images, session._logits(images)
        with session.average.in_place():
            return images, session._logits(images)


@pytest.mark.parametrize("to", ["onnx", "torch"])
@pytest.mark.parametrize("name", ["plain", "averaged"])
def test_programs_run_without_dartsl(found: Path, tmp_path: Path, name: str, to: str) -> None:
    """With batches of any size, a single image too; the averaged weights go out where the training averages."""
    images, logits = measured(found / name)
    path = tmp_path / ("model.onnx" if to == "onnx" else "model.pt2")
    dartsl.export(found / name, to, path)
    np.save(tmp_path / "images.npy", images.numpy())
    subprocess.run([sys.executable, "-c", PROGRAM, path.name], cwd=tmp_path, check=True)
    with np.load(tmp_path / "found.npz") as given:
        for part in given.values():
            torch.testing.assert_close(torch.from_numpy(part), logits[: len(part)], rtol=1e-4, atol=1e-5)
    _, others = measured(found / name, averaged=False)
    assert torch.allclose(others, logits, rtol=1e-2, atol=1e-3) == (name == "plain")


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
