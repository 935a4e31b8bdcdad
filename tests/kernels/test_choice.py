"""Which way a chain takes: what was measured, what is wrong, what is kept."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from dartsl.nn.kernels import cache, choice, measure
from dartsl.nn.kernels.chain import Kernels, zeros
from dartsl.nn.kernels.measure import Case
from dartsl.nn.kernels.stage import Tiles, _numbers
from dartsl.nn.norms import BatchNorm2d
from dartsl.nn.passing import PLAIN
from dartsl.nn.separable import Chain, Weights, composed

CPU = torch.device("cpu")
ROW = (True, (3, 3), (1, 1), (1, 1), (1, 1), 2)


def case(dtype: torch.dtype = torch.float32) -> Case:
    """One stage of one member."""
    chain = Chain((ROW,), (0,), ((BatchNorm2d(2, affine=False),),))
    weights = Weights(torch.empty(2, 1, 3, 3), torch.empty(2, 2, 1, 1), torch.empty(2), None)
    return Case.like(chain, torch.empty(2, 2, 3, 3), (weights,), dtype)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, float]:
    """What the ways take, and a cache of the test's own."""
    took = {"torch": 2.0, "kernels": 1.0}
    found = {composed: "torch"}
    monkeypatch.setattr(measure, "TILES", (Tiles(512, 4),))
    monkeypatch.setattr(measure, "_milliseconds", lambda _, way: took[found.get(way, "kernels")])
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(cache, "stack", lambda device: f"a {device}")
    monkeypatch.setattr(cache, "_memory", {})
    monkeypatch.setattr(measure, "_READY", set())
    return took


def test_the_fastest_is_taken(clock: dict[str, float]) -> None:
    assert measure.measured(case(), "ieee") == {"way": "512x4", "ms": {"torch": 2.0, "512x4": 1.0}}
    clock["kernels"] = 3.0
    assert measure.measured(case(), "ieee")["way"] == "torch"


def wrong(how: Callable[[Tensor], Tensor]) -> Callable[..., measure.Way]:
    """Kernels whose output is not what it should be."""

    def made(*arguments: object) -> measure.Way:
        right = Kernels(*arguments)  # type: ignore[arg-type]
        return lambda *given: how(right(*given))

    return made


def refused(*_: object) -> measure.Way:
    def way(*_: object) -> Tensor:
        raise RuntimeError("out of\nregisters")

    return way


@pytest.mark.parametrize(
    ("kernels", "reason"),
    [
        (wrong(lambda y: y * 1.01), "the output is 1.0e-02 from float64"),
        (wrong(lambda y: y * float("nan")), "the output is nan from float64"),
        (wrong(lambda y: y.detach() + (0.9 * y - 0.9 * y.detach())), "gradient 1 is 1.0e-01 from float64"),
        (refused, "registers"),
    ],
)
def test_what_is_wrong_is_not_used(
    kernels: Callable[..., measure.Way],
    reason: str,
    clock: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(measure, "Kernels", kernels)
    with caplog.at_level(logging.WARNING, logger="dartsl.kernels"):
        assert measure.measured(case(), "ieee") == {"way": "torch", "ms": {"torch": 2.0}}
    (line,) = caplog.messages
    assert line.startswith("own kernels (512x4) are not used for (2, 2, 3, 3): ")
    assert reason in line


def test_rounding_is_not_wrong() -> None:
    assert measure.faults([1e-5, 1e-4], [1e-7, 1e-7], "ieee", torch.float32) == ""
    assert measure.faults([2e-3, 1e-4], [1e-3, 1e-7], "ieee", torch.float32) == ""  # torch's own is no better
    assert measure.faults([2e-3, 1e-4], [1e-7, 1e-7], "tf32", torch.float32) == ""
    assert "the output" in measure.faults([2e-3, 1e-4], [1e-7, 1e-7], "ieee", torch.float32)
    assert "gradient 2" in measure.faults([0, 0, 0.3], [0, 0, 1e-3], "ieee", torch.bfloat16)


def test_it_is_measured_once_for_a_device(clock: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[Case] = []
    measured = measure.measured

    def counted(case: Case, precision: str) -> cache.Found:
        found.append(case)
        return measured(case, precision)

    monkeypatch.setattr(measure, "measured", counted)
    monkeypatch.setattr(measure, "_elsewhere", lambda _, finding: finding())
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    one = case()
    for _ in range(2):
        assert measure.best(one.chain, one.x, one.weights, torch.float32, "ieee") == Tiles(512, 4)
    more = torch.empty(7, 2, 3, 3)  # the number of images does not count
    assert measure.best(one.chain, more, one.weights, torch.float32, "ieee") == Tiles(512, 4)
    cache._memory.clear()  # another process, which reads the file
    measure._READY.clear()
    assert measure.best(one.chain, one.x, one.weights, torch.float32, "ieee") == Tiles(512, 4)
    assert len(found) == 1
    (key,) = json.loads((cache.folder() / "kernels.json").read_text())["a cpu"]
    assert key == "separable torch.float32 ieee train 2x3x3 [0] 1 3x3 1x1 1x1 1x1 2 +"


def test_nothing_is_measured_while_a_graph_is_captured(
    clock: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    one = case()
    assert measure.best(one.chain, one.x, one.weights, torch.float32, "ieee") is None
    assert cache.known(CPU, "anything") is None


@pytest.mark.parametrize("content", ["", "[]", "{", '{"a cpu": 1}', '{"a cpu": {"key": {"way": 1}}}'])
def test_a_file_that_is_not_ours_is_as_none(content: str, clock: dict[str, float]) -> None:
    path = cache.folder() / "kernels.json"
    path.parent.mkdir()
    path.write_text(content)
    assert cache.known(CPU, "key") is None
    cache.remember(CPU, "key", {"way": "torch", "ms": {"torch": 1.0}})
    cache._memory.clear()
    assert cache.known(CPU, "key") == {"way": "torch", "ms": {"torch": 1.0}}


def test_a_folder_that_cannot_be_written_costs_a_measurement(clock: dict[str, float], tmp_path: Path) -> None:
    cache.folder().write_text("a file in its place")
    cache.remember(CPU, "key", {"way": "torch", "ms": {"torch": 1.0}})
    assert cache.known(CPU, "key") == {"way": "torch", "ms": {"torch": 1.0}}


def test_what_could_not_be_measured_is_tried_again_another_time(clock: dict[str, float]) -> None:
    cache.remember(CPU, "key", {"way": "torch", "ms": {}})
    assert cache.known(CPU, "key") == {"way": "torch", "ms": {}}
    cache._memory.clear()
    assert cache.known(CPU, "key") is None


def test_measuring_moves_no_statistic(clock: dict[str, float]) -> None:
    one = case()
    measure.measured(one, "ieee")
    norm = one.chain.norms[0][0]
    assert norm.num_batches_tracked is not None
    assert int(norm.num_batches_tracked) == 0
    assert norm.running_mean is not None
    assert not norm.running_mean.any()


def test_kernels_of_float64_are_not_timed(clock: dict[str, float], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    run = Case.run

    def spied(self: Case, way: measure.Way) -> list[Tensor]:
        seen.append((self.dtype, torch.backends.cudnn.benchmark))
        return run(self, way)

    monkeypatch.setattr(Case, "run", spied)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    measure.measured(case(), "ieee")
    assert seen == [(torch.float64, False), (torch.float32, True), (torch.float32, True)]


def test_the_cpu_has_none() -> None:
    one = case()
    assert choice.chosen(one.chain, one.x, one.weights, PLAIN) is composed


def test_precision_follows_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.backends.cudnn.allow_tf32
    try:
        torch.backends.cudnn.allow_tf32 = False
        assert not choice._allows_tf32()
        torch.backends.cudnn.allow_tf32 = True
        assert choice._allows_tf32()
    finally:
        torch.backends.cudnn.allow_tf32 = before


def test_constants_that_stay_serve_training_after_inference(interpreted: None) -> None:
    zeros.cache_clear()
    _numbers.cache_clear()
    one = case()
    with torch.inference_mode():
        choice.chosen(one.chain, one.x, one.weights, PLAIN)(one.chain, one.x, one.weights, PLAIN)
    assert len(one.run(choice.chosen(one.chain, one.x, one.weights, PLAIN))) == 5
