"""A sweep whose figures come from a table: nothing is trained."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from rich.console import Console

import dartsl
from dartsl.api.sweeping import plan_sweep, resume_sweep, run_job
from dartsl.cli import cli
from dartsl.exchange.writing import nasbench_string
from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan as plan_network
from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.plan import read_plan
from dartsl.sweeping.results import TABLE_ERROR, TABLE_FIGURE, read_results
from dartsl.sweeping.runner import run
from tests.sweep.test_runner import Writers

SEEDS = 3
ACCURACIES = (90.0, 91.0, 92.0, 80.0, 83.0, 85.0)  # of what searches find, then of random architectures


@pytest.fixture(scope="module")
def drawn() -> list[str]:
    """Different architectures of the space; the first three are drawn by the sweep itself."""
    found = dartsl.sample("nasbench201", count=8)
    return [found[place] for place in (*range(3, 6), *range(3))]


@pytest.fixture(scope="module")
def strings(drawn: list[str]) -> list[str]:
    specs = [check(Source("a.darts", text)) for text in drawn]
    found = [nasbench_string(spec, plan_network(spec, pick_network(spec, None), {})) for spec in specs]
    assert len(set(found)) == len(found)
    return found


@pytest.fixture
def table(tmp_path: Path, strings: list[str]) -> Path:
    rows = [
        f"{text},{accuracy},{(accuracy + 1) / 100},{100 - accuracy}"
        for text, accuracy in zip(strings, ACCURACIES, strict=True)
    ]
    path = tmp_path / "nb.csv"
    path.write_text("\n".join(["arch,test,valid,loss", *rows]) + "\n")
    return path


def planned(table: Path, **asked: Any) -> SweepFolder:
    given: dict[str, Any] = {"columns": "test", "select": "table:valid", "device": "cpu", "data": "digits"}
    out = table.parent / "sweep"
    return SweepFolder.open(plan_sweep("nasbench201", out, table=table, **given | asked))


def searched(folder: SweepFolder, drawn: list[str]) -> SweepFolder:
    """What searches and samplings leave."""
    for job in folder.plan.jobs:
        out = folder.path / job.out
        if job.kind == "search":
            out.mkdir(parents=True)
            (out / "history.jsonl").write_text(f'{{"epoch": 1, "validation_loss": {3 - (job.seed or 0)}}}\n')
            (out / "found.darts").write_text(drawn[job.seed or 0])
            (out / "found.dot").touch()
            (out / "found.svg").touch()
        elif job.kind == "sample":
            out.mkdir()
            for number in range(folder.plan.protocol.random):
                (out / f"{number}.darts").write_text(drawn[SEEDS + number])
    return folder


def worked(folder: SweepFolder) -> str:
    """Do what the sweep does itself; what it prints."""
    screen = io.StringIO()
    run(folder, Writers(folder), Console(file=screen, width=200))
    return screen.getvalue()


def test_all_of_it(table: Path, drawn: list[str], strings: list[str]) -> None:
    folder = searched(planned(table), drawn)
    assert {job.kind for job in folder.plan.jobs} == {"sample", "search", "lookup", "pick"}
    assert worked(folder) == ""
    table.unlink()  # the sweep has a copy
    results = read_results(folder.path)
    assert (results.finished, results.measure) == (True, TABLE_ERROR)
    darts, random = results.arms
    assert darts.figures("") == pytest.approx({0: 0.1, 1: 0.09, 2: 0.08})
    assert random.figures("") == pytest.approx({0: 0.2, 1: 0.17, 2: 0.15})
    assert darts.picked is not None
    assert (darts.picked.seed, darts.picked.score) == (2, pytest.approx(0.07))
    assert darts.picked.outcomes[""].parameters > 0
    left = json.loads((folder.path / "lookup/darts/1.json").read_text())
    assert (left["architecture"], left["rows"]) == (strings[1], 1)
    assert left["figures"]["test"] == {"value": 91, "rank": 2, "of": 6, "best": 92}
    found = json.loads(dartsl.report(folder.path, format="json"))
    (rows,) = (each["rows"] for each in found["tables"])
    assert [row["planned"] for row in rows] == [3, 3]
    assert rows[0]["difference"]["kind"] == "welch"
    words = dartsl.report(folder.path, format="markdown")
    assert "| arm | looked up |" in words
    assert "darts is better than random: its mean error in the table is lower by 8.33 points" in words
    assert "Figures of a table do not come in pairs." in words
    assert "as the table has it" in dartsl.report(folder.path, format="html")


def test_the_protocol_says_so(table: Path) -> None:
    folder = planned(table, columns=["test", "valid"], select=None, isomorphic=True)
    protocol = folder.plan.protocol
    assert protocol.table is not None
    assert (protocol.select, protocol.train, protocol.random_at_cost) == ("search", {}, 0)
    assert protocol.table.percent == ("test",)
    assert [recipe.settings for recipe in protocol.recipes] == [{"column": "test"}, {"column": "valid"}]
    words = " ".join(protocol.sentences)
    for said in (
        "No architecture is trained: each is looked up in the table nb.csv (SHA-256 ",
        "columns test, valid: accuracies in percent in test, else in parts of one.",
        "the names of nodes do not count",
        "There is no random search at equal cost: a lookup costs nothing",
        "lowest validation loss at the end of its search",
    ):
        assert said in words


def test_several_columns_are_tables_of_their_own(table: Path, drawn: list[str]) -> None:
    folder = searched(planned(table, columns=["test", "valid"], select=None), drawn)
    worked(folder)
    darts = read_results(folder.path).arms[0]
    assert darts.figures("valid") == pytest.approx({0: 0.09, 1: 0.08, 2: 0.07})
    words = dartsl.report(folder.path, format="markdown")
    assert "### Column test" in words
    assert "### Column valid" in words


def test_losses_are_taken_as_they_are(table: Path, drawn: list[str]) -> None:
    folder = searched(planned(table, columns="loss", select="search", lower_is_better=True), drawn)
    worked(folder)
    results = read_results(folder.path)
    assert results.measure == TABLE_FIGURE
    assert results.arms[0].figures("") == {0: 10, 1: 9, 2: 8}
    assert results.arms[1].picked is None


def test_what_is_not_in_the_table_fails_alone(table: Path, drawn: list[str], strings: list[str]) -> None:
    lines = [line for line in table.read_text().splitlines() if not line.startswith(strings[1])]
    table.write_text("\n".join(lines) + "\n")
    folder = searched(planned(table, select="search"), drawn)
    said = worked(folder)
    assert f"lookup/darts/1 failed: {strings[1]} is not in the table nb.csv" in said
    results = read_results(folder.path)
    assert (results.failed, results.missing) == ({"lookup/darts/1": 1}, ())
    assert set(results.arms[0].figures("")) == {0, 2}
    with pytest.raises(dartsl.UserError, match="is not in the table"):
        run_job(folder.path, "lookup/darts/1")
    assert run_job(folder.path, "lookup/darts/0") == 0


def test_another_table_is_refused(table: Path) -> None:
    folder = planned(table)
    (folder.path / "table.csv").write_text("arch,test\n")
    works: tuple[Callable[[], object], ...] = (
        lambda: resume_sweep(folder.path, quiet=True),
        lambda: run_job(folder.path, "lookup/darts/0"),
    )
    for work in works:
        with pytest.raises(dartsl.UserError, match="is not the table that the sweep was planned with"):
            work()


def test_damage_is_named(table: Path, drawn: list[str]) -> None:
    folder = searched(planned(table), drawn)
    worked(folder)
    for text in ('{"figures": {}}', '{"figures": {"test": 3}}', "{"):
        (folder.path / "lookup/darts/1.json").write_text(text)
        with pytest.raises(dartsl.UserError, match=r"lookup/darts/1\.json is damaged"):
            read_results(folder.path)


def test_the_plan_is_read_as_it_was_written(table: Path) -> None:
    folder = planned(table, columns=["test", "loss"], lower_is_better=True)
    moved = table.parent / "moved"
    shutil.move(folder.path, moved)
    assert read_plan(moved) == folder.plan


@pytest.mark.parametrize(
    ("name", "value"), [("table", None), ("recipes", [{"name": "", "settings": {}}] * 2)]
)
def test_a_plan_whose_table_does_not_fit_is_refused(table: Path, name: str, value: object) -> None:
    path = planned(table).path / "sweep.json"
    found = json.loads(path.read_text())
    found["protocol"][name] = value
    path.write_text(json.dumps(found))
    with pytest.raises(dartsl.UserError, match=r"`protocol\.table` is missing or not what it was"):
        read_plan(path.parent)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"train_epochs": 3}, "--train-epochs is of trainings"),
        ({"recipes": {"lr": [1]}}, "--recipes is of trainings"),
        ({"random_at_cost": 3}, "a lookup costs nothing"),
        ({"select": "short:3"}, "`short:3` is no rule of selection where nothing is trained"),
        ({"select": "table:test"}, "named twice"),
        ({"columns": ()}, "which column is compared"),
        ({"columns": "tset"}, "no column `tset`"),
        ({"columns": "test", "table": None}, "--column is of a table"),
        ({"columns": "test", "table": "none.csv"}, "cannot read none.csv"),
    ],
)
def test_what_cannot_be_used_is_refused(table: Path, asked: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"table": table, "columns": "test", "select": "table:valid", "device": "cpu"}
    with pytest.raises(dartsl.UserError, match=message):
        plan_sweep("nasbench201", table.parent / "sweep", **given | asked)
    assert not (table.parent / "sweep").exists()


def test_figures_that_are_no_accuracies_are_refused(table: Path) -> None:
    table.write_text(table.read_text().replace(",80.0,", ",180.0,"))
    with pytest.raises(dartsl.UserError, match="figures from 83 to 180 are no accuracies"):
        planned(table)


def test_a_space_that_the_table_cannot_hold_is_refused(table: Path) -> None:
    with pytest.raises(dartsl.UserError, match="string of NAS-Bench-201"):
        plan_sweep("digits", table.parent / "sweep", table=table, columns="test", device="cpu")


def test_the_command(table: Path) -> None:
    out = table.parent / "typed"
    words = [
        "nasbench201",
        "--table",
        str(table),
        "--column",
        "test",
        "--select",
        "table:valid",
        "--data",
        "digits",
    ]
    more = [
        "--architecture",
        "arch",
        "--isomorphic",
        "--device",
        "cpu",
        "--out",
        str(out),
        "--print-commands",
    ]
    done = CliRunner().invoke(cli, ["sweep", *words, *more], prog_name="dartsl")
    assert done.exit_code == 0, done.output
    assert "dartsl sweep --resume . --job lookup/darts/0  # dartsl sweep" in done.stdout
    use = read_plan(out).protocol.table
    assert use is not None
    assert (use.source, use.columns, use.selection, use.isomorphic) == ("nb.csv", ("test",), "valid", True)


@pytest.mark.parametrize("wrong", [{"table": 5}, {"table": "t.csv", "columns": 5}])
def test_what_is_no_path_or_column_is_refused(wrong: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(dartsl.UserError):
        plan_sweep("nasbench201", tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()
