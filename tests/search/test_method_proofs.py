"""Every method that `method = "..."` names, by the same proofs: a new entry of `PRESETS` is proved without a line here.

A search of each goes on bit for bit where it was interrupted, is the same by two processes as by one and at -O0 as at
-O2; and `info` knows how much memory a step of it takes.
"""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import dartsl
from dartsl.api.jobs import search_config
from dartsl.data import ImageData
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.methods import UNIFORM
from dartsl.lang.settings.presets import PRESETS
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.build import Build
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import from_plan
from dartsl.searching import bench
from dartsl.searching.image_session import ImageSession
from dartsl.searching.memory import costliest_step
from dartsl.searching.method import Constant, Method
from dartsl.searching.products import hessian_product
from dartsl.searching.step import SearchStep
from dartsl.searching.terms import Moment
from dartsl.step.batches import random_batches
from tests.run.pair import Work, together
from tests.run.test_parallel import alike
from tests.search.runs import checkpoint_of, rows, same, same_runs

SPACE = """darts 1

import "std/cnn"

ops candidates = none | max_pool_3x3 | skip_connect | relu_conv_bn(1) | dil_conv_3x3

cell normal {
  input  c0, c1 : preprocess
  node   n0, n1 : sum keep 2
  edge   all -> n0, n1 : candidates
  output concat(n0, n1)
}

cell reduction = normal

network tiny(C = 4) {
  input image(1, 8, 8)
  stem  conv(3, out = C) > bn
  stage normal      width C
  stage reduction/2 width 2*C
  head  global_avg_pool > linear(3)
}

search {
  method = "METHOD" epochs = 3 batch = 4 alphas_lr = 0.05 crop = 1 device = "cpu"
  samples = 12 sample_batches = 2
}
"""
NAMES = list(PRESETS)
QUICK = ("drnas", "pc_darts")  # which go on with the ordinary tests, the others with the slow ones
# One of each kind: what processes agree on, as draws, masks, attacks, stages, curvature, decisions. All take long.
SHARED = ("darts", "drnas", "gdas", "pc_darts", "sdarts_adv", "p_darts", "robust_es", "oles", "darts_pt")
STEPS = 2


def text_of(method: str) -> str:
    """A tiny space to search by a method."""
    return SPACE.replace("METHOD", method)


def planned(method: str, text: str = SPACE) -> tuple[Spec, Plan, SearchConfig]:
    """The spec of a method, its network as it is searched, and its settings."""
    spec = check(Source("tiny.darts", text.replace("METHOD", method)))
    config = search_config(spec, {"dtype": "float64", "mean": (0.5,), "std": (0.25,)})
    return spec, plan(spec, spec.networks["tiny"], {}, config.partial), config


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The spec of each method, and 24 training images of 8x8, 3 classes."""
    made = tmp_path_factory.mktemp("methods")
    for name in NAMES:
        (made / f"{name}.darts").write_text(text_of(name))
    draws = np.random.default_rng(0)
    pixels = draws.integers(0, 256, (24, 8, 8), dtype=np.uint8)
    labels = np.arange(24) % 3
    np.savez(made / "images.npz", x_train=pixels, y_train=labels, x_test=pixels[:3], y_test=labels[:3])
    return made


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dartsl.searching.loop.render", lambda _dot, _kind: b"<svg/>")


# ------------------------------------------------------------------- resumption


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    "method", [each if each in QUICK else pytest.param(each, marks=pytest.mark.slow) for each in NAMES]
)
def test_an_interrupted_search_goes_on_bit_for_bit(method: str, folder: Path, tmp_path: Path) -> None:
    """Stopped within an epoch in which alphas learn."""
    spec = folder / f"{method}.darts"
    settings: dict[str, Any] = {"data": folder / "images.npz", "command": "typed", "quiet": True}
    whole = dartsl.search(spec, tmp_path / "whole", **settings)
    cut = dartsl.search(
        spec, tmp_path / "cut", on_step=lambda step: (step.epoch, step.step) == (2, 1), **settings
    )
    assert not cut.finished
    dartsl.resume(cut.path, quiet=True)
    same_runs(whole.path, cut.path)


# ---------------------------------------------------------------------- levels


def noise() -> ImageData:
    generator = torch.Generator().manual_seed(7)
    pixels = torch.randint(256, (24, 8, 8, 1), generator=generator, dtype=torch.uint8)
    labels = torch.randint(3, (24,), generator=generator)
    return ImageData("noise", pixels, labels, pixels, labels, 3)


def state_at(method: str, level: int) -> dict[Any, Any]:
    """Tensors after the first steps of the last epoch, in which alphas learn: of the model, and of the alphas' Adam."""
    spec, network, config = planned(method)
    config = replace(config, optimise=level)
    session = ImageSession(from_plan(spec, network, Build.of(config)), config, noise())
    session.epoch = config.epochs - 1
    session.begin_epoch()
    for place, _ in zip(session.batches, range(STEPS), strict=False):
        session.take_step(place)
    return {**session.model.state_dict(), **session.state_dict()["alphas_optimizer"]["state"]}


@pytest.mark.parametrize("method", NAMES)
def test_levels_compute_the_same(method: str) -> None:
    plain, passed = (state_at(method, level) for level in (0, 2))
    alike(plain, passed, method)
    learnt = any(bool(state["exp_avg"].any()) for name, state in plain.items() if isinstance(name, int))
    assert learnt == (PRESETS[method].parts.get("relaxation") != UNIFORM)


# ------------------------------------------------------------------- processes


def work(folder: Path, method: str, name: str) -> Work:
    settings = {"data": str(folder / "images.npz"), "dtype": "float64"}
    return Work("search", str(folder / f"{method}.darts"), name, settings)


@pytest.mark.slow
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("method", SHARED)
def test_two_processes_search_as_one(method: str, folder: Path) -> None:
    shared, alone = (work(folder, method, f"{method}-{name}") for name in ("shared", "alone"))
    together([shared], folder)
    alone.run()
    found = shared.out
    alike(checkpoint_of(found)["state"], checkpoint_of(alone.out)["state"], method)
    alike(rows(found / "history.jsonl"), rows(alone.out / "history.jsonl"), method)
    same(*(torch.load(f"{found}.{rank}.pt", weights_only=True) for rank in (0, 1)))


# ---------------------------------------------------------------------- memory


LARGE = SPACE.replace("C = 4", "C = 16").replace("image(1, 8, 8)", "image(1, 16, 16)")
BATCH = 96


def peak(method: str) -> int:
    """Bytes by which this process grows in two steps, its network included; to be called in a process of its own.

    Where operations are drawn, the second step is the one whose draws take most of the first hundred.
    """
    torch.set_num_threads(1)
    spec, network, config = planned(method, LARGE)
    config = replace(config, dtype="float32")
    model = from_plan(spec, network, Build.of(config))
    bench._warm(model)
    state = [*model.parameters(), *model.buffers()]
    base = bench._resident("VmRSS") - sum(tensor.numel() * tensor.element_size() for tensor in state)
    step = SearchStep.of(model, Method.of(config, Constant(config.lr)), config)
    costliest = costliest_step(model) if model.relaxation.single else 1  # the one that is estimated
    for number in (0, costliest):
        train, validation = random_batches(network, BATCH, next(model.parameters()))
        step.take(train, validation, number, Moment(3, 4))
    if config.curvature:  # one of the products that it takes
        pass_ = Pass(1, "validation", frozen=True)
        hessian_product(model, validation, pass_, [torch.ones_like(a) for a in model.alpha_parameters()])
    return bench._resident("VmHWM") - base


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
@pytest.mark.parametrize("method", NAMES)
def test_memory_is_known_to_a_fifth(method: str) -> None:
    """Of up to three processes the one that took least counts: holes in its heap vary, and only add."""
    estimated = dartsl.info(Source("large.darts", LARGE.replace("METHOD", method)), batch=BATCH).memory_bytes
    assert estimated is not None
    measured: list[int] = []
    while len(measured) < 3 and not (measured and 0.8 < estimated / min(measured) < 1.2):
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            measured.append(pool.submit(peak, method).result())
    assert 0.8 < estimated / min(measured) < 1.2
