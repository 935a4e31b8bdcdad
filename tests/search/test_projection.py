"""`derive = perturbation`: a search that goes on and decides its edges one after the other (DARTS-PT)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import dartsl
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.loader import read
from dartsl.run.resuming import Anew
from dartsl.searching import loop
from tests.search.runs import STEPS, job, quiet, rows, run, same_runs, settings

pytestmark = pytest.mark.usefixtures("undrawn")
PROJECTED: dict[str, Any] = {"derive": "perturbation", "projection_interval": 1, "epochs": 1, "warmup": 0}
DECISIONS = 5 + 2  # of each cell: its edges, and both nodes


def test_each_edge_and_node_is_decided(tiny: Path) -> None:
    console = quiet()
    result = loop.search(job(tiny, "run", console), settings(tiny, **{**PROJECTED, "projection_interval": 2}))
    history = rows(result.path / "history.jsonl")
    assert len(history) == 1 + 2 * (DECISIONS - 1) + 1
    assert [row["lr"] for row in history[1:]] == [0.0025] * len(history[1:])
    assert "projection" not in history[0]
    assert [row["projection"]["number"] for row in history[1:]] == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7]
    made = [row["projection"].get("decided") for row in history[1:]]
    assert all(len(each) == 2 for each in made[::2])
    assert made[1::2] == [None] * (DECISIONS - 1)
    edges = [each for row in made[:10:2] for each in row]
    assert {each["kept"] for each in edges} <= {
        "skip_connect",
        "narrow(3)",
    }  # `none` cannot stay into a node with keep
    assert len({(each["cell"], each["edge"]) for each in edges}) == 10
    for each in edges:
        least = min(each["accuracy_without"], key=lambda name: each["accuracy_without"][name])
        assert each["kept"] == least
    text = (result.path / "found.darts").read_text()
    for each in (one for row in made[10::2] for one in row):
        kept = next(
            edge["kept"] for edge in edges if (edge["cell"], edge["edge"]) == (each["cell"], *each["kept"])
        )
        assert (
            f"  edge   {each['kept'][0]} : {kept}"
            in text.partition(f"cell {each['cell']} ")[2].partition("}")[0]
        )
    assert dartsl.derive(result.path) == text
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[5].startswith(f"epoch  6/{len(history)}  projection 3 of 7  loss ")


@pytest.mark.parametrize("looks", [STEPS + 2, STEPS + 4 + 2, STEPS + 5 * (STEPS + 4) + 1])
def test_an_interrupted_run_goes_on_bit_for_bit(
    tiny: Path, stop_after: Callable[[int], None], looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Within what is measured, in a step after it, and as a node is decided."""
    run(tiny, "whole", **PROJECTED)
    stop_after(looks)
    assert not run(tiny, "parts", **PROJECTED).finished
    monkeypatch.undo()
    torch.rand(3)
    with pytest.raises(UserError, match=r"the projection of .* is not over after epoch"):
        dartsl.derive(tiny.parent / "parts")
    assert "narrow(3)" in dartsl.derive(tiny.parent / "parts", rule="argmax")
    with pytest.raises(UserError, match="is over after epoch 1, and its edges are being decided"):
        loop.resume(tiny.parent / "parts", Anew(epochs=3), console=quiet())
    assert loop.resume(tiny.parent / "parts", console=quiet()).finished
    same_runs(tiny.parent / "whole", tiny.parent / "parts")
    with pytest.raises(UserError, match="is over after epoch 1, and its edges are decided"):
        loop.resume(tiny.parent / "parts", Anew(epochs=3), console=quiet())


@pytest.mark.slow
def test_it_goes_with_edge_weights_and_what_is_drawn_and_with_a_stop_rule(tiny: Path) -> None:
    changes = {"edge_weights": True, "relaxation": "gumbel", "perturb": "adversarial", "perturb_steps": 1}
    result = run(
        tiny, "run", **{**PROJECTED, **changes, "epochs": 4, "stop": "skips", "stop_skips": 1, "seed": 3}
    )
    history = rows(result.path / "history.jsonl")
    searched = sum("projection" not in row for row in history)
    assert len(history) == searched + DECISIONS
    assert searched == 4 or "stopped" in history[searched - 1]
    assert not any("stopped" in row for row in history[searched:])
    assert {tuple(row["schedules"].items()) for row in history[searched - 1 :]} == {
        tuple(history[searched - 1]["schedules"].items())
    }
    found = check(read(str(result.path / "found.darts")))
    assert found.decided(found.networks["tiny"])
    assert len(dartsl.draw(result.path)) > 0


def test_the_epoch_that_a_rule_ends_the_search_in_is_named(tiny: Path) -> None:
    console = quiet()
    changes = {"epochs": 4, "stop": "stable", "stop_epochs": 2, "warmup": 0, "alphas_lr": 1e-9}
    result = loop.search(job(tiny, "run", console), settings(tiny, **{**PROJECTED, **changes}))
    history = rows(result.path / "history.jsonl")
    assert ["stopped" in row for row in history] == [False, True] + DECISIONS * [False]
    assert "stopped     after epoch 2 of 4: " in console.file.getvalue()  # type: ignore[attr-defined]
    assert f"epoch 2 of 4 and {DECISIONS} of its projection, finished" in repr(dartsl.Run(result.path))


def test_the_expected_cost_comes_to_that_of_what_is_found(tiny: Path) -> None:
    costly = tiny.with_name("costly.darts")
    costly.write_text(
        tiny.read_text().replace("own = none | skip_connect | narrow(3)", "own = narrow(3) | narrow(5)")
    )
    changes = {"penalty": ("cost",), "cost": "multiply_adds", "target": 1.0, "cost_weight": 1.0}
    result = run(costly, "run", **{**PROJECTED, **changes})
    row = rows(result.path / "history.jsonl")[-1]
    head = next(line for line in (result.found or "").splitlines() if line.startswith("# cost"))
    assert f"{row['cost']:,.0f} multiply-adds" in head
    assert row["penalties"]["cost"] == pytest.approx(row["cost"] - 1)


def test_a_run_of_another_rule_has_no_projection(tiny: Path) -> None:
    run(tiny, "run", epochs=1, warmup=0)
    with pytest.raises(UserError, match="was searched without a projection"):
        dartsl.derive(tiny.parent / "run", rule="perturbation")


def test_nodes_without_keep_may_lose_edges_to_none(tiny: Path) -> None:
    free = tiny.with_name("free.darts")
    free.write_text(tiny.read_text().replace("sum keep 1", "sum"))
    history = rows(run(free, "run", **PROJECTED).path / "history.jsonl")
    assert len(history) == 1 + 5
    assert all(
        "none" in each["accuracy_without"] for row in history[1:] for each in row["projection"]["decided"]
    )


def test_an_edge_that_cannot_be_left_out_is_refused(tiny: Path) -> None:
    fixed = tiny.with_name("fixed.darts")
    fixed.write_text(
        tiny.read_text().replace(
            "all -> n0, n1 : own", "c0, c1 -> n0, n1 : own\n  edge n0 -> n1 : skip_connect", 1
        )
    )
    with pytest.raises(
        UserError, match="cell `normal` has edges into its node `n1` that offer one operation"
    ):
        run(fixed, "run", **PROJECTED)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"skip_limit": 1}, "skip_limit goes by the mixing weights"),
        (
            {"stop": "curvature", "curvature": 2, "epochs": 30},
            "stop = curvature goes back to an earlier epoch",
        ),
        ({"relaxation": "gumbel_hard"}, "relaxation = gumbel_hard computes one operation an edge"),
    ],
)
def test_what_it_does_not_go_with_is_refused(tiny: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        run(tiny, "run", **{**PROJECTED, **changes})
