"""The search from a spec to a found file; interrupted anywhere, it goes on bit for bit."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

import dartsl
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import SearchConfig, configure
from dartsl.lang.syntax.loader import read
from dartsl.run import checkpoint
from dartsl.run.job import Job
from dartsl.searching import loop
from dartsl.searching.derive import rederive
from tests.search.runs import STEPS, checkpoint_of, job, quiet, rows, run, same_runs, settings

pytestmark = pytest.mark.usefixtures("undrawn")


def test_a_search_leaves_everything_in_its_folder(tiny: Path) -> None:
    console = quiet()
    out = tiny.parent / "run"
    result = loop.search(job(tiny, out.name, console), settings(tiny))
    assert result.finished
    assert {p.name for p in out.iterdir()} >= {
        "spec.darts", "parts.darts", "run.json", "history.jsonl", "alphas.jsonl", "checkpoint.pt",
        "found.darts", "found.dot", "found.svg",
    }  # fmt: skip
    record = json.loads((out / "run.json").read_text())
    assert record["format"] == 2
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


def test_alphas_stay_in_the_warmup_and_move_after_it(tiny: Path) -> None:
    run(tiny, "run", alphas_lr=0.3)
    first, second = rows(tiny.parent / "run" / "alphas.jsonl")
    start = dartsl.compile(check(read(str(tiny)))).alpha("normal")
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
    checkpoint.write_record(path / "checkpoint.pt", record)
    assert loop.resume(path, console=quiet()).finished


def test_what_would_change_the_numbers_is_reported(tiny: Path) -> None:
    path = run(tiny, "run").path
    console = quiet()
    loop.resume(path, console=console)
    assert "bit for bit" not in console.file.getvalue()  # type: ignore[attr-defined]
    threads = str(torch.get_num_threads())
    record = json.loads((path / "run.json").read_text())
    assert record["versions"]["threads"] == threads
    record["versions"] |= {"threads": "77", "torch": "0.1"}
    (path / "run.json").write_text(json.dumps(record))
    loop.resume(path, console=console)
    assert f"threads was 77, is {threads}" in console.file.getvalue()  # type: ignore[attr-defined]


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
        ({"alphas_betas": (0.5, 1.0)}, "below 1"),
        ({"nesterov": True, "momentum": 0.0}, "nesterov looks ahead by the momentum, which is 0"),
        ({"data": ""}, "no data set"),
        ({"data": "nowhere"}, "no such data set"),
        ({"data": "digits"}, "10 classes"),
        ({"split": 1.0}, "leave none for the alphas"),
        ({"device": "nonsense"}, "no device `nonsense`"),
        ({"device": "meta"}, "nothing can be searched on"),
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
    with pytest.raises(UserError, match="a single number to normalise"):
        run(tiny, "run", split=0.96)
    assert not (tiny.parent / "run").exists()


def test_any_whole_number_is_a_seed(tiny: Path) -> None:
    assert run(tiny, "run", seed=10**30).finished


def test_a_folder_that_exists_is_refused_and_the_default_name_is_free(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tiny.parent)
    (tiny.parent / "run").mkdir()
    (tiny.parent / "run" / "notes").write_text("")
    with pytest.raises(UserError, match="exists"):
        run(tiny, "run")
    for name in ("tiny", "tiny-2"):
        result = loop.search(
            Job(check(read("tiny.darts")), console=quiet()), settings(tiny, epochs=1, warmup=0)
        )
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
    checkpoint.write_record(path / "checkpoint.pt", record)


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
        (_change_settings, "is damaged: `settings.epochs` is not a whole number from 1"),
        (_change_kind, "is damaged: there is no setting `method`"),
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


def test_settings_are_recorded_whole(tiny: Path) -> None:
    config = replace(settings(tiny), mean=(0.5,), std=(0.25,), epochs=1, warmup=0)
    path = loop.search(job(tiny, "run"), config).path
    record = json.loads((path / "run.json").read_text())
    assert configure(SearchConfig(), record["settings"]) == config
