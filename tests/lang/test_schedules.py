"""Numbers that change from epoch to epoch: their values, how they are written, and what is none."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner

import dartsl
from dartsl.cli import cli
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import Source
from dartsl.lang.records.inputs import Images
from dartsl.lang.settings.schedules import Schedule
from dartsl.lang.settings.values import search_config
from dartsl.run.folder import RunFolder

SPEC = """darts 1
import "std/cnn"
cell normal {{
  input  a : preprocess
  node   n : sum keep 1
  edge   a -> n : identity | relu > conv(3) > bn
  output n
}}

network small(C = 2) {{
  input image(1, 8, 8)
  stem  conv(3) > bn
  stage normal width C
  head  global_avg_pool > linear(10)
}}

search {{ {settings} }}
"""


def fault(settings: str) -> Diagnostic:
    with pytest.raises(dartsl.SpecError) as caught:
        dartsl.check(Source("test.darts", SPEC.format(settings=settings)))
    (found,) = caught.value.diagnostics
    return found


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("linear(10, 0.1)", [10 - 9.9 * e / 4 for e in range(5)]),
        ("cosine(1, 0.2)", [0.2 + 0.4 * (1 + math.cos(math.pi * e / 4)) for e in range(5)]),
        ("exp(8, 0.5)", [8, 4, 2, 1, 0.5]),
        ("toward(0.03, 0.3)", [0.03 + 0.27 * e / 5 for e in range(5)]),
        ("3", [3, 3, 3, 3, 3]),
    ],
)
def test_values_over_the_epochs_of_a_run(text: str, values: list[float]) -> None:
    schedule = Schedule.read(text)
    assert [schedule.at(epoch, 5) for epoch in range(5)] == pytest.approx(values, rel=1e-14)
    assert schedule.at(0, 1) == pytest.approx(values[0])
    if not text.startswith("toward"):  # the whole way, in however many epochs
        assert schedule.at(99, 100) == pytest.approx(values[-1], rel=1e-12)
    assert Schedule.read(str(schedule)) == schedule


@pytest.mark.parametrize("shape", ["linear", "cosine", "exp", "toward"])
@pytest.mark.parametrize(
    ("first", "last"), [(1e9, 1e-9), (10.0, 0.1), (0.03, 1.0), (1e-300, 1e9), (0.1, 0.1)]
)
def test_rounding_does_not_leave_the_bounds(shape: str, first: float, last: float) -> None:
    """A temperature above 0 at both ends is above 0 in between, an epsilon of at most 1 is at most 1."""
    values = [Schedule.of(shape, first, last).at(epoch, 7) for epoch in range(7)]
    assert all(min(first, last) <= value <= max(first, last) for value in values)
    assert values[0] == pytest.approx(first, rel=1e-14, abs=2e-7)
    assert shape == "toward" or values[-1] == pytest.approx(last, rel=1e-14, abs=2e-7)


def test_a_wide_exponential_has_one_factor() -> None:
    values = [Schedule.of("exp", 1e-300, 1e9).at(epoch, 4) for epoch in range(4)]
    assert [b / a for a, b in pairwise(values)] == pytest.approx([1e103] * 3, rel=1e-9)


def test_they_are_written_shortly() -> None:
    assert str(Schedule.of("linear", 10, 1e-7)) == "linear(10, 1e-07)"
    assert str(Schedule.read(" cosine( 1,2.50 ) ")) == "cosine(1, 2.5)"
    assert str(Schedule.constant(4)) == "4"


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (
            "linear(10)",
            "this must be a number, `linear(a, b)`, `cosine(a, b)`, `exp(a, b)` or `toward(a, b)`",
        ),
        (
            "linaer(10, 1)",
            "this must be a number, `linear(a, b)`, `cosine(a, b)`, `exp(a, b)` or `toward(a, b)`",
        ),
        ("exp(1, -2)", "this must be `exp(a, b)` of two numbers above 0"),
        ("linear(10, 0)", "this must be a number above 0"),
        ("0", "this must be a number above 0"),
        ('"linear(10, 1)"', "this must be written without quotes"),
    ],
)
def test_what_is_no_schedule_is_shown_where_it_is(value: str, label: str) -> None:
    found = fault(f"temperature = {value}")
    assert (found.code, found.primary.text) == ("E0603", label)
    assert found.primary.span.text == value
    assert found.help in (
        "write `temperature = linear(10, 1)`",
        "temperature: temperature of a relaxation that draws",
    )


@pytest.mark.parametrize("setting", ["lr", "epochs", "data", "flip", "order", "relaxation", "alphas_betas"])
def test_other_settings_take_none(setting: str) -> None:
    found = fault(f"{setting} = linear(2, 1)")
    assert (found.code, found.primary.span.text) == ("E0603", "linear(2, 1)")


@pytest.mark.parametrize(
    ("value", "title", "help"),
    [
        ("linear", "unexpected `linear`", "a schedule has two numbers in parentheses: `linear(10, 0.1)`"),
        ("linear 3", "unexpected `linear`", "a schedule has two numbers in parentheses: `linear(10, 0.1)`"),
        ('linear(1, "a")', 'unexpected `"a"`', None),
        ("[linear(1, 2)]", "unexpected `linear`", None),
    ],
)
def test_slips(value: str, title: str, help: str | None) -> None:
    found = fault(f"temperature = {value}")
    assert (found.code, found.title) == ("E0100", title)
    assert help is None or found.help == help


def test_it_is_formatted(tmp_path: Path) -> None:
    """The network of the spec has a layer of the same name."""
    path = tmp_path / "test.darts"
    path.write_text(SPEC.format(settings="temperature=linear( 8,0.50, )  epochs = 2"))
    assert dartsl.check(path).search == {"temperature": Schedule(8, 0.5, "linear"), "epochs": 2}
    assert CliRunner().invoke(cli, ["fmt", str(path)]).exit_code == 0
    assert "  temperature = linear(8, 0.50)\n  epochs      = 2\n" in path.read_text()


def test_a_value_may_come_from_anywhere() -> None:
    wanted = Schedule(8, 0.5, "exp")
    for value in ("exp(8, 0.5)", wanted):
        assert search_config(Images, {"temperature": value}).temperature == wanted
    assert search_config(Images, {"temperature": 3}).temperature == Schedule.constant(3)
    for bad in ("nan", "linear(1, inf)", "exp(8)", True, None, "soon", -1, "linear(1, 1e10)"):
        with pytest.raises(ValueError, match="number"):
            search_config(Images, {"temperature": bad})


def test_options_and_runs_have_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("test.darts").write_text(
        SPEC.format(
            settings='relaxation = "gumbel"  data = "digits"  epochs = 3  batch = 800  temperature = 2'
        )
    )
    arguments = ["search", "test.darts", "--temperature", "linear(4, 1)", "--out", "run", "--format", "json"]
    given = CliRunner().invoke(cli, arguments)
    assert given.exit_code == 0, given.output
    assert json.loads(Path("run/run.json").read_text())["settings"]["temperature"] == "linear(4, 1)"
    history = RunFolder.open(Path("run")).history()
    assert [row["schedules"] for row in history] == [{"temperature": value} for value in (4.0, 2.5, 1.0)]
    assert dartsl.plot("run").read_text().count("temperature") > 0
    assert "temperature 1.000" in given.output + given.stderr
    assert dartsl.resume("run", epochs=4).finished
    assert RunFolder.open(Path("run")).history()[3]["schedules"] == {"temperature": 1.0}
    refused = CliRunner().invoke(cli, ["search", "test.darts", "--temperature", "linear(4)"])
    assert (refused.exit_code, "'linear(4)' is not a number, `linear(a, b)`" in refused.output) == (2, True)
    assert "does nothing here" not in given.output + given.stderr


def test_the_shell_completes_it() -> None:
    from click.shell_completion import BashComplete

    for words, found in {
        ("--temperature", "li"): ["linear("],
        ("--relaxation", "gum"): ["gumbel", "gumbel_hard"],
        ("--penalty", "entropy,ent"): [],
        ("--penalty", "kl,z"): ["kl,zero_one"],
    }.items():
        completion = BashComplete(cli, {}, "dartsl", "_DARTSL_COMPLETE")
        items = completion.get_completions(["search", "digits", words[0]], words[1])
        assert [item.value for item in items] == found
