"""The search from a spec to a found file; interrupted anywhere, it goes on bit for bit."""

from __future__ import annotations

import io
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from torch import Tensor

from dartsl.lang.check import check
from dartsl.lang.diagnostics import UserError
from dartsl.lang.loader import read
from dartsl.lang.settings import SearchConfig, configure
from dartsl.search import loop
from dartsl.search.derive import rederive

STEPS = 3  # an epoch: 12 images train weights, in batches of 5


def quiet() -> Console:
    return Console(file=io.StringIO(), width=120)


def settings(spec: Path, **changes: Any) -> SearchConfig:
    values = {**check(read(str(spec))).search, "data": str(spec.parent / "images.npz"), **changes}
    return configure(SearchConfig(), values)


def run(spec: Path, name: str, **changes: Any) -> loop.SearchResult:
    """A search of the tiny spec, into a folder beside it."""
    out = spec.parent / name
    return loop.search(read(str(spec)), settings(spec, **changes), out=out, command="typed", console=quiet())


@pytest.fixture(autouse=True)
def drawn(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One test draws its picture; the others need not wait for Graphviz."""
    if "leaves_everything" not in request.node.name:
        monkeypatch.setattr(loop, "render", lambda _dot, _kind: b"<svg/>")


@pytest.fixture
def stop_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Raise the flag of Ctrl-C when the loop looks at it for the n-th time, n from 1."""

    def arrange(looks: int) -> None:
        class Flag:
            seen = 0

            @property
            def requested(self) -> bool:
                self.seen += 1
                return self.seen == looks

        @contextmanager
        def flagged(_notify: Callable[[], None]) -> Iterator[Flag]:
            yield Flag()

        monkeypatch.setattr(loop, "interruption", flagged)

    return arrange


def rows(path: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [{key: value for key, value in row.items() if key != "seconds"} for row in found]


def same(one: Any, other: Any, where: str = "") -> None:
    """Two checkpoints are equal bit for bit, but for their times."""
    assert type(one) is type(other), where
    if isinstance(one, Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            if key != "seconds":
                same(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list | tuple):
        assert len(one) == len(other), where
        for i, (a, b) in enumerate(zip(one, other, strict=True)):
            same(a, b, f"{where}/{i}")
    else:
        assert one == other, where


def checkpoint_of(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = torch.load(path / "checkpoint.pt", weights_only=True)
    return found


def same_runs(one: Path, other: Path) -> None:
    same(checkpoint_of(one), checkpoint_of(other))
    assert rows(one / "history.jsonl") == rows(other / "history.jsonl")
    assert (one / "alphas.jsonl").read_bytes() == (other / "alphas.jsonl").read_bytes()
    assert (one / "found.darts").read_bytes() == (other / "found.darts").read_bytes()


def test_a_search_leaves_everything_in_its_folder(tiny: Path) -> None:
    console = quiet()
    out = tiny.parent / "run"
    result = loop.search(read(str(tiny)), settings(tiny), out=out, command="typed", console=console)
    assert result.finished
    assert {p.name for p in out.iterdir()} >= {
        "spec.darts", "parts.darts", "run.json", "history.jsonl", "alphas.jsonl", "checkpoint.pt",
        "found.darts", "found.dot", "found.svg",
    }  # fmt: skip
    record = json.loads((out / "run.json").read_text())
    assert record["format"] == 1
    assert record["command"] == "typed"
    assert record["network"] == "tiny"
    assert record["parameters"] == {"C": "2"}
    assert record["settings"]["warmup"] == 1
    history = [json.loads(line) for line in (out / "history.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in history] == [1, 2]
    assert history[0]["lr"] == pytest.approx(0.025)
    assert history[1]["lr"] == pytest.approx(0.013)
    assert set(history[0]["entropy"]) == {"normal", "reduction"}
    assert all(0 <= row["validation_accuracy"] <= 1 and row["train_loss"] > 0 for row in history)
    found = check(read(str(out / "found.darts")))
    assert found.decided(found.networks["tiny"])
    assert found.train == {"epochs": 7}
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for words in ("epoch 1/2", "epoch 2/2", "cell normal", "cell reduction", "over edge", str(out), "next"):
        assert words in text
    assert text.count("edge ") >= 4


def test_alphas_stay_in_the_warmup_and_move_behind_it(tiny: Path) -> None:
    run(tiny, "run", alphas_lr=0.3)
    first, second = rows(tiny.parent / "run" / "alphas.jsonl")
    start = loop.compile_network(check(read(str(tiny)))).alpha("normal")
    assert torch.equal(torch.tensor(first["alphas"]["normal"]), start.detach())
    moved = torch.tensor(second["alphas"]["normal"]) - start
    assert bool((moved != 0).any(dim=1).all())


@pytest.mark.parametrize("order", ["1", "2", "exact"])
def test_a_seed_means_the_same_run(tiny: Path, order: str) -> None:
    run(tiny, "one", order=order)
    torch.rand(3)  # what else is drawn in the process does not matter
    run(tiny, "two", order=order)
    same_runs(tiny.parent / "one", tiny.parent / "two")
    run(tiny, "three", order=order, seed=1)
    assert rows(tiny.parent / "one" / "history.jsonl") != rows(tiny.parent / "three" / "history.jsonl")


@pytest.mark.parametrize(
    ("order", "looks"), [("1", STEPS + 2), ("2", 1), ("2", STEPS + 1), ("exact", 2 * STEPS)]
)
def test_an_interrupted_run_goes_on_bit_for_bit(
    tiny: Path, stop_after: Callable[[int], None], order: str, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny, "whole", order=order)
    stop_after(looks)
    result = run(tiny, "parts", order=order)
    assert not result.finished
    assert result.found is None
    monkeypatch.undo()
    assert checkpoint_of(tiny.parent / "parts")["state"]["step"] == looks
    torch.rand(3)
    assert loop.resume(tiny.parent / "parts", console=quiet()).finished
    same_runs(tiny.parent / "whole", tiny.parent / "parts")


def test_a_run_can_be_interrupted_at_every_step(tiny: Path, stop_after: Callable[[int], None]) -> None:
    run(tiny, "whole")
    stop_after(1)
    result, resumed = run(tiny, "parts"), 0
    while not result.finished:
        result, resumed = loop.resume(result.path, console=quiet()), resumed + 1
    assert resumed == 2 * STEPS
    same_runs(tiny.parent / "whole", tiny.parent / "parts")


def test_a_crash_between_the_rows_and_the_checkpoint_costs_nothing(
    tiny: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tiny, "whole")
    stop_after(STEPS + 1)
    path = run(tiny, "parts").path
    monkeypatch.undo()
    with (path / "history.jsonl").open("a") as file:
        file.write('{"epoch": 2, "lr": 9}\n{"epoch": 3, "l')
    with (path / "alphas.jsonl").open("a") as file:
        file.write('{"epoch": 2, "alphas": {}}\n')
    loop.resume(path, console=quiet())
    same_runs(tiny.parent / "whole", path)


def test_a_finished_run_is_resumed_by_reporting_again(tiny: Path) -> None:
    path = run(tiny, "run").path
    before = (path / "found.darts").read_bytes()
    (path / "found.darts").unlink()
    assert loop.resume(path, console=quiet()).finished
    assert (path / "found.darts").read_bytes() == before


def test_a_moved_run_goes_on_without_what_it_came_from(
    tiny: Path, tmp_path: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(2)
    path = run(tiny, "run").path
    monkeypatch.undo()
    moved = tmp_path / "moved"
    shutil.move(path, moved)
    tiny.unlink()
    (tiny.parent / "parts.darts").unlink()
    assert loop.resume(moved, console=quiet()).finished


def test_a_checkpoint_of_another_kind_of_device_is_taken_over(
    tiny: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(2)
    path = run(tiny, "run").path
    monkeypatch.undo()
    record = checkpoint_of(path)
    record["state"] |= {"device": "cuda", "augmentation": torch.zeros(16, dtype=torch.uint8)}
    torch.save(record, path / "checkpoint.pt")
    assert loop.resume(path, console=quiet()).finished


def test_every_epoch_can_be_derived_from(tiny: Path) -> None:
    result = run(tiny, "run", epochs=3, alphas_lr=1.0)
    assert rederive(result.path) == rederive(result.path, 3) == result.found
    first = rederive(result.path, 1)
    assert "epoch 1." in first
    assert check(read(str(result.path / "found.darts"))).cells.keys() == {"normal", "reduction"}
    with pytest.raises(UserError, match="has no epoch 4"):
        rederive(result.path, 4)
    with pytest.raises(UserError, match="is not a run folder"):
        rederive(tiny.parent)


# ------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"warmup": 2}, "leaves none in which alphas are trained"),
        ({"alphas_betas": (0.5,)}, "two numbers"),
        ({"alphas_betas": (0.5, 1.0)}, "below 1"),
        ({"data": ""}, "no data set"),
        ({"data": "nowhere"}, "no such data set"),
        ({"data": "digits"}, "10 classes"),
        ({"split": 1.0}, "leave none for the alphas"),
        ({"device": "nonsense"}, "cannot be used"),
    ],
)
def test_what_cannot_be_searched_is_refused_before_a_folder_is_made(
    tiny: Path, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        run(tiny, "run", **changes)
    assert not (tiny.parent / "run").exists()


def test_a_spec_without_a_choice_is_refused(tiny: Path) -> None:
    tiny.write_text(
        tiny.read_text().replace("none | skip_connect | narrow(3)", "narrow(3)").replace("keep 1", "")
    )
    with pytest.raises(UserError, match="nothing to search"):
        run(tiny, "run")


def test_a_batch_of_one_is_refused_where_batch_norm_cannot_take_it(tiny: Path) -> None:
    tiny.write_text(
        tiny.read_text().replace("head  global_avg_pool >", "head  global_avg_pool > conv(1) > bn >")
    )
    with pytest.raises(UserError, match="a single number to normalise"):
        run(tiny, "run", batch=11)


def test_a_folder_that_exists_is_refused_and_the_default_name_is_free(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    (tiny.parent / "run").mkdir()
    with pytest.raises(UserError, match="exists"):
        run(tiny, "run")
    for name in ("tiny", "tiny-2"):
        result = loop.search(read("tiny.darts"), settings(tiny, epochs=1, warmup=0), console=quiet())
        assert result.path == Path("runs") / name


def _change_spec(path: Path) -> None:
    (path / "parts.darts").write_text((path / "parts.darts").read_text().replace("r = 2", "r = 1"))


def _change_data(path: Path) -> None:
    record = json.loads((path / "run.json").read_text())
    record["data_hash"] = "0" * 64
    (path / "run.json").write_text(json.dumps(record))


def _change_parameters(path: Path) -> None:
    record = json.loads((path / "run.json").read_text())
    record["parameters"] = {"C": "4"}
    (path / "run.json").write_text(json.dumps(record))


def _change_settings(path: Path) -> None:
    record = json.loads((path / "run.json").read_text())
    record["settings"]["epochs"] = -1
    (path / "run.json").write_text(json.dumps(record))


def _change_kind(path: Path) -> None:
    record = json.loads((path / "run.json").read_text())
    record["kind"] = "train"
    (path / "run.json").write_text(json.dumps(record))


def _change_checkpoint(path: Path) -> None:
    record = checkpoint_of(path)
    del record["state"]["model"]["alphas.normal"]
    torch.save(record, path / "checkpoint.pt")


def _cut_checkpoint(path: Path) -> None:
    data = (path / "checkpoint.pt").read_bytes()
    (path / "checkpoint.pt").write_bytes(data[: len(data) // 2])


def _lose_rows(path: Path) -> None:
    (path / "history.jsonl").write_text("")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_change_spec, "is not the one that the run was started with"),
        (_change_data, "are not those that the run was started with"),
        (_change_parameters, "another parameters"),
        (_change_settings, "is damaged: a whole number from 1"),
        (_change_kind, "not of a search"),
        (_change_checkpoint, "does not fit the run"),
        (_cut_checkpoint, "is damaged"),
        (_lose_rows, "does not hold the 1 epochs"),
    ],
)
def test_a_run_that_was_tampered_with_is_refused(
    tiny: Path, change: Callable[[Path], None], words: str, stop_after: Callable[[int], None]
) -> None:
    stop_after(STEPS + 1)
    path = run(tiny, "run").path
    change(path)
    with pytest.raises(UserError, match=words):
        loop.resume(path, console=quiet())


# -------------------------------------------------------- failures and signals


def test_an_unrolled_step_that_is_not_finite_leaves_all_as_it_was(tiny: Path) -> None:
    with pytest.raises(UserError, match=r"step 1 of epoch 1: the .* is not finite.* of layer"):
        run(tiny, "run", order="2", warmup=0, lr=1e25, lr_min=1e25)
    state = checkpoint_of(tiny.parent / "run")["state"]
    assert (state["step"], state["batches"]["step"]) == (0, 0)
    same(state["model"], dict(loop.compile_network(check(read(str(tiny)))).state_dict()))


def test_what_is_not_finite_stops_the_run_and_nothing_is_lost(
    tiny: Path, stop_after: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = {"warmup": 0, "lr": 1e25, "lr_min": 1e25}
    with pytest.raises(UserError, match=r"step 2 of epoch 1: the .* is not finite") as caught:
        run(tiny, "run", **changes)
    assert "largest gradient" in caught.value.message
    assert "lower lr" in str(caught.value.help)
    stop_after(1)  # the same run, stopped before the step that fails
    run(tiny, "stopped", **changes)
    monkeypatch.undo()
    one, other = checkpoint_of(tiny.parent / "run"), checkpoint_of(tiny.parent / "stopped")
    same(one, other)
    with pytest.raises(UserError, match="step 2 of epoch 1"):
        loop.resume(tiny.parent / "run", console=quiet())


def test_too_little_memory_is_a_message(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("dartsl.search.session.weight_step", fail)
    with pytest.raises(UserError, match="too little memory"):
        run(tiny, "run")
    assert checkpoint_of(tiny.parent / "run")["state"]["step"] == 0


def test_ctrl_c_in_a_real_process_saves_and_the_run_goes_on(tiny: Path) -> None:
    code = """
import sys
from pathlib import Path
from dartsl.lang.loader import read
from dartsl.lang.settings import SearchConfig
from dartsl.search.loop import search
folder = Path(sys.argv[1])
config = SearchConfig(epochs=100000, batch=5, data=str(folder / "images.npz"))
result = search(read(str(folder / "tiny.darts")), config, out=folder / "run")
print("finished" if result.finished else "interrupted", flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tiny.parent)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("epoch      1/100000")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=50)
    assert process.returncode == 0
    assert output.splitlines()[-1] == "interrupted"
    assert "everything is saved" in output
    assert "Ctrl-C again" in errors
    path = tiny.parent / "run"
    state = checkpoint_of(path)["state"]
    assert len(rows(path / "history.jsonl")) == state["epoch"] >= 1
    assert state["step"] == state["epoch"] * STEPS + state["batches"]["step"]


def test_settings_are_recorded_whole(tiny: Path) -> None:
    config = replace(settings(tiny), mean=(0.5,), std=(0.25,), epochs=1, warmup=0)
    path = loop.search(read(str(tiny)), config, out=tiny.parent / "run", console=quiet()).path
    record = json.loads((path / "run.json").read_text())
    assert configure(SearchConfig(), record["settings"]) == config
