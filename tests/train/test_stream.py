"""A folder of images that is read as it is needed: ImageNet's layout, deterministic, resumed exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dartsl.data.large import centre_crop, jitter, random_resized_crop
from dartsl.lang.codes.diagnostics import UserError
from dartsl.training import loop
from tests.search.runs import rows
from tests.train.runs import job, quiet, run, same_runs, settings

LARGE: dict[str, Any] = {
    "stream": "always",
    "resized_crop": True,
    "jitter": (0.4, 0.4, 0.4, 0.2),
    "resize": 9,
}


@pytest.fixture
def images(tiny: Path) -> Path:
    """train/CLASS and val/CLASS of 7 classes, images of several sizes; the spec reads 3 channels."""
    tiny.write_text(tiny.read_text().replace("image(1, 8, 8)", "image(3, 8, 8)"))
    generator = np.random.default_rng(0)
    for part, count in (("train", 4), ("val", 1)):
        for label in range(7):
            folder = tiny.parent / "large" / part / f"n{label:08}"
            folder.mkdir(parents=True)
            for number in range(count):
                size = (12 + number, 20 - label, 3)
                pixels = generator.integers(0, 256, size, dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tiny.parent / "large"


@pytest.mark.parametrize("changes", [LARGE, {"stream": "always"}])
def test_workers_do_not_matter_and_runs_go_on_bit_for_bit(
    tiny: Path,
    images: Path,
    stop_after: Callable[[int], None],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
) -> None:
    given = {**changes, "data": str(images)}
    run(tiny, "whole", workers=0, **given)
    run(tiny, "two", workers=2, **given)
    same_runs(tiny.parent / "whole", tiny.parent / "two")
    stop_after(4)
    path = run(tiny, "parts", workers=0, **given).path
    monkeypatch.undo()
    assert loop.resume(path, console=quiet()).finished
    same_runs(tiny.parent / "whole", path)


def test_streamed_or_in_memory_is_the_same(tiny: Path, images: Path) -> None:
    for name, stream in (("one", "never"), ("two", "always")):
        run(tiny, name, data=str(images), stream=stream, workers=0, mean=(0.5,), std=(0.25,))
    found = [rows(tiny.parent / name / "history.jsonl") for name in ("one", "two")]
    assert found[0] == found[1]


def test_a_file_that_is_no_image_is_named(tiny: Path, images: Path) -> None:
    (images / "train" / "n00000003" / "1.png").write_text("nothing")
    with pytest.raises(UserError, match=r"1.png: not a readable image"):
        run(tiny, "run", data=str(images), workers=1, mean=(0.5,), std=(0.25,), **LARGE, final=True)


def test_folders_that_do_not_fit_are_refused(tiny: Path, images: Path) -> None:
    with pytest.raises(UserError, match="not a folder of images"):
        run(tiny, "run", stream="always")
    with pytest.raises(UserError, match="four numbers"):
        run(tiny, "run", data=str(images), jitter=(0.4,))
    tiny.write_text(tiny.read_text().replace("linear(7)", "linear(8)"))
    with pytest.raises(UserError, match="7 classes"):
        run(tiny, "run", data=str(images), stream="always")


def test_parts_have_the_size_and_stay_within_bounds() -> None:
    image = Image.new("RGB", (40, 10), (200, 100, 50))
    for seed in range(50):
        part = random_resized_crop(image, (6, 8), Random(seed))
        assert part.size == (8, 6)
        assert part.getpixel((0, 0)) == (200, 100, 50)
    assert jitter(image, (0.0, 0.0, 0.0, 0.0), Random(0)).tobytes() == image.tobytes()
    changed = {jitter(image, (0.4, 0.4, 0.4, 0.2), Random(seed)).getpixel((0, 0)) for seed in range(9)}
    assert len(changed) == 9
    bright = jitter(image, (0.5, 0.0, 0.0, 0.0), Random(1)).getpixel((0, 0))
    assert isinstance(bright, tuple)
    assert 100 <= bright[0] <= 255


def test_evaluation_sees_the_middle() -> None:
    pixels = np.zeros((16, 32, 3), dtype=np.uint8)
    pixels[:, 12:20] = 255
    middle = centre_crop(Image.fromarray(pixels), (8, 8), 16)
    assert np.asarray(middle).shape == (8, 8, 3)
    assert np.asarray(middle).min() == 255


@pytest.mark.parametrize("stream", ["never", "always"])
def test_a_validation_part_of_its_own_is_measured_and_all_training_images_train(
    tiny: Path, images: Path, stream: str
) -> None:
    given: dict[str, Any] = {"data": str(images), "stream": stream, "workers": 0, "epochs": 1}
    (images / "val").rename(images / "Test")
    first = run(tiny, "before", **given)
    generator = np.random.default_rng(1)
    for label in range(7):
        folder = images / "Validation" / f"n{label:08}"
        folder.mkdir(parents=True)
        pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "0.png")
    console = quiet()
    with pytest.raises(UserError, match="are not those"):
        loop.resume(first.path, console=console)
    seen = loop.train(job(tiny, "run", console), settings(tiny, **given))
    said = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert "trained on 28 images" in said  # 23 without a part of its own
    assert "validation 7 images" in said
    assert seen.test is not None
    final = run(tiny, "final", **given, final=True)
    assert rows(final.path / "history.jsonl")[0]["validation"] is None
