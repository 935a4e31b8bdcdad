"""Searches that end where `none` has won: what is found, and what is said first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import dartsl
from dartsl.cli import cli
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import SearchConfig
from dartsl.lang.syntax.loader import read
from dartsl.searching import loop
from tests.search.runs import quiet, run

pytestmark = pytest.mark.usefixtures("undrawn")

NONE, SKIP, NARROW = (
    [1.0, 0.2, 0.0],
    [0.0, 1.0, 0.2],
    [0.9, 0.2, 0.8],
)  # alphas; the last: `none`, but narrowly
WARNING = "the output of network `tiny` does not depend on its input"
CHANGED = "cell normal, edge n0 -> n1: narrow(3) (0.377) in place of none (0.416)"


@pytest.fixture
def ended(tiny: Path) -> Path:
    """The folder of a search of a space without `keep` that is over, its last alphas written anew."""
    spec = tiny.read_text().replace(" keep 1", "").replace("output concat(n0, n1)", "output n1")
    tiny.write_text(spec)
    path = run(tiny, "run", epochs=1, warmup=0).path
    normal = [SKIP, SKIP, NONE, NONE, NARROW]  # c0 > n0, c1 > n0, c0 > n1, c1 > n1, n0 > n1
    reduction = [NONE, SKIP, NONE, NONE, SKIP]  # it reads `normal` alone
    row = {"epoch": 1, "alphas": {"normal": normal, "reduction": reduction}}
    (path / "alphas.jsonl").write_text(json.dumps(row) + "\n")
    return path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, prog_name="dartsl")


def report(path: Path) -> list[str]:
    """What a search says at its end: it is over, so it reports again."""
    console = quiet()
    assert loop.resume(path, console=console).finished
    return console.file.getvalue().strip().splitlines()  # type: ignore[attr-defined, no-any-return]


def with_setting(path: Path, rule: str) -> None:
    record = json.loads((path / "run.json").read_text())
    record["settings"]["derive"] = rule
    (path / "run.json").write_text(json.dumps(record))


def test_a_search_says_first_what_it_changed(ended: Path) -> None:
    lines = report(ended)
    assert "would not depend on the input" in lines[0]
    assert lines[1].strip() == CHANGED
    found = (ended / "found.darts").read_text()
    assert f"# changed  {CHANGED}" in found.splitlines()
    assert not any(fault.title == WARNING for fault in check(read(str(ended / "found.darts"))).warnings)
    edges = [line.split()[1:6] for line in found.splitlines() if line.startswith("  edge") and "n1 " in line]
    assert ["n0", "->", "n1", ":", "narrow(3)"] in edges


def test_by_argmax_it_says_first_that_the_output_is_a_constant(ended: Path) -> None:
    with_setting(ended, "argmax")
    assert report(ended)[0] == f"warning: {WARNING}"
    assert check(read(str(ended / "found.darts"))).warnings[0].title == WARNING


def test_a_run_without_the_setting_is_derived_like_others(ended: Path) -> None:
    record = json.loads((ended / "run.json").read_text())
    del record["settings"]["derive"]
    (ended / "run.json").write_text(json.dumps(record))
    assert report(ended)[1].strip() == CHANGED


def test_derive_by_either_rule(ended: Path) -> None:
    connected = invoke("derive", str(ended))
    assert CHANGED in connected.stderr
    assert f"# changed  {CHANGED}" in connected.stdout
    plain = invoke("derive", str(ended), "--derive", "argmax")
    assert plain.stderr.splitlines()[0] == f"warning: {WARNING}"
    assert "# changed" not in plain.stdout
    assert dartsl.derive(ended) == connected.stdout
    assert dartsl.derive(ended, rule="argmax") == plain.stdout
    with pytest.raises(UserError, match="no rule `likely`"):
        dartsl.derive(ended, rule="likely")


@pytest.mark.parametrize("command", [["info"], ["train", "--data", "nowhere"], ["compile"], ["search"]])
def test_commands_say_it_first(ended: Path, command: list[str]) -> None:
    with_setting(ended, "argmax")
    report(ended)
    result = invoke(command[0], str(ended / "found.darts"), *command[1:])
    assert result.stderr.splitlines()[0] == f"warning[W0510]: {WARNING}"


def test_the_picture_and_the_curves_show_what_was_taken(ended: Path) -> None:
    from dartsl.run.folder import RunFolder
    from dartsl.searching.shares import cell_shares

    normal = next(cell for cell in cell_shares(RunFolder.open(ended)) if cell.name == "normal")
    last = normal.edges[-1]
    assert (last.name, last.kept, last.labels[last.strongest]) == ("n0 -> n1", True, "narrow(3)")
    assert last.lead == pytest.approx(0.377 - 0.416, abs=1e-3)
    assert "narrow(3)  0.38" in dartsl.draw(ended, cell="normal")


def test_the_rule_is_a_setting_of_the_spec_and_of_the_command(tiny: Path) -> None:
    assert SearchConfig().derive == "connected"
    tiny.write_text(tiny.read_text().replace("search {", 'search {\n  derive = "argmax"'))
    data, out = tiny.parent / "images.npz", tiny.parent / "run"
    result = invoke(
        *("search", str(tiny), "--epochs", "1", "--warmup", "0", "--data", str(data), "--out", str(out))
    )
    assert result.exit_code == 0
    assert json.loads((out / "run.json").read_text())["settings"]["derive"] == "argmax"
