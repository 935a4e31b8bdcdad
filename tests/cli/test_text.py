"""check, fmt, explain, specs, new, completion, and what mistakes look like."""

from __future__ import annotations

from pathlib import Path

import pytest

from dartsl.cli import cli
from dartsl.cli.app import COMMANDS
from dartsl.lang.syntax.resources import shipped_specs

from .conftest import GOOD, Dartsl, document, result_of


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example(dartsl: Dartsl, name: str) -> None:
    result = dartsl(name, "--help")
    assert result.exit_code == 0
    assert "Example" in result.stdout
    assert f"dartsl {name}" in result.stdout


def test_version(dartsl: Dartsl) -> None:
    assert "version" in dartsl("--version").stdout


def test_an_unknown_command_is_wrong_use(dartsl: Dartsl) -> None:
    assert dartsl("chek").exit_code == 2


# ----------------------------------------------------------------------- check


def test_check_of_a_good_spec(dartsl: Dartsl, good: Path) -> None:
    result = dartsl("check", "good.darts")
    assert result.exit_code == 0
    assert result.stdout == "good.darts: 0 errors, 0 warnings, 3 edges\n"


def test_check_of_a_bad_spec_shows_every_fault(dartsl: Dartsl, bad: Path) -> None:
    result = dartsl("check", "bad.darts")
    assert result.exit_code == 1
    assert result.stdout.count("error[E0201]") == 2
    assert "did you mean `skip_connect`?" in result.stdout
    assert "bad.darts: 2 errors, 0 warnings" in result.stdout


def test_check_of_several_files_as_json(dartsl: Dartsl, good: Path, bad: Path) -> None:
    result = dartsl("check", "--format", "json", "good.darts", "bad.darts")
    assert result.exit_code == 1
    found = document(result)
    first, second = found["result"]["files"]
    assert first == {"file": "good.darts", "errors": 0, "warnings": 0, "edges": 3, "layers": 0, "nodes": 0}
    assert second["errors"] == 2
    faults = [(fault["code"], fault["primary"]["file"]) for fault in found["diagnostics"]]
    assert faults == [("E0201", "bad.darts")] * 2


def test_check_reads_stdin_and_shipped_names(dartsl: Dartsl) -> None:
    assert dartsl("check", "-", input=GOOD).exit_code == 0
    assert dartsl("check", "zoo/darts_v2").exit_code == 0


def test_check_of_what_is_no_text(dartsl: Dartsl, tmp_path: Path) -> None:
    (tmp_path / "binary.darts").write_bytes(b"darts 1\n\xff")
    result = dartsl("check", "--format", "json", "binary.darts")
    assert result.exit_code == 1
    assert [fault["code"] for fault in document(result)["diagnostics"]] == ["E0106"]


def test_check_of_what_is_not_there(dartsl: Dartsl) -> None:
    result = dartsl("check", "nothing.darts")
    assert result.exit_code != 0
    assert result.stderr.startswith("error: ")
    assert "nothing.darts" in result.stderr
    nameless = dartsl("check", "")
    assert nameless.exit_code == 2
    assert "name of a spec is empty" in nameless.stderr


# ------------------------------------------------------------------------- fmt


def test_fmt_rewrites_a_file_once(dartsl: Dartsl, tmp_path: Path) -> None:
    path = tmp_path / "ugly.darts"
    path.write_bytes(b"darts 1\r\nop  f =relu>bn # why\r\n")
    assert dartsl("fmt", "--check", "ugly.darts").exit_code == 1
    assert dartsl("fmt", "ugly.darts").exit_code == 0
    text = path.read_bytes()
    assert text == b"darts 1\n\nop f = relu > bn  # why\n"
    assert dartsl("fmt", "--check", "ugly.darts").exit_code == 0
    assert dartsl("fmt", "ugly.darts").stderr == ""


def test_fmt_shows_a_diff(dartsl: Dartsl, tmp_path: Path) -> None:
    (tmp_path / "ugly.darts").write_text("darts 1\nop f = relu>bn\n")
    result = dartsl("fmt", "--diff", "ugly.darts")
    assert result.exit_code == 0
    assert "-op f = relu>bn\n" in result.stdout
    assert "+op f = relu > bn\n" in result.stdout
    assert (tmp_path / "ugly.darts").read_text() == "darts 1\nop f = relu>bn\n"
    assert dartsl("fmt", "--check", "--diff", "ugly.darts").exit_code == 1


def test_fmt_from_stdin_to_stdout(dartsl: Dartsl) -> None:
    result = dartsl("fmt", "-", input="darts 1\nop f=relu>bn")
    assert result.stdout == "darts 1\n\nop f = relu > bn\n"


def test_fmt_upgrades(dartsl: Dartsl, tmp_path: Path) -> None:
    path = tmp_path / "old.darts"
    path.write_text("darts 1  # mine\nop f=relu>bn\n")
    assert dartsl("fmt", "--upgrade", "--check", "old.darts").exit_code == 1
    assert "+darts 2  # mine\n" in dartsl("fmt", "--upgrade", "--diff", "old.darts").stdout
    assert (
        dartsl("fmt", "--upgrade", "-", input=path.read_text()).stdout
        == "darts 2  # mine\n\nop f = relu > bn\n"
    )
    upgraded = dartsl("fmt", "--upgrade", "old.darts")
    assert (upgraded.exit_code, upgraded.stderr) == (0, "upgraded old.darts to darts 2\n")
    assert path.read_text() == "darts 2  # mine\n\nop f = relu > bn\n"
    assert dartsl("fmt", "--upgrade", "--check", "old.darts").exit_code == 0
    path.write_text(kept := "darts 1\nop gelu = relu\n")
    refused = dartsl("fmt", "--upgrade", "old.darts")
    assert refused.exit_code == 1
    assert "error[E0202]: `darts 2` has an operation `gelu` of its own" in refused.stderr
    assert path.read_text() == kept


def test_fmt_of_what_does_not_parse(dartsl: Dartsl, tmp_path: Path) -> None:
    (tmp_path / "broken.darts").write_text("darts 1\nop f = relu bn\n")
    result = dartsl("fmt", "broken.darts")
    assert result.exit_code == 1
    assert "error[E01" in result.stderr
    assert (tmp_path / "broken.darts").read_text() == "darts 1\nop f = relu bn\n"


# --------------------------------------------------------------------- explain


def test_explain(dartsl: Dartsl) -> None:
    assert "E0501" in dartsl("explain").stdout
    assert "stride" in dartsl("explain", "e0501").stdout
    unknown = dartsl("explain", "E9999")
    assert unknown.exit_code == 2
    assert "no code `E9999`" in unknown.stderr
    assert "lists them all" in dartsl("explain", "what").stderr


# ------------------------------------------------------------------ specs, new


def test_specs_are_listed_and_check(dartsl: Dartsl) -> None:
    names = [item["name"] for item in result_of(dartsl("specs", "--format", "json"))["specs"]]
    assert {"digits", "darts_cnn", "zoo/darts_v2", "std/cnn"} <= set(names)
    assert all(f"\n{name} " in f"\n{dartsl('specs').stdout}" for name in names)


def test_new_writes_a_spec_that_checks_and_is_formatted(dartsl: Dartsl) -> None:
    assert dartsl("new", "mine").exit_code == 0
    assert dartsl("check", "mine.darts").stdout == "mine.darts: 0 errors, 0 warnings, 18 edges\n"
    assert dartsl("fmt", "--check", "--diff", "mine.darts").stdout == ""
    again = dartsl("new", "mine.darts")
    assert again.exit_code == 1
    assert "exists" in again.stderr


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_completion(dartsl: Dartsl, shell: str) -> None:
    assert "_DARTSL_COMPLETE" in dartsl("completion", shell).stdout


def test_completion_offers_shipped_specs() -> None:
    command = cli.get_command(cli.make_context("dartsl", ["specs"]), "info")
    assert command is not None
    context = command.make_context("info", ["digits"])
    offered = [item.value for item in command.params[0].shell_complete(context, "zoo/")]
    assert "zoo/darts_v2" in offered


# -------------------------------------------------------------------- mistakes


def test_an_interrupt_is_quiet(dartsl: Dartsl, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dartsl.api.specs.source_of", interrupt)
    result = dartsl("check", "good.darts")
    assert result.exit_code == 130
    assert result.output == ""


@pytest.mark.parametrize("name", ["", "folder/", ".darts"])
def test_new_needs_a_name(dartsl: Dartsl, name: str) -> None:
    found = dartsl("new", name)
    assert found.exit_code == 2
    assert "names no file" in found.stderr
    assert not Path(".darts").exists()


@pytest.mark.parametrize("name", ["darts_cnn", "zoo/rnn_v2", "zoo/darts_v2_imagenet.darts", "std/cnn"])
def test_new_copies_a_shipped_spec(dartsl: Dartsl, tmp_path: Path, name: str) -> None:
    shipped = shipped_specs()[name.removesuffix(".darts")].read_text(encoding="utf-8")
    assert dartsl("new", "mine", "--from", name).exit_code == 0
    assert (tmp_path / "mine.darts").read_text(encoding="utf-8") == shipped
    assert dartsl("check", "mine.darts").exit_code == 0
    again = dartsl("new", "mine", "--from", "digits")
    assert (again.exit_code, "mine.darts exists" in again.stderr) == (1, True)
    assert (tmp_path / "mine.darts").read_text(encoding="utf-8") == shipped
    assert dartsl("new", "-o", "-", "--from", name).stdout == shipped


def test_new_copies_nothing_else(dartsl: Dartsl, tmp_path: Path) -> None:
    wrong = dartsl("new", "mine", "--from", "darts_cn")
    assert (wrong.exit_code, "did you mean `darts_cnn`?" in wrong.stderr) == (2, True)
    assert "part of every spec" in dartsl("new", "mine", "--from", "std/prelude").stderr
    assert list(tmp_path.iterdir()) == []
