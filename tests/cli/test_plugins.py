"""Whose code runs: that of a plugin which the user has named, and of nothing that a run folder names."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import click
import pytest

from .conftest import GOOD, Dartsl

SOUND = """
from torch import nn

class Half(nn.Module):
    def forward(self, x):
        return 0.5 * x

def half(in_channels, out_channels, stride, affine):
    return Half()
"""
RAN = "ran"
EVIL = f"open({RAN!r}, 'w').close()\n" + SOUND
SETTINGS = {"data": "digits", "epochs": 1, "batch": 512}
# What reads a run folder: of a search, and of a training.
READING = [
    ("search", "--resume", "searched"),
    ("train", "searched", "--epochs", "1", "--out", "new"),
    ("train", "searched/found.darts", "--data", "digits", "--epochs", "1", "--out", "new"),
    ("train", "--resume", "trained"),
    ("train", "--resume", "seeds"),
    ("eval", "trained"),
    ("export", "trained", "--to", "safetensors", "-o", "new.safetensors"),
    ("export", "trained", "--to", "torch", "-o", "new.pt2"),
    ("export", "searched", "--to", "genotype"),
    ("derive", "searched"),
    ("plot", "searched", "-o", "new.svg"),
    ("plot", "trained", "-o", "new.svg"),
    ("draw", "searched", "-o", "new.dot"),
    ("draw", "searched/found.darts"),
    ("info", "searched/found.darts"),
    ("check", "searched/found.darts"),
    ("compile", "searched/found.darts"),
]
NEED = {"search", "train", "eval"}  # an implementation; and exports of weights


def make_runs(folder: Path, text: str, plugins: list[Path]) -> None:
    """`searched`, and of what was found `trained` and `seeds`."""
    import dartsl

    text = text.replace('"tiny.npz"', '"digits"').replace("batch  = 8", "batch  = 512")
    (folder / "spec.darts").write_text(text)
    assert dartsl.search(folder / "spec.darts", folder / "searched", plugins=plugins).finished
    dartsl.train(folder / "searched", folder / "trained", **SETTINGS)
    (folder / "seeds").mkdir()
    shutil.copytree(folder / "trained", folder / "seeds" / "seed0")
    (folder / "seeds" / "seeds.json").write_text('{"format": 1, "seeds": 2}')


@pytest.fixture(scope="module")
def extern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of a spec with an `extern op` that every found cell has."""
    folder = tmp_path_factory.mktemp("extern")
    (folder / "sound.py").write_text(SOUND)
    text = GOOD.replace("cell pair", "extern op half\n\ncell pair")
    make_runs(folder, text.replace("b -> p : skip_connect", "b -> p : half"), [folder / "sound.py"])
    return folder


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runs of a spec without one."""
    folder = tmp_path_factory.mktemp("plain")
    make_runs(folder, GOOD, [])
    return folder


def bring(runs: Path, here: Path) -> None:
    """Copy runs into the folder that commands run in, as a stranger would send them."""
    for name in ("searched", "trained", "seeds"):
        shutil.copytree(runs / name, here / name)


def forge(here: Path, **changes: Any) -> None:
    """Change what is recorded of every run."""
    for path in here.rglob("run.json"):
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def needs_code(command: tuple[str, ...]) -> bool:
    return command[0] in NEED or {"safetensors", "torch"} & set(command) != set()


def evil_ways(here: Path) -> list[dict[str, Any]]:
    """How a run folder may name code: outside and inside itself, with the right SHA-256, with a seal of its own."""
    digest = hashlib.sha256(EVIL.encode()).hexdigest()
    inside = [str(here / name / "evil.py") for name in ("searched", "trained")]
    for path in [here / "evil.py", *map(Path, inside)]:
        path.write_text(EVIL)
    return [
        {"plugins": ["evil.py", *inside]},
        {"plugins": [{"path": "evil.py", "sha256": digest}]},
        {"plugins": [{"path": str(here / "evil.py"), "sha256": digest}], "seal": "0" * 64},
        {"plugins": [{"path": inside[0], "sha256": None}], "seal": ""},
    ]


@pytest.mark.parametrize("way", range(4))
def test_a_run_folder_runs_no_code(dartsl: Dartsl, extern: Path, tmp_path: Path, way: int) -> None:
    bring(extern, tmp_path)
    forge(tmp_path, **evil_ways(tmp_path)[way])
    for command in READING:
        result = dartsl(*command)
        assert not (tmp_path / RAN).exists(), command
        if needs_code(command) and "found.darts" not in command[1]:
            assert result.exit_code == 1, (command, result.output)
            assert "needs code that was not named for it in this folder by you: " in result.stderr
            assert "evil.py (SHA-256 " in result.stderr
            assert "--plugin evil.py" in result.stderr
    assert not [path.name for path in tmp_path.iterdir() if path.name == "new"]


def test_what_no_operation_needs_is_not_even_looked_at(dartsl: Dartsl, plain: Path, tmp_path: Path) -> None:
    bring(plain, tmp_path)
    forge(tmp_path, **evil_ways(tmp_path)[0])
    for command in READING:
        result = dartsl(*command)
        assert result.exit_code == 0 or "a Genotype cannot express this" in result.stderr, command
        assert not (tmp_path / RAN).exists(), command
        for new in ("new", "new.dot", "new.svg", "new.pt2", "new.safetensors"):
            path = tmp_path / new
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    refused = dartsl("eval", "trained", "--plugin", "evil.py")
    assert refused.exit_code == 0
    assert not (tmp_path / RAN).exists()


def test_where_it_was_made_a_run_goes_on_without_asking(dartsl: Dartsl, extern: Path) -> None:
    record = json.loads((extern / "searched" / "run.json").read_text())
    digest = hashlib.sha256(SOUND.encode()).hexdigest()
    assert record["plugins"] == [{"path": str(extern / "sound.py"), "sha256": digest}]
    for command in (
        ("search", "--resume", "searched"),
        ("train", "--resume", "trained"),
        ("eval", "trained"),
    ):
        *rest, run = command
        assert dartsl(*rest, str(extern / run)).exit_code == 0, command


def test_elsewhere_it_asks_once(dartsl: Dartsl, extern: Path, tmp_path: Path) -> None:
    bring(extern, tmp_path)
    for name in ("searched", "trained", "seeds/seed0"):
        refused = dartsl(
            "eval" if name == "trained" else "search", *(["--resume"] * (name != "trained")), name
        )
        assert refused.exit_code == 1
    asked = dartsl("search", "--resume", "searched")
    digest = hashlib.sha256(SOUND.encode()).hexdigest()
    assert f"{extern / 'sound.py'} (SHA-256 {digest})" in asked.stderr
    shutil.copy(extern / "sound.py", tmp_path / "mine.py")
    assert dartsl("search", "--resume", "searched", "--plugin", "mine.py").exit_code == 0
    assert dartsl("search", "--resume", "searched").exit_code == 0
    assert json.loads((tmp_path / "searched/run.json").read_text())["plugins"] == [
        {"path": str(tmp_path / "mine.py"), "sha256": digest}
    ]
    assert dartsl("eval", "trained", "--plugin", "mine.py").exit_code == 0
    assert dartsl("eval", "trained").exit_code == 1  # reading records nothing
    assert dartsl("export", "trained", "--to", "safetensors", "-o", "w", "--plugin", "mine.py").exit_code == 0
    seeds = dartsl("train", "--resume", "seeds", "--plugin", "mine.py")
    assert seeds.exit_code == 0, seeds.output
    assert dartsl("train", "--resume", "seeds").exit_code == 0


def test_a_seal_is_of_one_folder_one_file_and_one_user(
    dartsl: Dartsl, extern: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(extern, tmp_path)
    shutil.copy(extern / "sound.py", tmp_path / "mine.py")
    assert dartsl("search", "--resume", "searched", "--plugin", "mine.py").exit_code == 0
    record = json.loads((tmp_path / "searched/run.json").read_text())
    (tmp_path / "other").mkdir()
    shutil.copy(tmp_path / "mine.py", tmp_path / "other" / "mine.py")
    moved = {**record["plugins"][0], "path": str(tmp_path / "other" / "mine.py")}
    forge(tmp_path, plugins=[moved], seal=record["seal"])
    assert dartsl("search", "--resume", "searched").exit_code == 1
    forge(tmp_path, plugins=record["plugins"], seal=record["seal"])
    assert dartsl("search", "--resume", "searched").exit_code == 0
    shutil.copytree(tmp_path / "searched", tmp_path / "copy")
    assert dartsl("search", "--resume", "copy").exit_code == 1
    monkeypatch.setattr(click, "get_app_dir", lambda _: str(tmp_path / "another user"))
    assert dartsl("search", "--resume", "searched").exit_code == 1


def test_a_user_whose_settings_cannot_be_written_is_asked_each_time(
    dartsl: Dartsl, extern: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(click, "get_app_dir", lambda _: str(tmp_path / "file" / "settings"))
    bring(extern, tmp_path)
    shutil.copy(extern / "sound.py", tmp_path / "mine.py")
    assert dartsl("search", "--resume", "searched", "--plugin", "mine.py").exit_code == 0
    assert dartsl("search", "--resume", "searched").exit_code == 1


def test_the_key_is_the_user_s_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from dartsl.nn.plugin_files import PluginFile
    from dartsl.run import trust

    monkeypatch.setattr(click, "get_app_dir", lambda _: str(tmp_path / "settings"))
    files = [PluginFile("/a.py", "0" * 64)]
    assert trust.seal(tmp_path, []) == ""
    assert not (tmp_path / "settings").exists()
    made = trust.seal(tmp_path, files)
    assert trust.holds(made, tmp_path, files)
    assert trust.seal(tmp_path, files) == made
    if os.name == "posix":
        assert (tmp_path / "settings" / "run-key").stat().st_mode & 0o077 == 0
    (tmp_path / "settings" / "run-key").write_bytes(
        b""
    )  # not one at all: an empty key would seal for anybody
    assert not trust.holds(made, tmp_path, files)


@pytest.mark.skipif(os.name != "posix", reason="files have no owner")
def test_a_key_that_another_user_could_have_made_vouches_for_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dartsl.nn.plugin_files import PluginFile
    from dartsl.run import trust

    files = [PluginFile("/a.py", "0" * 64)]
    monkeypatch.setattr(click, "get_app_dir", lambda _: str(tmp_path / "settings"))
    made = trust.seal(tmp_path, files)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(click, "get_app_dir", lambda _: "settings")  # as without a home
    assert not trust.holds(made, tmp_path, files)
    monkeypatch.setattr(click, "get_app_dir", lambda _: "others")
    assert trust.seal(tmp_path, files) == ""
    assert not (tmp_path / "others").exists()
    monkeypatch.setattr(click, "get_app_dir", lambda _: str(tmp_path / "settings"))
    assert trust.holds(made, tmp_path, files)
    other = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: other)
    assert not trust.holds(made, tmp_path, files)


def test_another_file_than_the_one_that_was_pinned_is_refused(
    dartsl: Dartsl, extern: Path, tmp_path: Path
) -> None:
    bring(extern, tmp_path)
    (tmp_path / "evil.py").write_text(EVIL)
    shutil.copy(extern / "sound.py", tmp_path / "mine.py")
    digests = [hashlib.sha256(text.encode()).hexdigest() for text in (EVIL, SOUND)]
    for command in (("eval", "trained"), ("search", "--resume", "searched")):
        refused = dartsl(*command, "--plugin", "evil.py")
        assert refused.exit_code == 1
        words = (
            f"is not the plugin that the run was started with: its SHA-256 is {digests[0]}, not {digests[1]}"
        )
        assert words in refused.stderr
        too_many = dartsl(*command, "--plugin", "mine.py", "--plugin", "evil.py")
        assert "is not a plugin of this run" in too_many.stderr
    assert dartsl("search", "--resume", "searched", "--plugin", "mine.py").exit_code == 0
    (tmp_path / "mine.py").write_text(EVIL)  # where it was named, it has changed since
    refused = dartsl("search", "--resume", "searched")
    assert refused.exit_code == 1
    assert f"its SHA-256 is {digests[0]}, not {digests[1]}" in refused.stderr
    (tmp_path / "mine.py").unlink()
    assert "no plugin file" in dartsl("search", "--resume", "searched").stderr
    assert not (tmp_path / RAN).exists()


def test_a_run_that_pinned_nothing_takes_what_is_named(dartsl: Dartsl, extern: Path, tmp_path: Path) -> None:
    """As versions of dartsl recorded it that knew no SHA-256."""
    bring(extern, tmp_path)
    forge(tmp_path, plugins=[str(extern / "sound.py")], seal="")
    asked = dartsl("search", "--resume", "searched")
    assert asked.exit_code == 1
    assert "(SHA-256 not recorded)" in asked.stderr
    assert dartsl("search", "--resume", "searched", "--plugin", str(extern / "sound.py")).exit_code == 0
    assert dartsl("search", "--resume", "searched").exit_code == 0


def test_a_path_is_shown_without_what_a_terminal_obeys(dartsl: Dartsl, extern: Path, tmp_path: Path) -> None:
    bring(extern, tmp_path)
    forge(tmp_path, plugins=["\x1b[2Jevil\n.py"], seal="")
    asked = dartsl("search", "--resume", "searched")
    assert asked.exit_code == 1
    assert "\x1b" not in asked.stderr.replace("\x1b[31m", "")
    assert r"\x1b[2Jevil\n.py" in asked.stderr


def test_a_found_file_finds_the_plugin_of_its_run(dartsl: Dartsl, extern: Path, tmp_path: Path) -> None:
    """Where the user has named it for that folder, and nowhere else."""
    at_home, elsewhere = str(extern / "searched" / "found.darts"), "searched/found.darts"

    def ways(found: str, out: str) -> list[tuple[str, ...]]:
        settings = ("--data", "digits", "--epochs", "1", "--batch", "512", "--out", out)
        export = ("--to", "safetensors", "-o", f"{out}.safetensors")
        return [("compile", found), ("train", found, *settings), ("export", found, *export)]

    for command in ways(at_home, "new"):
        done = dartsl(*command)
        assert done.exit_code == 0, done.output
    (plugin,) = json.loads((tmp_path / "new/run.json").read_text())["plugins"]
    assert plugin["path"] == str(extern / "sound.py")
    assert "unknown: an `extern op`" not in dartsl("info", at_home).output
    bring(extern, tmp_path)
    for command in ways(elsewhere, "other"):
        refused = dartsl(*command)
        assert refused.exit_code == 1, command
        assert "needs code that was not named for it in this folder by you: " in refused.stderr
    assert "unknown: an `extern op`" in dartsl("info", "searched/found.darts").output
    shutil.copy(extern / "sound.py", tmp_path / "mine.py")
    assert dartsl("compile", "searched/found.darts", "--plugin", "mine.py").exit_code == 0
