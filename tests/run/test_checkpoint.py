"""Checkpoints hold data, belong to one run, and say what is wrong with them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run import checkpoint
from dartsl.run.records import Identity
from tests.search.runs import same

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


def test_a_checkpoint_of_format_1_belongs_to_a_run_of_format_1(path: Path) -> None:
    """It did not say its run's format; that of a spec which lists sources out of order means another network."""
    old = {"kind": "search", "spec_hash": "a" * 64, "network": "net", "parameters": {"C": "16"}}
    torch.save({"format": 1, "identity": old, "state": {"epoch": 1}}, path)
    assert checkpoint.load(path, replace(OURS, format=1)) == {"epoch": 1}
    with pytest.raises(UserError, match="another run format: `1`, not `2`"):
        checkpoint.load(path, OURS)


def test_no_checkpoint_is_a_message(path: Path) -> None:
    with pytest.raises(UserError, match="nothing to continue"):
        checkpoint.load(path, OURS)


def flipped(data: bytes, bits: Iterable[int]) -> Iterator[bytes]:
    for bit in bits:
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)


STATE = {"w": torch.arange(5.0), "rng": torch.ones(3, dtype=torch.uint8), "epoch": 3, "loss": [1.5, "a"]}


def test_a_flipped_bit_is_found_wherever_it_is(path: Path) -> None:
    """Also in the seal, without which the file would be one of the old format."""
    checkpoint.save(path, OURS, STATE)
    data = path.read_bytes()
    anywhere = random.Random(0).sample(range(8 * len(data)), 500)
    seal = range(8 * (len(data) - checkpoint.SEALED), 8 * len(data))
    for changed in flipped(data, [*anywhere, *seal]):
        path.write_bytes(changed)
        with pytest.raises(UserError, match="is damaged"):
            checkpoint.load(path, OURS)


def unsealed(path: Path) -> None:
    """Write a checkpoint as the versions of dartsl before there was a seal did."""
    torch.save({"format": 1, "identity": asdict(OURS), "state": STATE}, path)


def test_a_checkpoint_of_format_1_is_read_by_its_sums(path: Path) -> None:
    """A flipped bit is found, or stands where it means nothing."""
    unsealed(path)
    data, found = path.read_bytes(), 0
    for changed in flipped(data, random.Random(1).sample(range(8 * len(data)), 500)):
        path.write_bytes(changed)
        try:
            same(checkpoint.load(path, OURS), STATE)
        except UserError:
            found += 1
    assert found > 100
    path.write_bytes(data)
    same(checkpoint.load(path, OURS), STATE)


def test_a_tensor_that_is_marked_as_a_folder_is_read_all_the_same(path: Path) -> None:
    """The flag of a folder in the zip's index, by which torch takes a member for empty."""
    unsealed(path)
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\1\2") + 38] |= 16
    path.write_bytes(data)
    same(checkpoint.load(path, OURS), STATE)


def test_a_zip_that_torch_does_not_write_is_refused(path: Path) -> None:
    unsealed(path)
    with zipfile.ZipFile(path) as members:
        content = {name: members.read(name) for name in members.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as members:
        for name, data in content.items():
            members.writestr(name, data)
    with pytest.raises(UserError, match="is damaged"):
        checkpoint.load(path, OURS)


def test_a_checkpoint_is_still_what_torch_reads(path: Path) -> None:
    checkpoint.save(path, OURS, STATE)
    assert torch.load(path, weights_only=True)["format"] == checkpoint.FORMAT
    with zipfile.ZipFile(path) as members:
        assert members.comment.startswith(b"dartsl sha256 ")


def test_a_checkpoint_without_its_seal_is_refused(path: Path) -> None:
    torch.save({"format": checkpoint.FORMAT, "identity": asdict(OURS), "state": STATE}, path)
    with pytest.raises(UserError, match="lost its seal"):
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
from dartsl.lang.codes.diagnostics import UserError
from dartsl.run import checkpoint
from dartsl.run.records import Identity
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
        ({"format": 3}, "checkpoint format 3, and this version of dartsl reads format 2"),
        ({}, "format None"),
        ({"format": 1}, "is not a checkpoint of dartsl"),
        ([1, 2], "is not a checkpoint of dartsl"),
    ],
)
def test_another_format_is_refused(path: Path, record: Any, words: str) -> None:
    torch.save(record, path)
    with pytest.raises(UserError, match=words):
        checkpoint.load(path, OURS)
