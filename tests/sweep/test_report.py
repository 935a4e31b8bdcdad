"""`dartsl report` and `dartsl.report`: Markdown and JSON of a sweep."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import dartsl
from dartsl.cli import cli
from dartsl.lang.codes.diagnostics import UserError
from dartsl.sweeping.folder import SweepFolder
from dartsl.sweeping.markdown import escaped
from dartsl.sweeping.wording import clock, difference, figure, large, probability, spread
from tests.conftest import Golden
from tests.sweep.fakes import BETTER, Figures, faked
from tests.sweep.tiny import TINY

GOLDEN = Path(__file__).parent / "golden"
ERROR, PERPLEXITY = "test error", "test perplexity"
SEVERAL: Figures = {
    "darts-warmup-0": {0: 100, 1: 100},
    "darts-warmup-1": {0: 90, 1: 95},
    "random": {0: 100, 1: 100},
}
EQUAL: Figures = {arm: {0: 100, 1: 100, 2: 100} for arm in ("darts", "random", "random_at_cost")}


def reported(made: SweepFolder, **options: Any) -> str:
    """A report without the names of this test's folder."""
    return dartsl.report(made.path, **options).replace(str(made.path.parent), "FOLDER")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["report", *map(str, arguments)], prog_name="dartsl")


def test_a_finished_sweep(better: SweepFolder, golden: Golden) -> None:
    golden(GOLDEN / "report.md", reported(better))


def test_an_unfinished_one_with_recipes(tmp_path: Path, golden: Golden) -> None:
    asked = {"vary": {"warmup": ["0", "1"]}, "recipes": {"lr": [0.1, 0.2]}, "seeds": 2, "random": 2}
    made = faked(tmp_path, SEVERAL, select="search", random_at_cost=0, epochs=2, **asked)
    for name in ("train/random/1/lr-0.2", "train/darts-warmup-1/0/lr-0.2"):
        (made.path / name / "result.json").unlink()
    made.note(made.plan.job("train/random/1/lr-0.2"), 1, 0.0)
    golden(GOLDEN / "unfinished.md", reported(made, times=False))


def test_a_space_whose_cells_are_all_equal_says_that_nothing_was_found(tmp_path: Path) -> None:
    text = reported(faked(tmp_path, EQUAL))
    assert "* Nothing was found: all 7 trained architectures have the same test error, 10.00 %.\n" in text
    assert "better" not in text
    assert "nan" not in text.lower()


def test_text_is_reported_in_perplexities(tmp_path: Path) -> None:
    text = reported(faked(tmp_path, BETTER, of="text"))
    assert "its mean test perplexity is lower by 30.000" in text
    assert "points" not in text
    assert "| darts | 3 of 3 | 1 | 100.000 ± 5.774 |" in text


def test_numbers_are_reported_in_mean_squared_errors(tmp_path: Path) -> None:
    """Lower is better, on each page; the sweep and its trainings have the loss of its searches."""
    figures: Figures = {arm: {n: each / 200 for n, each in by.items()} for arm, by in BETTER.items()}
    spec = TINY.replace("darts 1", "darts 2").replace("linear(3)", "linear(1)")
    made = faked(tmp_path, figures, of="numbers", spec=spec.replace("search {", 'search {\n  loss = "mse"'))
    text = reported(made)
    assert "its mean test mean squared error is lower by 0.150" in text
    assert "| darts | 3 of 3 | 1 | 0.500 ± 0.029 |" in text
    assert "points" not in text
    page = dartsl.report(made.path, format="html")
    assert "mean squared error" in page
    assert "accuracy" not in page
    assert made.plan.protocol.train["loss"] == "mse"


def test_json_is_what_markdown_says(better: SweepFolder) -> None:
    found = json.loads(dartsl.report(better.path, format="json"))
    assert found["format"] == 1
    row = found["tables"][0]["rows"][0]
    assert row["difference"]["mean"] == pytest.approx(-0.03)
    text = dartsl.report(better.path)
    assert all(f"* {verdict}\n" in text for verdict in found["tables"][0]["verdicts"])


@pytest.mark.parametrize("format", ["markdown", "json"])
def test_without_times_seconds_change_nothing(better: SweepFolder, tmp_path: Path, format: str) -> None:
    shutil.copytree(better.path, tmp_path / "other")
    other = SweepFolder.open(tmp_path / "other")
    other.note(other.plan.job("search/darts/0"), 130, 3.0)
    report = partial(dartsl.report, format=format)
    assert report(other.path, times=False) == report(better.path, times=False)
    assert report(other.path) != report(better.path)


def test_markup_in_names_is_text() -> None:
    assert escaped("a|b\n<i>`#_*[x]") == r"a\|b \<i\>\`\#\_\*\[x\]"
    assert escaped("weight_decay _x_ __x") == r"weight_decay \_x\_ \_\_x"


def test_the_command_writes_what_the_function_gives(better: SweepFolder, tmp_path: Path) -> None:
    for name, options in (
        ("report.md", ()),
        ("report.json", ()),
        ("report", ("--format", "markdown", "--no-times")),
    ):
        file = tmp_path / name
        done = run(better.path, "-o", file, *options)
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", f"wrote {file}\n")
        kind = "json" if name.endswith(".json") else "markdown"
        assert file.read_text() == dartsl.report(better.path, format=kind, times=not options)
    assert run(better.path).stdout == dartsl.report(better.path)


def test_the_command_answers_in_json(better: SweepFolder, tmp_path: Path) -> None:
    found = json.loads(run(better.path, "--format", "json").stdout)
    assert found["result"] == json.loads(dartsl.report(better.path, format="json"))
    file = tmp_path / "report.json"
    found = json.loads(run(better.path, "--format", "json", "-o", file).stdout)
    assert found["result"] == {"written": [str(file)]}
    assert json.loads(file.read_text())["format"] == 1


def test_wrong_use_is_refused(better: SweepFolder, tmp_path: Path) -> None:
    refused = run(better.path, "-o", tmp_path / "report.md", "--format", "json")
    assert (refused.exit_code, refused.stderr) != (0, "")
    assert "is the name of a file in the format markdown, not json" in refused.output
    assert not (tmp_path / "report.md").exists()
    with pytest.raises(UserError, match="no format `pdf`"):
        dartsl.report(better.path, format="pdf")
    done = run(tmp_path)
    assert done.exit_code == 1
    assert "is not the folder of a sweep" in done.stderr


def test_figures_in_words() -> None:
    assert figure(0.02756, ERROR) == "2.76 %"
    assert figure(61.2345, PERPLEXITY) == "61.234"
    assert figure(None, ERROR) == "-"
    assert difference(-0.007, ERROR) == "-0.70 points"
    assert difference(0.00001, ERROR) == difference(-0.00001, ERROR) == "0.00 points"
    assert difference(1.5, PERPLEXITY) == "+1.500"
    assert spread(0.1, 0.01, ERROR) == "10.00 ± 1.00 %"
    assert spread(0.1, None, ERROR) == "10.00 %"
    assert [probability(p) for p in (None, 0.0004, 0.0123)] == ["-", "< 0.001", "0.012"]
    assert [large(x) for x in (None, 999, 12_345, 1.234e6, 4.56e9, 7.89e12)] == [
        "-", "999", "12,345", "1.23 M", "4.56 G", "7.89 T",
    ]  # fmt: skip
    assert [clock(x) for x in (12.34, 65, 7384)] == ["12.3 s", "1 min 05 s", "2 h 03 min"]


def test_a_verdict_over_some_of_the_pairs_says_so(tmp_path: Path) -> None:
    figures: Figures = {
        "darts": {0: 60, 1: 65, 2: 61},
        "random": {0: 100, 1: 104},
        "random_at_cost": {0: 100, 1: 100, 2: 100},
    }
    text = reported(faked(tmp_path, figures))
    assert "over the 2 pairs that are there its mean test error is lower by " in text
