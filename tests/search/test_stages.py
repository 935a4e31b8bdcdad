"""Searches in stages: from the settings to the run's folder, and all that reads it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import dartsl
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.records.inputs import Images
from dartsl.lang.settings.stages import Stages
from dartsl.lang.settings.values import search_config
from dartsl.run.job import Job
from dartsl.searching import loop
from dartsl.searching.kept import strongest
from dartsl.searching.readouts import Reading
from dartsl.searching.stages import Course
from tests.nn.specs import RAGGED, small
from tests.search.runs import STEPS, checkpoint_of, quiet, same_runs

SPEC = """darts 1

import "std/cnn"

cell normal {
  input  a, b : preprocess
  node   n, m : sum keep 1
  edge   all -> n : none | skip_connect | relu_conv_bn(3)
  edge   a, n -> m : skip_connect | relu_conv_bn(3)
  edge   b -> m : none | max_pool_3x3 | relu_conv_bn(1)
  output concat(n, m)
}

cell reduction = normal

network tiny(C = 2, n = 1) {
  input image(1, 8, 8)
  stem  conv(3) > bn
  stage normal*n width C
  stage reduction/2 width 2*C
  head  global_avg_pool > linear(3)
}

search {
  stages = [
    stage(keep = 3, epochs = 2),
    stage(keep = 2, epochs = 1, n = 2, skip_dropout = 0.3),
    stage(keep = 1, epochs = 2, n = 2, partial = 2),
  ]
  batch     = 5
  alphas_lr = 0.1
  crop      = 1
}
"""
EPOCHS = 5


@pytest.fixture
def staged(tiny: Path, undrawn: None) -> Path:
    path = tiny.parent / "staged.darts"
    path.write_text(SPEC)
    return path


def search(spec: Path, name: str, **changes: Any) -> dartsl.Run:
    return dartsl.search(
        str(spec),
        spec.parent / name,
        data=str(spec.parent / "images.npz"),
        device="cpu",
        quiet=True,
        **changes,
    )


FRESH: dict[str, Any] = {}
KEPT: dict[str, Any] = {"stages_start": "kept"}
KEPT |= {"stages": "stage(keep = 3, partial = 2), stage(keep = 2), stage(keep = 1)"}
WIDER: dict[str, Any] = {**KEPT, "stages": "stage(partial = 4), stage(keep = 2, partial = 2)", "epochs": 2}
WIDER |= {"parameters": {"C": 4}}
KEPT |= {"epochs": EPOCHS, "relaxation": "gumbel", "edge_weights": True, "order": "2"}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(FRESH, id="fresh"),
        pytest.param(WIDER, id="wider"),
        pytest.param(KEPT, id="kept", marks=pytest.mark.slow),
    ],
)
def test_a_run_goes_on_bit_for_bit_from_any_epoch(staged: Path, changes: dict[str, Any]) -> None:
    """As a process that is killed leaves it: with the checkpoint of the last epoch that was over."""
    whole = staged.parent / "whole"

    def keep(epoch: dartsl.Epoch) -> None:
        shutil.copytree(epoch.run, staged.parent / f"after{epoch.epoch}")

    search(staged, "whole", on_epoch=keep, **changes)
    for epoch in range(1, changes.get("epochs", EPOCHS)):
        copy = staged.parent / f"after{epoch}"
        torch.rand(3)
        assert loop.resume(copy, console=quiet()).finished
        same_runs(whole, copy)


@pytest.mark.parametrize(
    "steps",
    [2 * STEPS + 1, *(pytest.param(each, marks=pytest.mark.slow) for each in (2 * STEPS, 4 * STEPS - 1))],
)
def test_a_run_that_is_stopped_goes_on_bit_for_bit(staged: Path, steps: int) -> None:
    """After the first step of a stage, after the last of one, and within one."""
    search(staged, "whole")
    taken: list[dartsl.Step] = []

    def stop(step: dartsl.Step) -> bool:
        taken.append(step)
        return len(taken) == steps

    assert not search(staged, "parts", on_step=stop).finished
    torch.rand(3)
    assert loop.resume(staged.parent / "parts", console=quiet()).finished
    same_runs(staged.parent / "whole", staged.parent / "parts")


def test_a_run_stops_after_a_stage(staged: Path) -> None:
    search(staged, "whole")
    stopped = search(staged, "parts", on_epoch=lambda epoch: epoch.epoch == 2)
    assert not stopped.finished
    assert len(stopped.history) == 2
    assert loop.resume(stopped.path, console=quiet()).finished
    same_runs(staged.parent / "whole", stopped.path)


def test_ctrl_c_after_the_last_step_of_a_stage(
    staged: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    search(staged, "whole")
    stop_after(2 * STEPS + 1)  # the loop looks once more after the last epoch of a stage
    with pytest.raises(KeyboardInterrupt):
        search(staged, "parts")
    monkeypatch.undo()
    monkeypatch.setattr(loop, "render", lambda _dot, _kind: b"<svg/>")
    parts = dartsl.Run(staged.parent / "parts")
    assert len(parts.history) == 2
    assert loop.resume(parts.path, console=quiet()).finished
    same_runs(staged.parent / "whole", parts.path)


def test_what_a_run_says_of_its_stages(staged: Path) -> None:
    found = search(staged, "run")
    rows = found.history
    assert [row["stage"] for row in rows] == [1, 1, 2, 3, 3]
    counts = [row["candidates"]["normal"] for row in rows]
    assert counts == pytest.approx([13 / 5, 13 / 5, 2, 1, 1])
    assert [row.get("schedules") for row in rows] == [None, None, {"skip_dropout": 0.3}, None, None]
    rates = [0.025, 0.013, 0.025, 0.025, 0.013]  # a cosine for each stage
    assert [row["lr"] for row in rows] == pytest.approx(rates, rel=1e-12)
    before, after, last = (found.mixing_weights(epoch)["normal"]["a -> n"] for epoch in (2, 3, 5))
    dropped = min(before, key=lambda name: before[name])
    assert after[dropped] == 0
    assert sum(after.values()) == pytest.approx(1)
    assert sorted(last.values()) == [0, 0, 1]
    assert found.alphas(3)["normal"]["a -> n"].keys() == after.keys() - {dropped}
    assert {name for name, weight in after.items() if weight} == found.alphas(3)["normal"]["a -> n"].keys()
    for epoch in range(1, EPOCHS + 1):
        derived = dartsl.check(dartsl.Source("d.darts", found.derive(epoch)))
        assert derived.cells
        found.draw(cell="normal", epoch=epoch)
    assert "candidates" in found.plot().read_text()
    assert found.parameters == dartsl.info(str(staged), memory="none").parameters  # with the spec's own n
    names = found.model().state_dict().keys()
    assert any(name.startswith("network.layer1.") for name in names)  # of the last stage, with n = 2
    assert found.settings["stages"] == str(Stages.of(found.settings["stages"]))


def test_the_strongest_stay_and_the_earlier_of_equal_ones() -> None:
    model = small(RAGGED)
    rows = [[0.2, 0.3, 0.3], [0.5, 0.5], [0.5, 0.5], [0.1, 0.9], [0.6, 0.4]]
    readings = {name: Reading(rows) for name in ("normal", "reduction")}
    kept = strongest(model, readings, 1)["normal"]
    assert kept == {0: [1], 1: [0], 2: [0], 3: [1], 4: [0]}
    assert strongest(model, readings, 2)["normal"][0] == [1, 2]
    assert strongest(model, readings, 0)["normal"][0] == [0, 1, 2]


def test_other_epochs_are_shared_out(staged: Path) -> None:
    config = dartsl.search(
        str(staged),
        staged.parent / "run",
        data=str(staged.parent / "images.npz"),
        device="cpu",
        quiet=True,
        epochs=10,
    )
    assert [row["stage"] for row in config.history] == [1] * 4 + [2] * 2 + [3] * 4


def test_what_does_not_go_with_stages_is_refused(staged: Path) -> None:
    for settings, words in [
        ({"stop": "skips"}, "does not go with stages"),
        ({"penalty": ("cost",), "target": 100.0}, "does not go with stages"),
        ({"stages_start": "kept"}, "are of one network"),
        ({"warmup": 1}, "with which each stage begins"),
        ({"epochs": 2}, "too few for the stages"),
        ({"stages": "stage(keep = 2, q = 1)"}, "no parameter `q`"),
        ({"stages": [{"keep": 2}, {"keep": 3}]}, "`stages`"),
    ]:
        with pytest.raises(UserError, match=words):
            search(staged, "run", **settings)
    assert not (staged.parent / "run").exists()


def test_partial_channels_of_each_stage(staged: Path) -> None:
    """Of a network by its stage; the memory is that of the stage with the widest candidates."""
    text = SPEC[: SPEC.index("search {")].replace("C = 2", "C = 8")
    stages = [{"partial": 4}, {"partial": 2}, {"keep": 1, "partial": 4}]
    spec = text + "search { stages = [stage(partial = 4), stage(partial = 2), stage(keep = 1, partial = 4)] }"
    found, wanted = (
        dartsl.info(dartsl.Source("s.darts", spec)),
        dartsl.info(dartsl.Source("s.darts", text), partial=2),
    )
    assert found.stage == (2, 3)
    assert found.memory_bytes == wanted.memory_bytes
    widths = []

    def note(epoch: dartsl.Epoch) -> None:
        state = dartsl.Run(epoch.run).model().state_dict()
        widths.append(next(w.shape[1] for n, w in state.items() if ".a.relu_conv_bn" in n and "conv.w" in n))

    staged.write_text(text)
    run = search(staged, "run", stages=stages, epochs=3, batch=5, crop=1, on_epoch=note)
    assert widths[:2] == [2, 4]
    assert Stages.of(stages) == Stages.of(run.settings["stages"])


def test_wider_candidates_need_operations_that_are_known() -> None:
    """What a plugin has learnt cannot be made wider."""
    text = SPEC[: SPEC.index("search {")].replace("max_pool_3x3", "mine")
    text = text.replace("cell normal {", "extern op mine\n\ncell normal {")
    spec = dartsl.check(dartsl.Source("s.darts", text))
    config = search_config(Images, {}, {"stages": WIDER["stages"], "epochs": 2, "stages_start": "kept"})
    with pytest.raises(UserError, match="what `mine` has learnt"):
        Course(Job(spec, parameters={"C": 4}), config)
    Course(Job(spec, parameters={"C": 4}), replace(config, stages_start="fresh"))
    Course(Job(spec, parameters={"C": 4}), replace(config, stages=Stages.of("stage(), stage(keep = 1)")))


def test_a_checkpoint_of_another_stage_is_refused(staged: Path) -> None:
    from dartsl.run import checkpoint
    from dartsl.run.folder import RunFolder

    taken = search(staged, "run", on_epoch=lambda epoch: epoch.epoch == 3).path
    folder = RunFolder.open(taken)
    for change in (
        {"stage": 7},
        {"stage": "x"},
        {"kept": {"normal": [[9]] * 5}},
        {"kept": {"other": [[0]]}},
        {"kept": 1},
    ):
        state = checkpoint_of(taken)["state"]
        checkpoint.save(folder.checkpoint, folder.info.identity, {**state, **change})
        with pytest.raises(UserError, match="does not fit the run"):
            loop.resume(taken, console=quiet())
        checkpoint.save(folder.checkpoint, folder.info.identity, state)
    with pytest.raises(UserError, match="in stages"):
        dartsl.resume(taken, epochs=9, quiet=True)
    assert loop.resume(taken, console=quiet()).finished
