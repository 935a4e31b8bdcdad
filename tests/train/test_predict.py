"""`dartsl.predict`: the very answers that `dartsl eval` counts, from files alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import dartsl
from dartsl import UserError
from dartsl.run.checkpoint import write_record
from dartsl.run.folder import RunFolder
from dartsl.run.inputs import ImageInputs
from dartsl.run.loop import restore
from dartsl.training import loop
from dartsl.training.predict import Prediction
from dartsl.training.session import ImageSession
from tests.train.runs import quiet, run
from tests.train.test_stream import images

__all__ = ["images"]  # a fixture

NAMES = ("ant", "bee", "cat", "dog", "emu", "fox", "gnu")


def measured(path: Path) -> Tensor:
    """What the network that `dartsl eval` measures makes of the test images: probabilities (N, classes)."""
    folder = RunFolder.open(path)
    session = loop.reopened_session(folder)
    assert isinstance(session, ImageSession)
    restore(session, folder)
    session.model.eval()
    batches = [batch.images for batch in session.feed.test()]
    with torch.no_grad():
        if session.average is None:
            logits = torch.cat([session._logits(batch) for batch in batches])
        else:
            with session.average.in_place():
                logits = torch.cat([session._logits(batch) for batch in batches])
    return torch.softmax(logits.double(), dim=1)


def same(found: list[Prediction], wanted: Tensor, names: tuple[str, ...]) -> None:
    """All classes of each image, the likeliest first."""
    assert len(found) == len(wanted)
    for each, chances in zip(found, wanted, strict=True):
        order = chances.argsort(descending=True)
        assert each.classes == tuple(names[place] for place in order.tolist())
        assert each.probabilities == pytest.approx(chances[order].tolist(), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("changes", [{"ema": 0.9}, {"amp": True, "auxiliary": 0.0}, {"dtype": "float64"}])
def test_images_of_an_array_a_file_and_npz(tiny: Path, changes: dict[str, Any]) -> None:
    """With averages, an auxiliary head, drop-path and amp: what was evaluated is what predicts."""
    arrays = dict(np.load(tiny.parent / "images.npz"))
    np.savez(tiny.parent / "images.npz", **arrays, class_names=np.array(NAMES))
    path = run(tiny, "run", **changes).path
    wanted = measured(path)
    (tiny.parent / "images.npz").rename(tiny.parent / "elsewhere.npz")  # no data set is needed
    same(dartsl.predict(path, arrays["x_test"], top_k=7), wanted, NAMES)
    same(dartsl.predict(path, torch.from_numpy(arrays["x_test"][..., None]), top_k=99), wanted, NAMES)
    found = dartsl.predict(path, tiny.parent / "elsewhere.npz", top_k=7)
    same(found, wanted, NAMES)
    assert found[3].image == f"{tiny.parent / 'elsewhere.npz'}[3]"
    for number, pixels in enumerate(arrays["x_test"]):
        Image.fromarray(pixels).save(tiny.parent / f"{number}.png")
    files = [tiny.parent / f"{number}.png" for number in range(9)]
    found = dartsl.predict(path, files, top_k=7)
    same(found, wanted, NAMES)
    assert [each.image for each in found] == [str(file) for file in files]
    mixed = dartsl.predict(path, [files[1], tiny.parent / "elsewhere.npz", files[0]], top_k=7)
    same(mixed, torch.cat([wanted[1:2], wanted, wanted[:1]]), NAMES)
    assert dartsl.predict(path, []) == dartsl.predict(path, arrays["x_test"][:0]) == []
    (best,) = dartsl.predict(path, files[4])
    assert best.classes == found[4].classes[:1]


@pytest.mark.parametrize(
    "changes",
    [
        {"stream": "never"},
        {"stream": "always", "workers": 0},
        {"stream": "always", "workers": 0, "resize": 10},
        {"stream": "always", "workers": 0, "resized_crop": True},
    ],
)
def test_files_are_resized_and_cropped_as_evaluation_does_it(
    tiny: Path, images: Path, changes: dict[str, Any]
) -> None:
    """Images of other sizes, with and without the centre crop; the classes are called by their folders."""
    test = images / "val"
    test.rename(images / "test")
    for name in (".thumbnails", "__MACOSX"):  # no class in the training, no image here
        (images / "test" / name).mkdir()
        (images / "test" / name / "x.png").write_bytes(b"no image")
    path = run(tiny, "run", data=str(images), epochs=1, **changes).path
    wanted = measured(path)
    found = dartsl.predict(path, images / "test", top_k=7)
    same(found, wanted, tuple(f"n{label:08}" for label in range(7)))
    kept = RunFolder.open(path).info.inputs
    assert isinstance(kept, ImageInputs)
    assert kept.resize == (
        10 if "resized_crop" in changes else changes.get("resize", 0)
    )  # 8 / 7 of 8, rounded up


def test_modes_are_converted_as_the_readers_do(tiny: Path) -> None:
    path = run(tiny, "run", epochs=1).path
    pixels = dict(np.load(tiny.parent / "images.npz"))["x_test"][0]
    grey = Image.fromarray(pixels)
    grey.save(tiny.parent / "grey.png")
    grey.convert("RGB").save(tiny.parent / "colour.png")
    grey.convert("LA").save(tiny.parent / "alpha.png")
    found = [dartsl.predict(path, tiny.parent / f"{name}.png")[0] for name in ("grey", "colour", "alpha")]
    assert len({each.probabilities for each in found}) == 1


def test_one_bad_file_and_nothing_is_predicted(tiny: Path) -> None:
    path = run(tiny, "run", epochs=1).path
    good = tiny.parent / "good.png"
    Image.new("L", (8, 8)).save(good)
    (tiny.parent / "bad.png").write_bytes(good.read_bytes()[:40])
    (tiny.parent / "empty").mkdir()
    for place, words in {
        "bad.png": "bad.png: not a readable image",
        "none.png": "none.png: no such file or folder",
        "empty": "empty: no images",
        "images.npz/x": "no such file or folder|cannot be read",
    }.items():
        with pytest.raises(UserError, match=words):
            dartsl.predict(path, [good, tiny.parent / place])


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((2, 8, 8)), r"float64 of shape \(2, 8, 8\), not uint8 images \(N, 8, 8, 1\)"),
        (np.zeros((2, 9, 8), np.uint8), r"uint8 of shape \(2, 9, 8\), not"),
        (np.array(["a", "b"], dtype=object), r"object of shape \(2,\)"),
        (np.zeros((2, 8, 8), np.uint16), "uint16 of shape"),
        (np.zeros((8, 8), np.uint8), r"uint8 of shape \(8, 8\)"),
        (np.zeros((2, 8, 8, 3), np.uint8), r"uint8 of shape \(2, 8, 8, 3\)"),
    ],
)
def test_arrays_that_do_not_fit(tiny: Path, array: np.ndarray, words: str) -> None:
    path = run(tiny, "run", epochs=1).path
    with pytest.raises(UserError, match=words):
        dartsl.predict(path, array)


def test_what_cannot_predict(tiny: Path) -> None:
    path = run(tiny, "run", epochs=1).path
    with pytest.raises(UserError, match="is a training on images, which continues no text"):
        dartsl.generate(path, "a")
    with pytest.raises(UserError, match="top_k"):
        dartsl.predict(path, [], top_k=0)


@pytest.mark.parametrize("epoch", [float("inf"), float("nan"), -1, None, "1", True])
def test_an_epoch_that_is_none_is_refused(tiny: Path, epoch: object) -> None:
    path = run(tiny, "run", epochs=1).path
    record = torch.load(path / "checkpoint.pt", weights_only=True)
    record["state"]["epoch"] = epoch
    write_record(path / "checkpoint.pt", record)
    with pytest.raises(UserError, match="does not fit the run it lies in"):
        dartsl.predict(path, np.zeros((1, 8, 8), np.uint8))


def test_a_run_of_format_1_has_its_inputs_added_when_it_goes_on(tiny: Path) -> None:
    """Such a run kept no normalisation: it is exported without one, and predicts once it has gone on."""
    path = run(tiny, "run", epochs=1).path
    arrays = dict(np.load(tiny.parent / "images.npz"))
    before = dartsl.predict(path, arrays["x_test"], top_k=7)
    record = json.loads((path / "run.json").read_text())
    assert record.pop("inputs")["kind"] == "images"
    (path / "run.json").write_text(json.dumps(record))
    with pytest.raises(UserError, match=r"run\.json is damaged: `inputs`"):
        dartsl.predict(path, arrays["x_test"])
    record["format"] = 1
    (path / "run.json").write_text(json.dumps(record))
    saved = torch.load(path / "checkpoint.pt", weights_only=True)
    write_record(path / "checkpoint.pt", {**saved, "identity": {**saved["identity"], "format": 1}})
    with pytest.raises(UserError, match="older version of dartsl, which kept no normalisation") as fault:
        dartsl.predict(path, arrays["x_test"])
    assert f"`dartsl train --resume {path}` adds them" in str(fault.value.help)
    with pytest.raises(UserError, match="no mean and deviation"):
        dartsl.export(path, "torch", uint8=True)
    assert loop.resume(path, console=quiet()).finished
    assert dartsl.predict(path, arrays["x_test"], top_k=7) == before
