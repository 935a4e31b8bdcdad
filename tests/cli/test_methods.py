"""`dartsl methods`, and the option `--method`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from dartsl.cli import cli
from dartsl.lang.settings.presets import PRESETS
from tests.conftest import Golden

from .conftest import Dartsl, document, result_of

HERE = Path(__file__).parent / "golden"


def completed(*args: str, incomplete: str) -> list[str]:
    items = ShellComplete(cli, {}, "dartsl", "_DARTSL_COMPLETE").get_completions(list(args), incomplete)
    return [item.value for item in items]


def test_the_list(dartsl: Dartsl, golden: Golden) -> None:
    golden(HERE / "methods.txt", dartsl("methods").stdout)
    listed = result_of(dartsl("methods", "--format", "json"))["methods"]
    assert [each["name"] for each in listed] == list(PRESETS)
    assert set(listed[0]) == {"name", "about", "source", "passes"}


def test_their_blocks(dartsl: Dartsl, golden: Golden) -> None:
    golden(HERE / "methods_blocks.txt", "\n".join(dartsl("methods", name).stdout for name in PRESETS))
    (one,) = result_of(dartsl("methods", "sdarts_rs", "--format", "json"))["methods"]
    assert one["text"] + "\n" == dartsl("methods", "sdarts_rs").stdout
    assert (one["settings"]["epsilon"], one["settings"]["epochs"]) == ("toward(0.03, 0.3)", 50)


def test_an_unknown_one(dartsl: Dartsl) -> None:
    result = dartsl("methods", "fair-darts")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == "error: there is no method `fair-darts`\n  = help: did you mean `fair_darts`?\n"
    assert dartsl("methods", "x").stderr.endswith("`dartsl methods` lists them\n")
    (fault,) = document(dartsl("methods", "x", "--format", "json"))["diagnostics"]
    assert fault["title"] == "there is no method `x`"


def test_names_are_completed() -> None:
    assert completed("methods", incomplete="fair") == ["fair_darts"]
    assert completed("search", "digits", "--method", incomplete="fair") == ["fair_darts"]
    assert completed("methods", incomplete="") == list(PRESETS)


def test_a_search_by_its_name_records_all_settings(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    result = dartsl(
        "search", "good.darts", "--method", "fair_darts", "--lr", "0.1", "--set", "C=2", "-o", "run"
    )
    assert result.exit_code == 0, result.output
    settings = json.loads((tmp_path / "run" / "run.json").read_text())["settings"]
    found = {name: settings[name] for name in ("method", "relaxation", "derive", "lr", "batch", "alphas_lr")}
    assert found == {
        "method": "fair_darts",
        "relaxation": "sigmoid",
        "derive": "threshold",
        "lr": 0.1,  # the option's
        "batch": 8,  # the spec's
        "alphas_lr": 0.003,  # the method's
    }
    refused = dartsl("search", "good.darts", "--method", "fair")
    assert refused.exit_code == 2
    assert "'fair' is not \"darts\"" in refused.stderr


@pytest.mark.parametrize(
    ("option", "given", "meant"),
    [("--method", "dart", "darts"), ("--penalty", "beta_decay,kll", "kl"), ("--method", "xyz", None)],
)
def test_a_misspelt_name(dartsl: Dartsl, option: str, given: str, meant: str | None) -> None:
    result = dartsl("search", "digits", option, given)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}': '{given}' is not " in result.stderr
    assert result.stderr.rstrip().endswith(f"Did you mean '{meant}'?") == (meant is not None)
