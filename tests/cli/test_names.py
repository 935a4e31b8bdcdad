"""Names of files and folders that are odd: bytes that are not UTF-8, signs of the terminal, too long, NUL."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest
from rich.console import Console

import dartsl as api
from dartsl.cli import app
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import SearchConfig, option_text, typed
from dartsl.run.notes import say_notes

from .conftest import Dartsl

ODD = os.fsdecode(b"f\xff")  # as Python has a name that is not UTF-8


@pytest.fixture
def odd(good: Path, tmp_path: Path) -> str:
    """The good spec under a name that is not UTF-8."""
    try:
        (tmp_path / f"{ODD}.darts").write_bytes(good.read_bytes())
    except OSError:
        pytest.skip("names are UTF-8 here")
    return f"{ODD}.darts"


def test_a_run_may_have_any_name(dartsl: Dartsl, odd: str, tmp_path: Path) -> None:
    assert dartsl("check", odd).exit_code == 0
    assert dartsl("fmt", odd).exit_code == 0
    assert dartsl("draw", odd, "-o", f"{ODD}.svg").exit_code == 0
    result = dartsl("search", odd, "--out", ODD, "--set", "C=2")
    assert result.exit_code == 0, result.output
    text = (tmp_path / ODD / "found.darts").read_text(encoding="utf-8")
    assert r"source   f\udcff.darts" in text
    assert dartsl("derive", ODD).stdout == text
    assert dartsl("derive", ODD, "-o", f"{ODD}2.darts").exit_code == 0
    assert dartsl("plot", ODD).exit_code == 0
    assert dartsl("search", "--resume", ODD).exit_code == 0
    trained = dartsl("train", ODD, "--epochs", "1", "--batch", "8", "--crop", "0", "--out", f"{ODD}3")
    assert trained.exit_code == 0, trained.output
    assert dartsl("eval", f"{ODD}3").exit_code == 0
    assert dartsl("export", f"{ODD}3", "--to", "safetensors", "-o", f"{ODD}.st").exit_code == 0
    assert (tmp_path / f"{ODD}.st").is_file()


def test_a_default_name_comes_from_an_odd_one(dartsl: Dartsl, odd: str, tmp_path: Path) -> None:
    assert dartsl("search", odd, "--set", "C=2").exit_code == 0
    assert (tmp_path / "runs" / ODD / "found.darts").is_file()


def test_what_cannot_be_written_under_an_odd_name_is_refused_first(
    dartsl: Dartsl, odd: str, tmp_path: Path
) -> None:
    pytest.importorskip("tensorboard")
    for command in (
        ("search", odd),
        ("search", "good.darts", "--out", ODD),
        ("train", "good.darts", "--out", ODD),
    ):
        result = dartsl(*command, "--tensorboard")
        assert result.exit_code == 1
        assert "TensorBoard cannot write in" in result.stderr
    assert not (tmp_path / ODD).exists()
    assert not (tmp_path / "runs").exists()


def test_a_title_is_taken_as_it_is(dartsl: Dartsl, good: Path, tmp_path: Path) -> None:
    assert dartsl("search", "good.darts", "--out", "run", "--set", "C=2").exit_code == 0
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    record["source"] = "a$x_{\x1b[31m\n\udcff中.darts"
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    assert dartsl("plot", "run").exit_code == 0
    derived = dartsl("derive", "run", "-o", "again.darts")
    assert derived.exit_code == 0
    assert dartsl("check", "again.darts").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "NAME"),
        ("info", "NAME"),
        ("draw", "NAME"),
        ("draw", "digits", "-o", "NAME.svg"),
        ("derive", "NAME"),
        ("plot", "NAME"),
        ("eval", "NAME"),
        ("train", "NAME"),
        ("import", "NAME"),
        ("export", "NAME", "--to", "genotype"),
        ("export", "zoo/darts_v2", "--to", "genotype", "-o", "NAME"),
        ("compile", "zoo/darts_v2", "-o", "NAME"),
        ("new", "NAME"),
        ("search", "good.darts", "--out", "NAME"),
        ("search", "good.darts", "--data", "NAME"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("name", ["n" * 300, "n" * 5000, "file/below", "loop/below"], ids=len)
def test_a_name_that_the_system_refuses(
    dartsl: Dartsl, good: Path, tmp_path: Path, arguments: tuple[str, ...], name: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    before = sorted(tmp_path.iterdir())
    result = dartsl(*(argument.replace("NAME", name) for argument in arguments))
    assert result.exit_code in (1, 2)
    assert "rror: " in result.stderr
    assert [path for path in sorted(tmp_path.iterdir()) if path.name != "runs"] == before


@pytest.mark.parametrize(
    "call",
    [
        lambda name: api.check(name),
        lambda name: api.draw("digits", f"{name}.svg"),
        lambda name: api.draw(name),
        lambda name: api.search("digits", name),
        lambda name: api.export("zoo/darts_v2", "genotype", name),
        lambda name: api.import_genotype(name),
        lambda name: api.derive(name),
        lambda name: api.plot(name),
    ],
)
@pytest.mark.parametrize("name", ["a\0b", "\ud800", "n" * 5000], ids=["nul", "surrogate", "long"])
def test_python_callers_get_the_same_error(call: Callable[[str], object], name: str) -> None:
    with pytest.raises(UserError):
        call(name)


def test_a_long_name_can_be_written(dartsl: Dartsl, tmp_path: Path) -> None:
    name = "n" * 240 + ".svg"
    assert dartsl("draw", "nasbench201", "-o", name).exit_code == 0
    assert (tmp_path / name).is_file()


def test_names_cannot_steer_the_terminal(dartsl: Dartsl) -> None:
    result = dartsl("check", "a\x1b[31m.darts")
    assert result.stderr.startswith(r"error: `a\x1b[31m.darts` is neither a file nor a shipped spec")


def test_standard_output_takes_any_name(odd: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="strict")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "argv", ["dartsl", "check", odd])
    with pytest.raises(SystemExit) as caught:
        app.main()
    stream.flush()
    assert caught.value.code == 0
    assert stream.buffer.getvalue().startswith(rb"f\udcff.darts: 0 errors")  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", ["text", "json"])
def test_a_reader_who_leaves_brings_no_traceback(kind: str) -> None:
    command = [sys.executable, "-m", "dartsl", "specs", "--format", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before anything is written
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_notes_on_data_cannot_steer_the_terminal() -> None:
    console = Console(file=io.StringIO(), force_terminal=False)
    say_notes(["classes a\x1b[31m and \udcff"], console)
    assert console.file.getvalue() == "note: classes a\\x1b[31m and \\udcff\n"  # type: ignore[attr-defined]


def test_names_of_columns_may_have_commas_and_line_ends(dartsl: Dartsl, good: Path) -> None:
    """In quotes, as a .csv file has them; what a run is asked for is written so, too."""
    column = next(each for each in fields(SearchConfig) if each.name == "target_column")
    for names in ((), ("a\nb",), ("a\rb", "c"), ("a,b", "c"), ('a"b',)):
        assert typed(column, option_text(names)) == names
    result = dartsl("search", "good.darts", "--target-column", "a\nb")
    assert result.exit_code == 2
    assert "is not a name without a line end" in result.output
