"""Checkpoints hold data, belong to one run, and say what is wrong with them."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dartsl.lang.diagnostics import UserError
from dartsl.run import checkpoint
from dartsl.run.folder import Identity

OURS = Identity("search", "a" * 64, "net", {"C": "16"})


class Malicious:
    """What runs a command when it is unpickled."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.pt"


def test_a_state_comes_back_bit_for_bit(path: Path) -> None:
    state = {"w": torch.randn(3), "epoch": 2, "loss": 0.1, "inner": {"rng": torch.get_rng_state()}}
    checkpoint.save(path, OURS, state)
    found = checkpoint.load(path, OURS)
    assert torch.equal(found["w"], state["w"])
    assert torch.equal(found["inner"]["rng"], state["inner"]["rng"])
    assert (found["epoch"], found["loss"]) == (2, 0.1)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"spec_hash": "b" * 64}, "another spec: `aaaaaaaaaaaa`, not `bbbbbbbbbbbb`"),
        ({"network": "other"}, "another network: `net`, not `other`"),
        ({"parameters": {"C": "8"}}, "another parameters: .*16.*8"),
        ({"kind": "train"}, "another kind of run"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(path: Path, changed: dict[str, Any], words: str) -> None:
    checkpoint.save(path, OURS, {})
    with pytest.raises(UserError, match=words):
        checkpoint.load(path, replace(OURS, **changed))


def test_no_checkpoint_is_a_message(path: Path) -> None:
    with pytest.raises(UserError, match="nothing to continue"):
        checkpoint.load(path, OURS)


@pytest.mark.parametrize("part", [0, 10, 300, -1])
def test_a_truncated_file_is_refused(path: Path, part: int) -> None:
    checkpoint.save(path, OURS, {"w": torch.randn(50)})
    path.write_bytes(path.read_bytes()[:part])
    with pytest.raises(UserError, match="damaged"):
        checkpoint.load(path, OURS)


def test_a_full_disk_is_a_message_and_the_old_checkpoint_stays(path: Path) -> None:
    """The limit on a file's size, in a process of its own, stands for the disk."""
    checkpoint.save(path, OURS, {"epoch": 1})
    code = f"""
import resource, signal, torch
from pathlib import Path
from dartsl.lang.diagnostics import UserError
from dartsl.run import checkpoint
from dartsl.run.folder import Identity
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    checkpoint.save(Path({str(path)!r}), Identity("search", "", "", {{}}), {{"w": torch.zeros(100_000)}})
except UserError as error:
    print(error.message)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"cannot write {path}: ")
    assert checkpoint.load(path, OURS) == {"epoch": 1}
    assert os.listdir(path.parent) == [path.name]


def test_garbage_is_refused(path: Path) -> None:
    path.write_bytes(b"this is not a checkpoint at all")
    with pytest.raises(UserError, match="damaged"):
        checkpoint.load(path, OURS)


def test_code_in_a_checkpoint_never_runs(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "owned"
    torch.save({"format": 1, "identity": Malicious(target), "state": {}}, path)
    with pytest.raises(UserError, match="something other than data"):
        checkpoint.load(path, OURS)
    assert not target.exists()


@pytest.mark.parametrize(
    ("record", "words"),
    [
        ({"format": 2}, "checkpoint format 2, and this version of dartsl reads format 1"),
        ({}, "format None"),
        ({"format": 1}, "is not a checkpoint of dartsl"),
        ([1, 2], "is not a checkpoint of dartsl"),
    ],
)
def test_another_format_is_refused(path: Path, record: Any, words: str) -> None:
    torch.save(record, path)
    with pytest.raises(UserError, match=words):
        checkpoint.load(path, OURS)
