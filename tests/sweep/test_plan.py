"""`sweep.json`: written and read, and refused where it is damaged or would run what nobody has named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dartsl.lang.codes.diagnostics import UserError
from dartsl.sweeping.plan import Arm, Job, Protocol, Recipe, SweepPlan, own_command, read_plan, write_plan

PROTOCOL = Protocol(
    seeds=(4, 5),
    random=3,
    random_at_cost=0,
    at_cost_exact=None,
    select="short:2",
    recipes=(Recipe(""), Recipe("lr-0.01", {"lr": "0.01"})),
    search={"epochs": "3"},
    train={"epochs": "5"},
    parameters={"C": "4"},
    network=None,
    threads=1,
    device="cpu",
    sentences=("Search and selection never see the test set.",),
)
PLAN = SweepPlan(
    command="dartsl sweep digits",
    source="digits",
    spec_sha256="0" * 64,
    protocol=PROTOCOL,
    arms=(
        Arm("darts warmup=2", "darts-warmup-2", "search", {"method": "darts", "warmup": "2"}),
        Arm("random", "random", "random"),
    ),
    jobs=(
        Job(
            "search/darts-warmup-2/4",
            "search",
            "darts-warmup-2",
            4,
            None,
            ("search", "spec.darts", "--out", "search/darts-warmup-2/4"),
            "search/darts-warmup-2/4",
            cost=2.5e6,
        ),
        Job(
            "pick/darts-warmup-2",
            "pick",
            "darts-warmup-2",
            None,
            None,
            tuple(own_command("pick/darts-warmup-2")),
            "picked/darts-warmup-2.json",
            needs=("search/darts-warmup-2/4",),
        ),
    ),
    dartsl="0.2.0",
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_plan(tmp_path, PLAN)
    assert read_plan(tmp_path) == PLAN
    assert list(json.loads((tmp_path / "sweep.json").read_text()))[:3] == ["format", "dartsl", "command"]


def test_seeds_and_places_of_architectures() -> None:
    search, random = PLAN.arms
    assert (PLAN.seeds(search), PLAN.seeds(random)) == ((4, 5), (4, 5, 6))
    assert PLAN.architecture(search, 5) == "search/darts-warmup-2/5/found.darts"
    assert PLAN.architecture(random, 6) == "random/2.darts"


def test_epochs_of_a_selection() -> None:
    assert PROTOCOL.short_epochs == 2
    assert replace(PROTOCOL, select="search").short_epochs is None


def test_a_job_by_its_name() -> None:
    assert PLAN.job("pick/darts-warmup-2").needs == ("search/darts-warmup-2/4",)
    with pytest.raises(UserError, match="the sweep has no job `pick/other`"):
        PLAN.job("pick/other")


def test_a_folder_without_a_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="is not the folder of a sweep"):
        read_plan(tmp_path)


@pytest.mark.parametrize(
    ("place", "value", "named"),
    [
        (("format",), 2, "sweep format 2"),
        (("protocol", "seeds"), [], "`protocol.seeds`"),
        (("protocol", "select"), "short:0", "`protocol.select`"),
        (("arms", 0, "slug"), "../darts", r"`arms\[0\].slug`"),
        (("jobs", 0, "out"), "search/../../home", r"`jobs\[0\].out`"),
        (("jobs", 0, "out"), "/home", r"`jobs\[0\].out`"),
        (("jobs", 0, "out"), "search/other/4", r"`jobs\[0\].command`"),
        (("jobs", 0, "command"), ["check", "--out", "search/darts-warmup-2/4"], r"`jobs\[0\].command`"),
        (("jobs", 0, "needs"), ["pick/darts-warmup-2"], r"`jobs\[0\].needs`"),
        (("jobs", 1, "command"), ["sweep", "--resume", "/elsewhere"], r"`jobs\[1\].command`"),
        (("jobs", 1, "arm"), "other", r"`jobs\[1\].name`"),
        (("jobs", 1, "cost"), -1, r"`jobs\[1\].cost`"),
    ],
)
def test_what_does_not_fit_is_named(
    tmp_path: Path, place: tuple[str | int, ...], value: object, named: str
) -> None:
    write_plan(tmp_path, PLAN)
    found = json.loads((tmp_path / "sweep.json").read_text())
    inner: Any = found
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = value
    (tmp_path / "sweep.json").write_text(json.dumps(found))
    with pytest.raises(UserError, match=named):
        read_plan(tmp_path)


@pytest.mark.parametrize("word", ["--plugin", "--plugin=x.py", "-o", "-ox", "-qo", "--output", "--out=x"])
def test_a_forged_command_is_refused(tmp_path: Path, word: str) -> None:
    job = PLAN.jobs[0]
    write_plan(tmp_path, replace(PLAN, jobs=(replace(job, command=(*job.command, word)),)))
    with pytest.raises(UserError, match=r"`jobs\[0\].command`"):
        read_plan(tmp_path)
