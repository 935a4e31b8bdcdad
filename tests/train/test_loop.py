"""A training from a spec to a test error; interrupted anywhere, it goes on bit for bit."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run import checkpoint
from dartsl.run.folder import RunFolder
from dartsl.training import loop, network, seeds
from dartsl.training.evaluate import evaluate
from dartsl.training.session import ImageSession
from tests.search.runs import checkpoint_of, rows, same
from tests.train.runs import STEPS, job, quiet, run, same_runs, settings

EVERYTHING: dict[str, Any] = {
    "ema": 0.9, "cutout": 2, "label_smoothing": 0.1, "accumulate": 2, "warmup": 1, "schedule": "exponential",
    "class_weights": "balanced",
}  # fmt: skip


def test_a_training_leaves_everything_in_its_folder(tiny: Path) -> None:
    console = quiet()
    out = tiny.parent / "run"
    result = loop.train(job(tiny, out.name, console), settings(tiny))
    assert result.finished
    assert result.test is not None
    record = json.loads((out / "run.json").read_text())
    assert (record["kind"], record["command"], record["parameters"]) == ("train", "typed", {"C": "2"})
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert [row["drop_path"] for row in history] == [0.0, 0.1]
    assert history[0]["lr"] == pytest.approx(0.025)
    assert set(history[0]["validation"]) == {"val_loss", "val_acc", "val_top5"}
    found = json.loads((out / "result.json").read_text())
    assert found["test"]["images"] == 9
    assert found["test"]["top1"]["low"] <= found["test"]["top1"]["error"] <= found["test"]["top1"]["high"]
    assert (found["parameters"], found["auxiliary_parameters"]) == (
        result.parameters,
        result.auxiliary_parameters,
    )
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for words in (
        "epoch 1/2",
        "with the auxiliary head",
        "val acc",
        "test error",
        "validation  5 images",
        "next",
    ):
        assert words in text
    assert evaluate(out).test == result.test


@pytest.mark.parametrize("changes", [{}, EVERYTHING, {"memory": "low", "final": True}])
def test_an_interrupted_run_goes_on_bit_for_bit(
    tiny: Path, stop_after: Callable[[int], None], changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny, "whole", **changes)
    stop_after(1)
    result, resumed = run(tiny, "parts", **changes), 0
    assert checkpoint_of(result.path)["state"]["place"] == 1
    while not result.finished:
        torch.rand(3)
        result, resumed = loop.resume(result.path, console=quiet()), resumed + 1
    assert resumed == (STEPS if not changes.get("final") else 4) * 2
    same_runs(tiny.parent / "whole", tiny.parent / "parts")


def test_the_seconds_of_an_epoch_are_those_of_all_its_parts(
    tiny: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the first of two epochs, which had taken 1000 seconds by then."""
    stop_after(2)
    folder = RunFolder.open(run(tiny, "run").path)
    monkeypatch.undo()
    state = checkpoint.load(folder.checkpoint, folder.info.identity)
    checkpoint.save(folder.checkpoint, folder.info.identity, {**state, "seconds": 1000.0})
    loop.resume(folder.path, console=quiet())
    first, second = folder.history()
    assert first["seconds"] > 1000 > second["seconds"]


def test_the_seed_and_only_the_seed_decides(tiny: Path) -> None:
    first = run(tiny, "one", dtype="float64")
    run(tiny, "two", dtype="float64", optimise=0)
    run(tiny, "three", dtype="float64", seed=1)
    one, two, three = (rows(tiny.parent / name / "history.jsonl") for name in ("one", "two", "three"))
    assert [row["train_loss"] for row in one] == pytest.approx([row["train_loss"] for row in two])
    assert one != three
    assert first.finished


def test_a_step_that_is_not_finite_leaves_all_as_it_was(tiny: Path) -> None:
    with pytest.raises(UserError, match=r"step [23] of epoch 1: the .* is not finite") as caught:
        run(tiny, "run", lr=1e30, clip=0)
    assert "lower lr" in str(caught.value.help)
    state = checkpoint_of(tiny.parent / "run")["state"]
    assert 0 < state["place"] < STEPS
    assert all(bool(value.isfinite().all()) for name, value in state["model"].items() if "running" in name)


def test_the_first_step_undone_is_the_start(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dartsl.step.gradients.clip_grads_with_norm_", _no_memory)
    with pytest.raises(UserError, match="too little memory"):
        run(tiny, "run")
    monkeypatch.undo()
    loop.resume(tiny.parent / "run", console=quiet())
    run(tiny, "whole")
    same_runs(tiny.parent / "whole", tiny.parent / "run")


def _no_memory(*_: object) -> None:
    raise torch.OutOfMemoryError("CUDA out of memory")


def test_a_network_without_batch_norm_is_trained(tiny: Path) -> None:
    """It has no running statistics to keep for a step that fails."""
    head, _, rest = tiny.read_text().partition("cell normal")
    cell = "cell normal {\n  input c0\n  node n : sum\n  edge c0 -> n : conv(3, out = C)\n  output n\n}\n"
    text = "network tiny" + rest.partition("network tiny")[2].replace(" > bn", "")
    tiny.write_text(f"{head}{cell}\n{text.replace('stage reduction/2 width 2*C', '')}")
    assert run(tiny, "plain", auxiliary=0.0, drop_path=0.0).finished
    with pytest.raises(UserError, match="is not finite"):
        run(tiny, "wild", auxiliary=0.0, drop_path=0.0, lr=1e30, clip=0.0)


def test_final_trains_on_all(tiny: Path) -> None:
    result = run(tiny, "run", final=True, epochs=1)
    (row,) = rows(result.path / "history.jsonl")
    assert row["validation"] is None
    assert checkpoint_of(result.path)["state"]["epoch"] == 1


def test_without_test_no_test_image_is_measured(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(_session: object) -> None:
        raise AssertionError("test images were measured")

    monkeypatch.setattr(ImageSession, "test", read)
    result = run(tiny, "shut", test=False)
    assert (result.finished, result.test) == (True, None)
    found = json.loads((result.path / "result.json").read_text())
    assert found["test"] is None
    assert found["validation"]["val_loss"] > 0


def test_amp_and_compile_reach_torch(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "COMPILER", "eager")
    plain = run(tiny, "plain", epochs=1)
    compiled = run(tiny, "compiled", epochs=1, compile=True)
    short = run(tiny, "short", epochs=1, amp=True)
    losses = [rows(each.path / "history.jsonl")[0]["train_loss"] for each in (plain, compiled, short)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert losses[2] == pytest.approx(losses[0], rel=0.05)
    assert losses[2] != losses[0]


def test_drop_path_is_no_part_of_what_is_compiled(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One graph a size of batch, whatever the probability; and the numbers of a training that is not compiled."""
    graphs: list[torch.fx.GraphModule] = []

    def backend(graph: torch.fx.GraphModule, _inputs: list[Any]) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    changes: dict[str, Any] = {"epochs": 4, "drop_path": 0.8, "dtype": "float64"}
    plain = run(tiny, "plain", **changes)
    monkeypatch.setattr(network, "COMPILER", backend)
    torch.compiler.reset()
    compiled = run(tiny, "compiled", compile=True, **changes)
    assert len(graphs) == 2  # of 8 images, and of any number
    losses = [[row["train_loss"] for row in rows(each.path / "history.jsonl")] for each in (plain, compiled)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-9)


def test_what_torch_cannot_compile_is_said(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def backend(_graph: torch.fx.GraphModule, _inputs: list[Any]) -> Callable[..., Any]:
        raise OSError("no compiler here")

    monkeypatch.setattr(network, "COMPILER", backend)
    torch.compiler.reset()
    with pytest.raises(UserError, match=r"torch\.compile fails: .*no compiler here") as caught:
        run(tiny, "run", compile=True)
    assert "leave --compile out" in str(caught.value.help)


def test_the_test_images_decide_nothing(tiny: Path) -> None:
    """Others give the same network and the same history; only the last line's figures are theirs."""
    data = tiny.parent / "images.npz"
    run(tiny, "one", ema=0.9)
    with np.load(data) as found:
        arrays = dict(found)
    arrays["x_test"], arrays["y_test"] = 255 - arrays["x_test"], (arrays["y_test"] + 1) % 7
    np.savez(data, **arrays)
    run(tiny, "two", ema=0.9)
    one, two = (tiny.parent / name for name in ("one", "two"))
    same(checkpoint_of(one), checkpoint_of(two))
    assert rows(one / "history.jsonl") == rows(two / "history.jsonl")
    assert (one / "result.json").read_text() != (two / "result.json").read_text()


def test_several_seeds_go_on_where_they_stopped(
    tiny: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, five = settings(tiny, epochs=1), job(tiny, "five")
    stop_after(2)
    path = tiny.parent / "five"
    assert not seeds.start(five, config, 2)[-1].finished
    monkeypatch.undo()
    console = quiet()
    assert [result.finished for result in seeds.resume(path, console=console)] == [True, True]
    assert "over 2 seeds" in console.file.getvalue()  # type: ignore[attr-defined]
    whole = run(tiny, "whole", epochs=1, seed=1)
    same(checkpoint_of(path / "seed1")["state"], checkpoint_of(whole.path)["state"])
    with pytest.raises(UserError, match="exists"):
        seeds.start(five, config, 2)
    (path / "seeds.json").write_text("{}")
    with pytest.raises(UserError, match="damaged"):
        seeds.resume(path)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"data": "digits"}, "10 classes"),
        ({"validation": 1.0}, "leave none to train on"),
        ({"validation": 0.01}, "leave none to validate on"),
        ({"warmup": 2}, "leaves none at the full rate"),
        ({"device": "meta"}, "nothing can be trained"),
        ({"amp": True, "dtype": "float64"}, "does not go with dtype"),
        ({"amp": True, "amp_type": "float16"}, "needs a GPU"),
        ({"drop_path": 1.0}, "leaves nothing to train"),
        ({"ema": 1.0}, "leaves nothing to train"),
        ({"jitter": (0.4, 0.4, 0.4, 0.2)}, "needs a folder of images"),
        ({"batch": 22}, "a single number to normalise"),
        ({"batch": 5, "accumulate": 3}, "accumulate 3 leaves the batch norm in .* a single image of the 5"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_a_folder_is_made(
    tiny: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        run(tiny, "run", **changes)
    assert not (tiny.parent / "run").exists()


def test_a_spec_with_choices_left_says_what_to_do(tiny: Path) -> None:
    tiny.write_text(tiny.read_text().replace("c1 -> n0 : skip_connect", "c1 -> n0 : skip_connect | none"))
    with pytest.raises(UserError, match="leaves choices open, in `normal`") as caught:
        run(tiny, "run")
    assert "dartsl search" in str(caught.value.help)


def test_runs_that_were_tampered_with_are_refused(tiny: Path) -> None:
    path = run(tiny, "run", epochs=1).path
    kept = (path / "checkpoint.pt").read_bytes()
    (path / "checkpoint.pt").write_bytes(kept[: len(kept) // 2])
    with pytest.raises(UserError, match="is damaged"):
        evaluate(path)
    (path / "checkpoint.pt").write_bytes(kept)
    record = json.loads((path / "run.json").read_text())
    (path / "run.json").write_text(json.dumps({**record, "data_hash": "0" * 64}))
    with pytest.raises(UserError, match="are not those"):
        loop.resume(path)
    (path / "run.json").write_text(json.dumps({**record, "kind": "search"}))
    with pytest.raises(UserError, match="there is no setting `schedule`"):
        loop.resume(path)


def test_a_training_that_died_before_its_first_checkpoint_goes_on_from_the_start(tiny: Path) -> None:
    path = run(tiny, "run").path
    for name in ("checkpoint.pt", "result.json"):
        (path / name).unlink()
    with pytest.raises(UserError, match="nothing to continue"):
        loop.resume(path, console=quiet())  # its history says that there was one
    (path / "history.jsonl").write_text("")
    with pytest.raises(UserError, match="nothing to continue"):
        evaluate(path)
    assert loop.resume(path, console=quiet()).finished
    run(tiny, "whole")
    same_runs(tiny.parent / "whole", path)


def test_a_run_that_cannot_be_written_is_evaluated(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that another process is at work on; nothing in it changes, not even what a crash has left."""
    result = run(tiny, "run")
    path = result.path
    (path / ".lock").unlink()
    (path / ".checkpoint.pt.1.tmp").write_text("")
    with (path / "history.jsonl").open("a") as rows:
        rows.write('{"epoch": 3, "l')
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.iterdir()}

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    monkeypatch.setattr("os.replace", refuse)
    assert evaluate(path).test == result.test
    assert {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in path.iterdir()} == before
    with pytest.raises(UserError, match=r"cannot write in .*Read-only"):
        loop.resume(path)


def test_seeds_that_died_at_their_start_are_taken_over(
    tiny: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    config, two, path = settings(tiny, epochs=1), job(tiny, "two"), tiny.parent / "two"
    with monkeypatch.context() as patch:
        patch.setattr("dartsl.run.checkpoint.write_bytes", _no_memory)
        with pytest.raises(torch.OutOfMemoryError):
            seeds.start(two, config, 2)
    assert (path / "seed0" / "run.json").exists()
    stop_after(1)
    assert not seeds.start(two, config, 2)[-1].finished
    monkeypatch.undo()
    with pytest.raises(UserError, match="exists"):
        seeds.start(two, config, 2)
    assert seeds.resume(path, console=quiet())[-1].finished
