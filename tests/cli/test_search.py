"""search and derive, on a spec small enough to be searched in a second, and the run they leave."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace

import pytest

import dartsl as api
from dartsl.lang.settings.values import SearchConfig

from .conftest import Dartsl, document


def test_every_setting_is_an_option(dartsl: Dartsl) -> None:
    text = dartsl("search", "--help").stdout
    for spec in fields(SearchConfig):
        assert f"--{spec.name.replace('_', '-')}" in text


def test_a_run_is_searched_drawn_and_derived(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    result = dartsl(
        "search", "good.darts", "--out", "run", "--set", "C=2", "--alphas-betas", "0.4,0.9", "--no-flip"
    )
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert record["settings"]["epochs"] == 1
    assert record["settings"]["alphas_betas"] == [0.4, 0.9]
    assert record["settings"]["batch"] == 8
    assert record["parameters"] == {"C": "2", "n": "1"}

    found = dartsl("derive", "run")
    assert found.stdout == (tmp_path / "run" / "found.darts").read_text()
    assert dartsl("derive", "run", "--epoch", "1", "-o", "again.darts").exit_code == 0
    assert dartsl("diff", "again.darts", "run/found.darts").exit_code == 0
    assert dartsl("derive", "run", "--epoch", "7").exit_code == 1

    assert "penwidth" in dartsl("draw", "run", "--epoch", "1").stdout
    assert dartsl("draw", "run", "-o", "run.svg").exit_code == 0
    assert dartsl("check", "run/found.darts").exit_code == 0
    again = dartsl("search", "good.darts", "--out", "run")
    assert again.exit_code == 1
    assert "exists" in again.stderr
    assert dartsl("search", "--resume", "run").exit_code == 0
    longer = dartsl("search", "--resume", "run", "--epochs", "2")
    assert longer.exit_code == 0
    assert "2 epochs in place of 1: from epoch 2 on" in longer.stdout
    assert json.loads((tmp_path / "run" / "run.json").read_text())["command"].endswith("--epochs 2")
    shorter = dartsl("search", "--resume", "run", "--epochs", "1")
    assert shorter.exit_code == 1
    assert "cannot end after 1 epoch" in shorter.stderr


def test_every_level_finds_the_same(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    found = []
    for level in "012":
        run = f"run{level}"
        result = dartsl(
            "search", "good.darts", f"-O{level}", "--dtype", "float64", "--set", "C=2", "--out", run
        )
        assert result.exit_code == 0, result.output
        assert json.loads((tmp_path / run / "run.json").read_text())["settings"]["optimise"] == int(level)
        found.append([json.loads(row) for row in (tmp_path / run / "history.jsonl").read_text().splitlines()])
    for rows in found[1:]:
        assert rows[0]["train_loss"] == pytest.approx(found[0][0]["train_loss"], rel=1e-9)
        assert rows[0]["validation_loss"] == pytest.approx(found[0][0]["validation_loss"], rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("good.darts", "-O3"), "'3' is not a whole number from 0 to 2"),
        ((), "Missing argument 'SPEC'"),
        (("good.darts", "--epochs", "0"), "'0' is not a whole number from 1"),
        (("good.darts", "--lr", "fast"), "'fast' is not a number above 0"),
        (("good.darts", "--lr", "1e300"), "a number above 0, and at most 1,000,000,000"),
        (("good.darts", "--lr", "9" * 400), "and at most 1,000,000,000"),
        (("good.darts", "--crop", "9" * 400), "is not a whole number from 0 to 256"),
        (("good.darts", "--cutout", "9" * 30), "is not a whole number from 0 to 1,000,000"),
        (("good.darts", "--order", "3"), "--order"),
        (("good.darts", "--target", "price"), "For columns of a table: --target-column."),
        (("good.darts", "--alphas-betas", "0.5,2"), "--alphas-betas"),
        (("good.darts", "--set", "D=1"), "no parameter `D`"),
        (("--resume", "."), "is not a run folder"),
        (("good.darts", "--resume", "."), "goes on with a run as it was started"),
        (("--resume", ".", "--lr", "3"), "only --device, --epochs and --plugin may be given with it"),
        (("--resume", "nowhere"), "nowhere"),
    ],
)
def test_search_refuses(dartsl: Dartsl, good: Path, arguments: tuple[str, ...], words: str) -> None:
    result = dartsl("search", *arguments)
    assert result.exit_code == (1 if arguments == ("--resume", ".") else 2)
    assert words in result.stderr


def test_a_network_without_a_choice_is_refused_before_its_data(dartsl: Dartsl) -> None:
    for options in ((), ("--data", "nowhere")):
        result = dartsl("search", "zoo/darts_v2", *options)
        assert result.exit_code == 1
        assert "offers no choice: there is nothing to search" in result.stderr


def test_derive_of_no_run(dartsl: Dartsl) -> None:
    assert dartsl("derive", "nowhere").exit_code == 2
    assert "not a run folder" in dartsl("derive", ".").stderr


def test_an_interrupted_search_leaves_by_130(
    dartsl: Dartsl, good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dartsl.api import searching

    stopped = SimpleNamespace(path=Path("run"), finished=False, init=None, found=None)
    monkeypatch.setattr(searching, "search", lambda *_, **__: stopped)
    assert dartsl("search", "good.darts").exit_code == 130


def test_quiet_prints_errors_alone(dartsl: Dartsl, good: Path) -> None:
    """Warnings and notes are none; a JSON document is what was asked for, and a fault leaves by the same code."""
    warned = good.read_text().replace("node   p, q : sum", "node   p, q, r : sum")
    good.write_text(warned.replace("  output", "  edge   p -> r : skip_connect\n  output"))
    loud = dartsl("search", "good.darts", "--workers", "1", "--out", "loud")
    assert "warning[W" in loud.stderr
    assert "note: the setting `workers` does nothing here" in loud.stdout
    quiet = dartsl("search", "good.darts", "--workers", "1", "--quiet", "--out", "run")
    assert (quiet.exit_code, quiet.stdout, quiet.stderr) == (0, "", "")
    assert (good.parent / "run" / "found.darts").read_text() == (
        good.parent / "loud" / "found.darts"
    ).read_text()
    again = dartsl("search", "--resume", "run", "-q", "--epochs", "2")
    assert (again.exit_code, again.stdout, again.stderr) == (0, "", "")
    trained = dartsl("train", "run", "-q", "--epochs", "1", "--seeds", "2", "--out", "seeds")
    assert (trained.exit_code, trained.stdout, trained.stderr) == (0, "", "")
    wrong = dartsl("search", "--resume", "run", "-q", "--epochs", "1")
    assert (wrong.exit_code, wrong.stdout) == (1, "")
    assert "cannot end after 1 epoch" in wrong.stderr
    as_json = dartsl("search", "good.darts", "-q", "--out", "other", "--format", "json")
    assert [each["severity"] for each in document(as_json)["diagnostics"]] == ["warning"]
    assert as_json.stderr == ""
    compared = dartsl("search", "good.darts", "-q", "--check-gradients")
    assert compared.exit_code == 2


# ------------------------------------------------------------------ Python API


def test_the_api_does_what_the_commands_do(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    assert api.parse("good.darts").version == 1
    assert list(api.check(good).networks) == ["small"]
    assert api.info("good.darts").space_size == 4
    assert api.compile("good.darts", parameters={"C": 2}).alphas["pair"].shape == (2, 2)
    result = api.search(good, tmp_path / "run", parameters={"C": 2}, seed=3)
    assert result.finished
    assert api.derive(result.path) == result.found
    assert api.draw(result.path).startswith("digraph")
    assert api.draw("good.darts", "x.svg") == (tmp_path / "x.dot").read_text()
    assert callable(api.search)


def test_the_api_takes_text(dartsl: Dartsl) -> None:
    spec = api.check(api.Source("text", "darts 1\nop f = relu > bn\n"))
    assert "f" in spec.operations


def test_the_api_refuses(dartsl: Dartsl, good: Path) -> None:
    with pytest.raises(api.UserError, match="no setting `epoch`"):
        api.search("good.darts", epoch=1)
    with pytest.raises(api.UserError, match="not a value for the setting `epochs`"):
        api.search("good.darts", epochs=0)
    with pytest.raises(api.SpecError):
        api.check(api.Source("text", "darts 1\nop f = g\n"))


def test_the_api_is_what_it_lists() -> None:
    assert all(hasattr(api, name) for name in api.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        _ = api.nothing  # type: ignore[attr-defined]


def test_gradients_are_compared_and_nothing_is_searched(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    result = dartsl("search", "good.darts", "--check-gradients", "--set", "C=2")
    assert result.exit_code == 0, result.output
    assert "finite difference" in result.stdout
    assert not (tmp_path / "runs").exists()
    for extra in (["--out", "run"], ["--order", "2"]):
        refused = dartsl("search", "good.darts", "--check-gradients", *extra)
        assert refused.exit_code == 2
        assert "leaves no run folder" in refused.stderr
    assert dartsl("search", "--resume", ".", "--check-gradients").exit_code == 2


def test_low_memory_and_bfloat16_are_settings(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    result = dartsl("search", "good.darts", "--memory", "low", "--amp", "--set", "C=2", "--out", "run")
    assert result.exit_code == 0, result.output
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    assert (settings["memory"], settings["amp"]) == ("low", True)
    refused = dartsl("search", "good.darts", "--amp", "--dtype", "float64")
    assert refused.exit_code == 2
    assert "does not go with dtype float64" in refused.stderr
