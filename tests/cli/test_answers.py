"""What all commands share: where output goes, exit codes, suggestions, colour."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click
import pytest

from dartsl.cli import cli
from dartsl.cli.app import COMMANDS
from dartsl.cli.output import colour
from dartsl.cli.settings import joined_numbers

from .conftest import GOOD, Dartsl, document, result_of

FOLDERS = ("search", "train", "sweep")
FILES = (
    "new",
    "fmt",
    "draw",
    "compile",
    "latency",
    "sample",
    "derive",
    "plot",
    "compare",
    "import",
    "export",
    "report",
)


def command(name: str) -> click.Command:
    found = cli.get_command(click.Context(cli), name)
    assert found is not None
    return found


# ----------------------------------------------------------- options that all have


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_answers_in_json_and_writes_by_any_spelling(name: str) -> None:
    options = [set(param.opts) for param in command(name).params if isinstance(param, click.Option)]
    assert ({"--format"} in options) is (name != "lsp")  # which speaks to an editor
    outputs = [names for names in options if names & {"-o", "--output", "--out"}]
    assert outputs in ([], [{"-o", "--output", "--out"}])
    assert bool(outputs) == (name in (*FILES, *FOLDERS))


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished search of one epoch, in a folder whose name the shell would split."""
    import numpy as np
    from click.testing import CliRunner

    folder = tmp_path_factory.mktemp("answers")
    draws = np.random.default_rng(0)
    images = draws.integers(0, 256, (32, 8, 8), dtype=np.uint8)
    np.savez(
        folder / "tiny.npz",
        x_train=images,
        y_train=np.arange(32) % 10,
        x_test=images,
        y_test=np.arange(32) % 10,
    )
    (folder / "good.darts").write_text(GOOD)
    run = folder / "my run"
    arguments = ["search", str(folder / "good.darts"), "--data", str(folder / "tiny.npz"), "-o", str(run)]
    done = CliRunner().invoke(cli, [*arguments, "--format", "json"], prog_name="dartsl")
    assert done.exit_code == 0, done.output
    assert "epoch 1/1" in done.stderr
    found = json.loads(done.stdout)["result"]
    found_text = (run / "found.darts").read_text()
    assert found == {"run": str(run), "finished": True, "found": found_text, "init": None}
    return run


TEXTS = [
    ("new", "-o", "-"),
    ("fmt", "good.darts"),
    ("draw", "good.darts", "--to", "dot"),
    ("draw", "good.darts", "--to", "svg"),
    ("compile", "good.darts", "--emit", "graph"),
    ("import", "|none~0|+|none~0|none~1|+|skip_connect~0|none~1|none~2|"),
    ("export", "zoo/darts_v2", "--to", "genotype"),
]


@pytest.mark.parametrize("arguments", TEXTS, ids=lambda each: each[0])
@pytest.mark.parametrize("option", ["-o", "--output", "--out"])
def test_a_dash_is_standard_output(
    dartsl: Dartsl, good: Path, tmp_path: Path, arguments: tuple[str, ...], option: str
) -> None:
    before = set(tmp_path.iterdir())
    shown = dartsl(*arguments, option, "-")
    assert (shown.exit_code, shown.stderr) == (0, "")
    assert set(tmp_path.iterdir()) == before
    in_json = dartsl(*arguments, option, "-", "--format", "json")
    assert result_of(in_json) == {"text": shown.stdout}
    written = dartsl(*arguments, option, "into.txt")
    assert (written.exit_code, written.stdout) == (0, "")
    assert written.stderr.startswith("wrote into.txt") or arguments[1:] == ("good.darts",)
    if (tmp_path / "into.txt").exists():
        assert (tmp_path / "into.txt").read_text() == shown.stdout


def test_pictures_and_weights_on_standard_output(dartsl: Dartsl, good: Path, run_folder: Path) -> None:
    small = ("--set", "C=2", "--set", "n=1")
    weights = dartsl("export", "zoo/darts_v2", *small, "--to", "safetensors", "-o", "-")
    assert dartsl("export", "zoo/darts_v2", *small, "--to", "safetensors", "-o", "file").exit_code == 0
    from safetensors.torch import load

    shown, stored = load(weights.stdout_bytes), load(Path("file").read_bytes())
    assert shown.keys() == stored.keys()
    assert all(shown[name].equal(stored[name]) for name in shown)
    refused = dartsl("export", "zoo/darts_v2", *small, "--to", "safetensors", "-o", "-", "--format", "json")
    assert refused.exit_code == 2
    assert "binary" in document(refused)["diagnostics"][0]["title"]
    assert dartsl("draw", "good.darts", "--to", "png", "-o", "-").stdout_bytes.startswith(b"\x89PNG")
    assert dartsl("plot", str(run_folder), "-o", "-").stdout.startswith("<?xml")
    assert dartsl("plot", str(run_folder), "--to", "png", "-o", "-").stdout_bytes.startswith(b"\x89PNG")
    derived = dartsl("derive", str(run_folder), "-o", "-")
    assert derived.stdout == (run_folder / "found.darts").read_text()
    assert derived.stderr == ""


@pytest.mark.parametrize("name", FOLDERS)
def test_a_run_is_no_stream(dartsl: Dartsl, good: Path, name: str) -> None:
    refused = dartsl(name, "good.darts", "--out", "-")
    assert refused.exit_code == 2
    assert "a run is a folder" in refused.stderr


def test_new_into_a_file_of_any_name(dartsl: Dartsl, tmp_path: Path) -> None:
    assert dartsl("new", "-o", "my space.txt").stderr == (
        "wrote my space.txt; now `dartsl check 'my space.txt'`, or `dartsl search 'my space.txt'`\n"
    )
    assert dartsl("new", "mine", "-o", "my space.txt").exit_code == 1
    assert dartsl("new").exit_code == 2
    assert [path.name for path in tmp_path.iterdir()] == ["my space.txt"]


# --------------------------------------------------------------------- run folders


def test_a_run_stands_for_what_it_has_found(dartsl: Dartsl, run_folder: Path, tmp_path: Path) -> None:
    found = str(run_folder / "found.darts")
    assert dartsl("check", str(run_folder)).stdout == f"{found}: 0 errors, 0 warnings, 3 edges\n"
    printed = dartsl("info", str(run_folder), "--memory", "none").stdout
    assert printed == dartsl("info", found, "--memory", "none").stdout
    assert "decided" in printed
    assert dartsl("diff", str(run_folder), found).stdout == "cell pair: the same\n"
    differs = dartsl("diff", str(run_folder), "zoo/darts_v1")
    assert differs.exit_code == 1
    assert f"cell pair: only in {found}\n" in differs.stdout


def test_an_unfinished_run_stands_for_its_spec(dartsl: Dartsl, run_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(run_folder, tmp_path / "half", ignore=shutil.ignore_patterns("found.*"))
    assert dartsl("check", "half").stdout == "half/spec.darts: 0 errors, 0 warnings, 3 edges\n"
    assert "searched edges 2" in dartsl("info", "half", "--memory", "none").stdout
    assert dartsl("diff", "half", "half/spec.darts").exit_code == 0


@pytest.mark.parametrize("name", ["check", "info"])
def test_a_folder_that_is_no_run(dartsl: Dartsl, tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    for given in ("empty", ".", ""):
        refused = dartsl(name, given)
        assert refused.exit_code == 2
        assert refused.stderr.startswith("error: ")


# -------------------------------------------------------------------------- hints


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (("search", "good.darts", "--out", "my run"), "--resume 'my run'"),
        (("train", "good.darts", "--out", "my run", "--seeds", "2"), "--resume 'my run'"),
        (("train", "good.darts"), "`dartsl search good.darts`"),
        (("train", "its space.darts"), "`dartsl search 'its space.darts'`"),
        (("train", "half run"), "dartsl search --resume 'half run'"),
        (("eval", "my run"), "`dartsl train 'my run'`"),
        (("export", "my run", "--to", "onnx", "-o", "x"), "dartsl train 'my run'"),
        (("plot", "no epoch"), "dartsl search --resume 'no epoch'"),
        (("derive", "no epoch"), "dartsl search --resume 'no epoch'"),
        (("search", "--resume", "on a gpu"), "`dartsl search --resume 'on a gpu' --device cpu`"),
    ],
)
def test_hints_are_quoted_for_the_shell(
    dartsl: Dartsl, good: Path, run_folder: Path, tmp_path: Path, arguments: tuple[str, ...], hint: str
) -> None:
    (tmp_path / "its space.darts").write_text(GOOD)
    shutil.copytree(run_folder, tmp_path / "my run")
    shutil.copytree(run_folder, tmp_path / "half run", ignore=shutil.ignore_patterns("found.*"))
    shutil.copytree(run_folder, tmp_path / "no epoch")
    for name in ("history.jsonl", "alphas.jsonl"):
        (tmp_path / "no epoch" / name).write_text("")
    shutil.copytree(run_folder, tmp_path / "on a gpu")
    record = json.loads((run_folder / "run.json").read_text())
    record["settings"]["device"] = "cuda"
    (tmp_path / "on a gpu" / "run.json").write_text(json.dumps(record))
    refused = dartsl(*arguments)
    assert refused.exit_code == 1
    assert hint in refused.stderr


# ----------------------------------------------------------------------- exit codes


@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if name not in ("specs", "methods", "help", "explain", "lsp")]
)
def test_wrong_use_is_2_in_every_command(dartsl: Dartsl, name: str) -> None:
    for arguments in ((), ("--no-such-option",), ("nowhere", "--format", "json", "--no-such-option")):
        assert dartsl(name, *arguments).exit_code == 2


MISSING = [
    name
    for name in COMMANDS
    if name not in ("specs", "help", "explain", "completion", "new", "import", "diff", "export", "sample")
]


@pytest.mark.parametrize("name", MISSING)
def test_what_is_not_there_is_wrong_use(dartsl: Dartsl, name: str) -> None:
    refused = dartsl(name, "nowhere")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "nowhere" in refused.stderr


@pytest.mark.parametrize("name", ["check", "fmt", "info", "draw", "compile", "bench", "search", "train"])
def test_a_fault_in_a_spec_is_1(dartsl: Dartsl, tmp_path: Path, name: str) -> None:
    (tmp_path / "bad.darts").write_text("darts 1\nop f = (relu\n")
    refused = dartsl(name, "bad.darts", "--format", "json")
    assert refused.exit_code == 1
    assert refused.stderr == ""
    assert document(refused)["diagnostics"][0]["code"].startswith("E01")


@pytest.mark.parametrize(
    ("first", "code"), [("good.darts", 0), ("zoo/darts_v1", 1), ("bad.darts", 2), ("nowhere", 2)]
)
def test_diff_has_three_ends(dartsl: Dartsl, good: Path, bad: Path, first: str, code: int) -> None:
    assert dartsl("diff", first, "good.darts").exit_code == code
    assert dartsl("diff", "good.darts", first).exit_code == code


# --------------------------------------------------------------- suggestions and help


@pytest.mark.parametrize(("typed", "meant"), [("serach", "search"), ("chek", "check"), ("evall", "eval")])
def test_commands_are_suggested(dartsl: Dartsl, typed: str, meant: str) -> None:
    for arguments in ((typed,), ("help", typed)):
        refused = dartsl(*arguments)
        assert refused.exit_code == 2
        assert f"No such command '{typed}'. Did you mean '{meant}'?" in refused.stderr
    assert "'dartsl --help' lists them" in dartsl("xyzzy").stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_a_command_too(dartsl: Dartsl, name: str) -> None:
    assert dartsl("help", name).stdout == dartsl(name, "--help").stdout
    assert dartsl("help").stdout == dartsl("--help").stdout


def test_version_has_a_letter(dartsl: Dartsl) -> None:
    assert dartsl("-V").stdout == dartsl("--version").stdout != ""


# ------------------------------------------------------------------------- settings


@pytest.mark.parametrize("typed", [("0.5", "0.9"), ("0.5,0.9",), ("0.5,", "0.9"), ("0.5, 0.9",)])
def test_lists_of_numbers_are_typed_either_way(dartsl: Dartsl, good: Path, typed: tuple[str, ...]) -> None:
    assert dartsl("search", "--alphas-betas", *typed, "good.darts", "--out", "run").exit_code == 0
    assert json.loads(Path("run/run.json").read_text())["settings"]["alphas_betas"] == [0.5, 0.9]


def test_numbers_join_only_after_their_option() -> None:
    lists = {"--b"}
    assert joined_numbers(["--b=0.5", "0.9", "x"], lists) == ["--b=0.5,0.9", "x"]
    assert joined_numbers(["1", "--lr", "2", "3"], lists) == ["1", "--lr", "2", "3"]
    assert joined_numbers(["--b", "x", "1"], lists) == ["--b", "x", "1"]
    assert joined_numbers(["--b"], lists) == ["--b"]


def test_a_list_of_the_wrong_length_is_explained(dartsl: Dartsl, good: Path) -> None:
    refused = dartsl("search", "good.darts", "--alphas-betas", "0.5")
    assert refused.exit_code == 2
    assert "'0.5' is not 2 numbers" in refused.stderr


# --------------------------------------------------------------------------- colour

UNSET = {"NO_COLOR": "", "FORCE_COLOR": "", "TERM": "xterm"}


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, None),
        ({"NO_COLOR": "1"}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
        ({"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colour(
    dartsl: Dartsl,
    bad: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    wanted: bool | None,
) -> None:
    for name, value in {**UNSET, **environment}.items():
        monkeypatch.setenv(name, value)
    assert colour() is wanted
    outputs = [
        dartsl("check", "bad.darts").stdout,
        dartsl("info", "bad.darts").stderr,
        dartsl("info", "nowhere").stderr,
        dartsl("diff", "zoo/darts_v1", "zoo/darts_v2").stdout,
    ]
    assert ["\x1b[" in text for text in outputs] == [wanted is True] * 4


def test_a_forced_colour_makes_no_bar(dartsl: Dartsl, good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = dartsl("search", "good.darts", "--out", "run").stdout
    assert shown.startswith("epoch 1/1  ")
