"""Checkpoints that are not those the run wrote are refused by every command, in words, and never run."""

from __future__ import annotations

import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from dartsl.run import checkpoint

from .conftest import GOOD, Dartsl

SETTINGS = """
train {
  data   = "digits"
  epochs = 1
  batch  = 512
  ema    = 0.9
}
"""
COMMANDS = {
    "train --resume": ("train", "--resume", "trained"),
    "train --resume of seeds": ("train", "--resume", "seeds"),
    "eval": ("eval", "trained"),
    "export to safetensors": ("export", "trained", "--to", "safetensors", "-o", "out"),
    "export to torch": ("export", "trained", "--to", "torch", "-o", "out"),
    "export to onnx": ("export", "trained", "--to", "onnx", "-o", "out"),
    "search --resume": ("search", "--resume", "searched"),
}
OWNED = "owned"


class Malicious:
    """Makes a folder when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (OWNED,)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `searched` and, of what was found, `trained` and `seeds`."""
    import dartsl

    folder = tmp_path_factory.mktemp("runs")
    text = GOOD.replace('"tiny.npz"', '"digits"').replace("batch  = 8", "batch  = 512") + SETTINGS
    (folder / "good.darts").write_text(text)
    searched = dartsl.search(folder / "good.darts", folder / "searched")
    assert searched.finished
    dartsl.train(folder / "searched", folder / "trained", data="digits", epochs=1, batch=512, ema=0.9)
    (folder / "seeds").mkdir()
    shutil.copytree(folder / "trained", folder / "seeds" / "seed0")
    (folder / "seeds" / "seeds.json").write_text('{"format": 1, "seeds": 2}')
    return folder


@pytest.fixture
def copies(runs: Path, dartsl: Dartsl, tmp_path: Path) -> Path:
    """The runs, in the folder that commands run in."""
    for name in ("searched", "trained", "seeds"):
        shutil.copytree(runs / name, tmp_path / name)
    return tmp_path


def other_format(path: Path) -> None:
    checkpoint.write_record(path, {**torch.load(path, weights_only=True), "format": 99})


def other_tool(path: Path) -> None:
    """What a plain `torch.save(model.state_dict())` writes."""
    torch.save(torch.load(path, weights_only=True)["state"]["model"], path)


def other_file(path: Path) -> None:
    save_file({"w": torch.zeros(2)}, str(path))


def other_run(path: Path) -> None:
    record = torch.load(path, weights_only=True)
    checkpoint.write_record(path, {**record, "identity": {**record["identity"], "spec_hash": "0" * 64}})


def a_bit_flipped(path: Path) -> None:
    """In the middle: a weight, or an average."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 16
    path.write_bytes(data)


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def missing(path: Path) -> None:
    path.unlink()


def a_pipe(path: Path) -> None:
    """Whose other end nobody opens."""
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def code(path: Path) -> None:
    checkpoint.write_record(path, {**torch.load(path, weights_only=True), "more": Malicious()})


def code_in_a_bare_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Malicious()))


FILES: list[tuple[Callable[[Path], None], str]] = [
    (other_format, "checkpoint format 99, and this version of dartsl reads format 2"),
    (other_tool, "checkpoint format None"),
    (other_file, "is damaged"),
    (other_run, "was written for another spec"),
    (a_bit_flipped, "its SHA-256 is not the one that was written with it"),
    (truncated, "is damaged"),
    (empty, "is damaged"),
    (missing, "nothing to continue"),
    (a_pipe, "it is not a regular file"),
    (a_folder, "it is not a regular file"),
    (code, "holds something other than data"),
    (code_in_a_bare_pickle, "is damaged"),
]


@pytest.mark.parametrize(("write", "words"), FILES, ids=[write.__name__ for write, _ in FILES])
def test_every_command_refuses(
    dartsl: Dartsl, copies: Path, write: Callable[[Path], None], words: str
) -> None:
    for name in ("searched", "trained", "seeds/seed0"):
        write(copies / name / "checkpoint.pt")
    before = {path: path.read_bytes() for path in copies.rglob("*") if path.is_file()}
    for name, command in COMMANDS.items():
        result = dartsl(*command)  # raises what is not SystemExit: a traceback fails the test
        assert result.exit_code == 1, name
        assert words in result.stderr.replace("\n", " "), name
        assert result.stderr.startswith("error"), name
    assert not (copies / OWNED).exists()
    assert not (copies / "out").exists()
    for path, content in before.items():
        assert path.read_bytes() == content, path


FORGED: list[Any] = [3, -5, None, "x", float("nan"), [], {}, torch.zeros(2), {"a": 3}]

UNREAD = ("seconds", "scaler", "device")  # on the CPU a scaler scales nothing, and all devices are one


@pytest.mark.slow
@pytest.mark.parametrize("run", ["trained", "searched"])
def test_a_forged_state_does_not_fit(dartsl: Dartsl, copies: Path, run: str) -> None:
    """Each part of the state replaced by what it cannot be."""
    path = copies / run / "checkpoint.pt"
    record = torch.load(path, weights_only=True)
    rows = (copies / run / "history.jsonl").read_bytes()
    command = "train" if run == "trained" else "search"
    for key in record["state"]:
        for value in FORGED:
            (copies / run / "history.jsonl").write_bytes(rows)
            checkpoint.write_record(path, {**record, "state": {**record["state"], key: value}})
            result = dartsl(command, "--resume", run)
            if key in UNREAD or type(value) is int:  # a count may be one that nothing contradicts
                assert result.exit_code in (0, 1)
                continue
            assert result.exit_code == 1, (key, value)
            assert "error" in result.stderr, (key, value)


def test_the_checkpoint_that_the_run_wrote_is_taken(dartsl: Dartsl, copies: Path) -> None:
    """What the other tests change is all that is wrong there."""
    path = copies / "trained" / "checkpoint.pt"
    record = torch.load(path, weights_only=True)
    assert record["format"] == checkpoint.FORMAT
    checkpoint.write_record(path, record)
    assert dartsl("eval", "trained").exit_code == 0
