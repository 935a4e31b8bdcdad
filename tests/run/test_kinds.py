"""Kinds of run: each has its own files, rows, curves and commands, and one more needs no other file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dartsl.api.drawing import picture
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.records.inputs import INPUTS
from dartsl.run.folder import RunFolder
from dartsl.run.inputs import TextInputs
from dartsl.run.kinds import ALPHAS, FOUND, KINDS, RESULT, SEARCH, TRAIN, RunKind
from dartsl.run.layout import HISTORY, require_unused
from dartsl.run.schema import number, record, whole
from tests.run.test_folder import INFO

SPEC = "darts 1\nop same = identity\n"
TOY = replace(
    TRAIN,
    name="toy",
    title="game",
    history={takes.kind: record({"epoch": whole(1), "lr": number()}) for takes in INPUTS.values()},
    outcome=("score.json",),
    beside={"moves.jsonl": record({"epoch": whole(1), "move": whole()}, closed=True)},
)


def begun(path: Path, kind: RunKind) -> RunFolder:
    info = replace(INFO, kind=kind.name, settings={"epochs": 2}, inputs=TextInputs("word"))
    with RunFolder.begun(path, check(Source("one", SPEC)).files, info) as folder:
        return folder


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_each_kind_knows_the_rows_of_each_kind_of_input(kind: RunKind) -> None:
    assert set(kind.history) == {takes.kind for takes in INPUTS.values()}
    kind.row(None)({"epoch": 1, "validation": None}, "")


def test_a_run_has_the_files_of_its_kind_alone(tmp_path: Path) -> None:
    files = {
        name: {each.name for each in begun(tmp_path / name, kind).path.iterdir()}
        for name, kind in KINDS.items()
    }
    assert files["search"] - files["train"] == {ALPHAS}
    assert files["train"] < files["search"]


def test_another_kind_is_named(tmp_path: Path) -> None:
    folder = begun(tmp_path / "run", SEARCH)
    folder.require(SEARCH)
    with pytest.raises(UserError, match=r"is a run of `search`, not of a training$"):
        folder.require(TRAIN)
    with pytest.raises(UserError, match=r"is a run of `search`, and only that$"):
        folder.require(TRAIN, reason="and only that")


def test_a_kind_more_is_one_record_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, TOY.name, TOY)
    path = tmp_path / "run"
    begun(path, TOY)
    folder = RunFolder.open(path)
    assert folder.kind == TOY
    for epoch in (1, 2):
        folder.record({"epoch": epoch, "lr": 0.1 * epoch}, {"moves.jsonl": {"epoch": epoch, "move": 7}})
    folder.keep_epochs(1)
    assert folder.history() == [{"epoch": 1, "lr": 0.1}]
    assert folder.rows("moves.jsonl") == [{"epoch": 1, "move": 7}]
    assert b"game of root.darts" in picture(path, "svg")
    for name in (*TOY.outcome, FOUND, RESULT):
        (path / name).write_text("{}")
    folder.prolong(5)
    assert not (path / "score.json").exists()
    assert (path / FOUND).exists()  # of another kind: not this run's
    assert folder.info.command.endswith(f"dartsl toy --resume {path} --epochs 5")
    (path / "moves.jsonl").write_text('{"epoch": 1, "move": -1}\n')
    with pytest.raises(UserError, match=r"line 1 of .*moves\.jsonl is damaged: `move`"):
        folder.rows("moves.jsonl")


def test_what_a_run_of_any_kind_left_before_its_first_checkpoint_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(KINDS, TOY.name, TOY)
    begun(tmp_path, TOY)
    require_unused(tmp_path, ["spec.darts"])
    begun(tmp_path, SEARCH)
    assert not (tmp_path / "moves.jsonl").exists()
    assert (tmp_path / HISTORY).read_text() == (tmp_path / ALPHAS).read_text() == ""


def test_a_kind_that_is_not_known_is_no_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, TOY.name, TOY)
    begun(tmp_path, TOY)
    monkeypatch.delitem(KINDS, TOY.name)
    with pytest.raises(UserError, match=r"run\.json is damaged: `kind` is missing or not what it was"):
        RunFolder.open(tmp_path)
