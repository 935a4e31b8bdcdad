"""Two processes at one run, by gloo: they find what one process finds, and agree to the last bit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from dartsl.nn.share import WHOLE
from dartsl.run.parallel import ALONE, Processes
from dartsl.run.torchrun import Place
from dartsl.searching import loop as searching
from tests.run.pair import Work, together
from tests.search.conftest import PARTS
from tests.search.conftest import TINY as SEARCHED
from tests.search.runs import checkpoint_of, rows, same
from tests.train.conftest import TINY as DECIDED

TEXT = """darts 1

import "std/rnn"

cell recurrent {
  input  x, h
  node   s0     : highway NORM
  node   s1..s2 : sum NORM KEEP
  edge   x, h   -> s0     : identity
  EDGES
  output mean(s1..s2)
}

network story(H = 4, vocab = 8) {
  input tokens(6)
  stem  embedding(vocab, out = H, dropout = 0.1) > locked_dropout(0.2)
  stage scan(recurrent, carry = "h", dropout_x = 0.25, dropout_h = 0.25) width H
  head  locked_dropout(0.25) > linear(vocab, tie = "stem")
}
"""
STAGES = {"epochs": 2, "stages": "stage(keep = 3), stage(keep = 2)"}
STORY = "the cat sat on the mat\nthe dog sat by the cat\n"


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "render", lambda _dot, _kind: b"<svg/>")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Specs to search and to train, and their data: 24 images of 8x8, 3 classes; a story of 280 words."""
    for name, text in {"parts": PARTS, "searched": SEARCHED, "decided": DECIDED}.items():
        (tmp_path / f"{name}.darts").write_text(text)
    noisy = SEARCHED.replace("none |", "none | noise |").replace("> bn\n", "\n", 1)
    (tmp_path / "noisy.darts").write_text(noisy)
    open_edges = TEXT.replace("EDGES", "edge s0..s1 -> s1..s2 : activations").replace("KEEP", "keep 1")
    chosen = TEXT.replace("EDGES", "edge s0 -> s1 : gate(tanh)\n  edge s1 -> s2 : gate(relu)")
    for name, text in {
        "normed": open_edges.replace("NORM", "> mix_bn"),
        "plain": open_edges,
        "own": chosen,
    }.items():
        (tmp_path / f"{name}.darts").write_text(text.replace("NORM", "").replace("KEEP", ""))
    draws = np.random.default_rng(0)
    for name, classes in {"images": 3, "seven": 7}.items():
        labels = np.arange(28) % classes
        pixels = draws.integers(0, 256, (28, 8, 8), dtype=np.uint8)
        np.savez(
            tmp_path / f"{name}.npz", x_train=pixels, y_train=labels, x_test=pixels[:9], y_test=labels[:9]
        )
    texts = tmp_path / "texts"
    texts.mkdir()
    for name, count in {"train": 20, "valid": 4, "test": 2}.items():
        (texts / f"{name}.txt").write_text(STORY * count)
    return tmp_path


def job(folder: Path, kind: str, spec: str, name: str, data: str, **settings: Any) -> Work:
    found = {"data": str(folder / data), "dtype": "float64", **settings}
    return Work(kind, str(folder / f"{spec}.darts"), name, found)


def agree(jobs: Sequence[Work], folder: Path) -> None:
    """Two processes find what one finds, but for the order of sums; and both of them the very same."""
    together(jobs, folder)
    for pair in jobs:
        one = replace(pair, name=f"{pair.name}-alone")
        one.run()
        alike(checkpoint_of(pair.out)["state"], checkpoint_of(one.out)["state"], pair.name)
        alike(rows(pair.out / "history.jsonl"), rows(one.out / "history.jsonl"), pair.name)
        same(*(torch.load(f"{pair.out}.{rank}.pt", weights_only=True) for rank in (0, 1)))


def alike(one: Any, other: Any, where: str) -> None:
    """Equal to 1e-10, but for times."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            if key != "seconds":
                alike(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for place, (a, b) in enumerate(zip(one, other, strict=True)):
            alike(a, b, f"{where}/{place}")
    elif isinstance(one, Tensor):
        assert one.shape == other.shape, where
        assert (one.double() - other.double()).abs().max() <= 1e-10, where
    else:
        assert one == (pytest.approx(other, abs=1e-10) if isinstance(other, float) else other), where


# --------------------------------------------------------------------- two and one


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "order", ["1", *(pytest.param(each, marks=pytest.mark.slow) for each in ("2", "exact"))]
)
def test_a_search_on_images_is_that_of_one_process(folder: Path, order: str) -> None:
    """With batch norm, at each level; the last batch has 4 images, or a single one, which one process is without."""
    settings = [
        {"optimise": 0, "batch": 13, "memory": "low"},
        {"optimise": 1, "batch": 5, "perturb": "adversarial"},
        {"optimise": 2, "batch": 5, "cutout": 4, "skip_dropout": 0.3, **STAGES},
        {"optimise": 2, "batch": 13, "relaxation": "gumbel_hard", "steps_first": "weights", "nesterov": True},
    ]
    specs = ["searched", "noisy", "searched", "searched"]
    common = {"order": order, "clip": 0.5, "epochs": 1, "warmup": 0}
    jobs = [
        job(folder, "search", spec, f"run{place}", "images.npz", **{**common, **each})
        for place, (spec, each) in enumerate(zip(specs, settings, strict=True))
    ]
    agree(jobs, folder)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_search_with_partial_channels_is_that_of_one_process(folder: Path) -> None:
    wide = SEARCHED.replace("C = 2", "C = 4")
    (folder / "wide.darts").write_text(wide)
    settings = {"partial": 2, "edge_weights": True, "batch": 5, "epochs": 1, "warmup": 0, "clip": 0.5}
    agree([job(folder, "search", "wide", "partial", "images.npz", **settings)], folder)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_search_on_text_is_that_of_one_process(folder: Path) -> None:
    """Three rows, of which one process takes two; a single row, of which there is none for the other."""
    # Few steps, at a low rate: what a step does makes more of a last bit.
    common: dict[str, Any] = {"epochs": 1, "batch": 3, "bptt": 45, "lr": 0.5, "short_windows": 0.0}
    jobs = [
        job(
            folder,
            "search",
            "normed",
            f"run{order}",
            "texts",
            order=order,
            perturb=perturb,
            optimise=level,
            **common,
        )
        for order, level, perturb in (("1", 0, "none"), ("2", 2, "none"), ("exact", 1, "adversarial"))
    ]
    row = {**common, "batch": 1, "bptt": 120}
    jobs.append(job(folder, "search", "plain", "row", "texts", order="2", **row))
    agree(jobs, folder)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_projection_is_that_of_one_process(folder: Path) -> None:
    """What is decided, too: over a batch of 13 images and one of a single image, which one process is without."""
    settings = {"derive": "perturbation", "projection_interval": 1, "batch": 13, "epochs": 1, "warmup": 0}
    agree([job(folder, "search", "searched", "run", "images.npz", **settings)], folder)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("order", ["1", "2"])
def test_a_search_that_freezes_is_that_of_one_process(folder: Path, order: str) -> None:
    """Which operations rest, too, and the curvature: over batches of 5 images, and a single one."""
    settings = {"freeze": True, "freeze_steps": 2, "freeze_threshold": 0.1, "curvature": 1}
    common = {"order": order, "batch": 5, "epochs": 2, "warmup": 0, "clip": 0.5}
    found = job(folder, "search", "searched", "run", "images.npz", **common, **settings)
    agree([found], folder)
    assert rows(found.out / "history.jsonl")[0]["frozen"] > 0


def test_a_training_is_that_of_one_process(folder: Path) -> None:
    """Images with all that draws and adds: parts of batches, drop-path, an auxiliary head, averages; and text."""
    images = {"epochs": 2, "batch": 10, "final": True, "drop_path": 0.4, "clip": 0.5}
    # 26 images train: four of some classes, three of others.
    weighted = {**images, "batch": 13, "final": False, "class_weights": "balanced"}
    jobs = [
        job(folder, "train", "decided", "plain", "seven.npz", optimise=0, **images),
        job(folder, "train", "decided", "parts", "seven.npz", accumulate=3, ema=0.9, cutout=4, **weighted),
        job(folder, "train", "own", "text", "texts", epochs=3, batch=3, nonmono=0, lr=0.5, bptt=30),
    ]
    agree(jobs, folder)


@pytest.mark.usefixtures("undrawn")
def test_a_folder_of_images_is_read_in_parts(folder: Path) -> None:
    draws = np.random.default_rng(1)
    for (name, classes), (part, count) in product(
        {"large": 7, "three": 3}.items(), {"train": 4, "test": 1}.items()
    ):
        for label in range(classes):
            place = folder / name / part / f"class{label}"
            place.mkdir(parents=True)
            for number in range(count):
                pixels = draws.integers(0, 256, (12, 14), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{number}.png")
    large = {"stream": "always", "resized_crop": True, "jitter": (0.2, 0.2, 0.2, 0.1), "workers": 0}
    more = {"epochs": 1, "batch": 10, "validation": 0.0, "mean": (0.5,), "std": (0.25,)}
    searched = {"stream": "always", "workers": 1, "epochs": 1, "warmup": 0, "batch": 5}
    jobs = [
        job(folder, "train", "decided", "run", "large", **large, **more),
        job(folder, "search", "searched", "found", "three", **searched),
    ]
    agree(jobs, folder)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
def test_a_run_goes_on_in_another_number_of_processes(folder: Path) -> None:
    """One epoch by two processes and one by one, or the other way about: states of text are put together, and split."""
    settings = {"order": "2", "epochs": 2, "batch": 3, "bptt": 90, "lr": 0.5}
    whole = job(folder, "search", "normed", "whole", "texts", **settings)
    whole.run()
    for name in ("first", "second"):
        begun = job(folder, "search", "normed", name, "texts", **{**settings, "epochs": 1})
        together([begun], folder) if name == "first" else begun.run()
        record = begun.out / "run.json"
        record.write_text(record.read_text().replace('"epochs": 1', '"epochs": 2'))
        rest = replace(begun, resume=True)
        rest.run() if name == "first" else together([rest], folder)
        alike(checkpoint_of(begun.out)["state"], checkpoint_of(whole.out)["state"], name)


# ------------------------------------------------------------------------- parts


def share_of(rank: int, world: int, whole: int) -> Any:
    return Processes(Place(rank, world, rank, world)).share(whole)


@pytest.mark.parametrize(("world", "whole"), [(2, 2), (2, 5), (3, 7), (4, 2), (3, 1)])
def test_a_batch_is_shared_out_once(world: int, whole: int) -> None:
    shares = [share_of(rank, world, whole) for rank in range(world)]
    taken = [row for share in shares if share.counts for row in share.index.tolist()]
    assert taken == list(range(whole))
    assert sum(share.weight for share in shares) == pytest.approx(1)
    assert all(share.size >= 1 for share in shares)


def test_one_process_takes_all_as_it_is() -> None:
    values = torch.arange(6.0)
    for share in (ALONE.share(6), WHOLE):
        assert share.own(values, 0) is share.gathered(values) is share.weighed(values) is values
    assert [share.size for share in ALONE.shares(7, 3)] == [3, 2, 2]
    assert [share.size for share in ALONE.shares(2, 3)] == [1, 1]
    assert json.loads(json.dumps(ALONE.broadcast("x"))) == "x"
    assert not ALONE.any(False)
