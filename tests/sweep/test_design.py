"""The plan of a sweep: its protocol in words, its jobs with their commands; what is refused before it is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import dartsl
from dartsl.api.sweeping import plan_sweep
from dartsl.sweeping.design import arms_of, recipes_of, slug
from dartsl.sweeping.machine import device_of, gpus_of
from dartsl.sweeping.plan import SweepPlan, read_plan
from tests.conftest import Golden

GOLDEN = Path(__file__).parent / "golden"


def planned(folder: Path, **asked: Any) -> SweepPlan:
    given: dict[str, Any] = {"device": "cpu", "jobs": 1_000, "spec": "digits", **asked}
    return read_plan(plan_sweep(given.pop("spec"), folder / "sweep", **given))


def words_of(plan: SweepPlan) -> str:
    lines = [*plan.protocol.sentences, "", *(f"{arm.kind:<14} {arm.name}" for arm in plan.arms)]
    for job in plan.jobs:
        needs = f" after {', '.join(job.needs)}" if job.needs else ""
        lines += ["", f"{job.name} ({job.cost:.4g}){needs}", f"  {' '.join(job.command)}"]
    return "\n".join(lines) + "\n"


def test_the_plan_of_readmes_sweep(tmp_path: Path, golden: Golden) -> None:
    plan = planned(tmp_path, seeds=2, random=2, random_at_cost=3, epochs=3, train_epochs=5)
    golden(GOLDEN / "digits.txt", words_of(plan))


def test_the_plan_of_several_arms_and_recipes(tmp_path: Path, golden: Golden) -> None:
    plan = planned(
        tmp_path,
        seeds=1,
        first_seed=7,
        random=1,
        methods=["darts", "drnas"],
        vary={"warmup": ["1", "2"]},
        recipes={"lr": [0.025, 0.01], "weight_decay": ["3e-4"]},
        select="search",
        epochs=4,
        parameters={"C": 4},
        train={"final": True, "jitter": (0.1, 0.2)},
    )
    golden(GOLDEN / "arms.txt", words_of(plan))


def test_paths_hold_from_the_folder_of_the_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "images.npz").write_bytes(b"")
    plan = planned(tmp_path, data="images.npz")
    assert plan.protocol.search["data"] == plan.protocol.train["data"] == str(tmp_path / "images.npz")


def test_what_is_imported_lies_beside_the_spec(tmp_path: Path) -> None:
    (tmp_path / "parts.darts").write_text('darts 1\nimport "std/cnn"\nop two = conv(3) > bn\n')
    (tmp_path / "mine.darts").write_text(
        'darts 1\nimport "std/cnn"\nimport "./parts"\n'
        "cell c {\n  input a : preprocess\n  node n : sum\n  edge a -> n : two | skip_connect\n  output n\n}\n"
        "network mine(C = 4) {\n  input image(1, 8, 8)\n  stem conv(3, out = C)\n  stage c width C\n"
        "  head global_avg_pool > linear(10)\n}\n"
    )
    planned(tmp_path, spec=tmp_path / "mine.darts", data="digits")
    copy = tmp_path / "sweep"
    assert (copy / "spec.darts").read_text() == (tmp_path / "mine.darts").read_text()
    assert (copy / "parts.darts").exists()


def test_at_equal_cost_no_more_are_drawn_than_the_searches_pay_for(tmp_path: Path) -> None:
    plan = planned(tmp_path, seeds=1, random=1, random_at_cost=10_000, epochs=1, train_epochs=50)
    costs = {job.kind: job.cost for job in plan.jobs}
    exact = plan.protocol.at_cost_exact
    assert exact is not None
    assert (
        plan.protocol.random_at_cost == exact == int((costs["search"] + costs["select"]) // costs["select"])
    )


def test_a_training_by_which_is_selected_holds_validation_data_out_and_reads_no_test_data(
    tmp_path: Path,
) -> None:
    plan = planned(tmp_path, train={"final": True, "warmup": 3}, select="short:2", train_epochs=9)
    command = plan.job("select/darts/0").command
    assert {"--no-test", "--no-final"} <= set(command)
    assert command[command.index("--warmup") + 1] == "1"
    assert "--no-test" not in plan.job("train/darts/0").command


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"methods": ["darts", "darts"]}, "the arm `darts` stands twice"),
        ({"methods": ["dartz"]}, "`dartz` is not a value for the setting `method`"),
        ({"vary": {"seed": [1]}}, "`seed` is for --seeds and --first-seed to say"),
        ({"vary": {"warm": [1]}}, "has no setting `warm`"),
        ({"vary": {"warmup": []}}, "`vary` gives `warmup` no value"),
        ({"search": {"epochs": 0}}, "`0` is not a value for the setting `epochs`"),
        ({"train": {"device": "cpu"}}, "`device` is for --device to say"),
        ({"recipes": {"lr": [0.1, 0.1]}}, "the recipe `lr-0.1` stands twice"),
        ({"select": "short:0"}, "`short:0` is no rule of selection"),
        ({"select": "best"}, "`best` is no rule of selection"),
        ({"select": "search", "random_at_cost": 3}, "are selected by short trainings"),
        ({"train": {"validation": 0}}, "there is nothing to select by"),
        ({"seeds": 0}, "`0` is not a value for"),
        ({"random": -1}, "`-1` is not a value for `random`"),
        ({"data": "nowhere"}, "nowhere: no such data set"),
        ({"spec": "zoo/darts_v2", "data": "digits"}, "leaves nothing to choose"),
        ({"parameters": {"D": 1}}, "`D`"),
    ],
)
def test_what_cannot_be_run_is_refused_before_a_folder_is_made(
    tmp_path: Path, asked: dict[str, Any], message: str
) -> None:
    with pytest.raises(dartsl.UserError, match=message):
        planned(tmp_path, **asked)
    assert not (tmp_path / "sweep").exists()


def test_a_folder_that_is_taken_is_refused(tmp_path: Path) -> None:
    planned(tmp_path)
    with pytest.raises(dartsl.UserError, match="exists") as fault:
        planned(tmp_path)
    assert "--resume" in str(fault.value.help)
    (tmp_path / "sweep" / "sweep.json").unlink()
    planned(tmp_path)  # over what a process has left that died before it wrote the plan
    (tmp_path / "sweep" / "sweep.json").unlink()
    (tmp_path / "sweep" / "other").write_text("")
    with pytest.raises(dartsl.UserError, match="exists and is not empty"):
        planned(tmp_path)


def test_names() -> None:
    assert [arm.slug for arm in arms_of(["darts"], {"warmup": ["2"], "lr": ["1e-2"]})] == [
        "darts-warmup-2-lr-1e-2"
    ]
    assert [recipe.name for recipe in recipes_of({"lr": ["0.1"], "wd": ["1", "2"]})] == ["wd-1", "wd-2"]
    assert [recipe.name for recipe in recipes_of({})] == [""]
    assert slug("../A b") == "a-b"


def test_gpus_are_those_that_the_sweep_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,3")
    assert gpus_of("cuda") == ["2", "3"]
    assert gpus_of("cuda:1") == gpus_of("cpu") == []
    assert device_of("cuda:1") == "cuda:1"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert device_of(None) == device_of("auto") == "cpu"
