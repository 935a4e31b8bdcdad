"""The checkpoint of a run: written whole or not at all, read without ever running what is in it.

It is the zip that torch.save writes, with a seal in the place of the zip's comment: the SHA-256 of all that stands
before the digest. torch.load and unzip read it as it is, and the file and its seal are replaced by one rename. Without
a seal (format 1) each member's CRC is checked instead. Nothing is unpickled from a file whose sums do not fit.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import warnings
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.files import read_file, write_bytes
from dartsl.run.records import Identity

FORMAT = 2
UNSEALED = 1  # the format of the checkpoints before there was a seal
SEAL = b"dartsl sha256 "
SEALED = len(SEAL) + 64  # bytes, with the digest in hexadecimal
END_OF_ZIP = (
    b"PK\5\6"  # starts the last record, which is 22 bytes long and ends with the length of the comment
)


def save(path: Path, identity: Identity, state: Mapping[str, Any]) -> None:
    """Write a checkpoint. `state` is tensors, numbers and strings in dicts and lists. Raises UserError."""
    write_record(path, {"format": FORMAT, "identity": asdict(identity), "state": dict(state)})


def write_record(path: Path, record: Any) -> None:
    """Write what torch.save can write, with a seal. Raises UserError."""
    # Not straight into the file: where the disk is full, torch.save hides the OSError that says so.
    content = io.BytesIO()
    torch.save(record, content)
    content.seek(-22, io.SEEK_END)
    if content.read(4) != END_OF_ZIP:
        raise RuntimeError("torch.save no longer writes a zip without a comment")
    content.seek(-2, io.SEEK_END)
    content.write(SEALED.to_bytes(2, "little") + SEAL)
    with content.getbuffer() as whole:
        digest = hashlib.sha256(whole).hexdigest()
    content.write(digest.encode())
    write_bytes(path, content.getbuffer())


def load(path: Path, identity: Identity) -> dict[str, Any]:
    """The state of a checkpoint, its tensors on the CPU.

    Raises UserError where there is none, where a single bit of it has changed, where it holds anything but data,
    has another format, or belongs to another spec, network or set of parameters.
    """
    record, sealed = _read(path)
    found = record.get("format")
    if found == FORMAT and not sealed:
        raise UserError(f"{path} is damaged: it has lost its seal")
    if found not in (FORMAT, UNSEALED):
        raise UserError(
            f"{path} has checkpoint format {found!r}, and this version of dartsl reads format {FORMAT}"
        )
    theirs, state = record.get("identity"), record.get("state")
    if not isinstance(theirs, dict) or not isinstance(state, dict):
        raise UserError(f"{path} is not a checkpoint of dartsl")
    theirs = {"format": 1, **theirs}  # format 1 had no need to say it
    ours = asdict(identity)
    names = {
        "kind": "kind of run",
        "spec_hash": "spec",
        "network": "network",
        "parameters": "parameters",
        "format": "run format",
    }
    for key, name in names.items():
        if theirs.get(key) != ours[key]:
            raise UserError(
                f"{path} was written for another {name}: {_short(theirs.get(key))}, not {_short(ours[key])}",
                help="a run can only be continued with the very spec it was started with",
            )
    return state


def _read(path: Path) -> tuple[dict[str, Any], bool]:
    """What a file holds, and whether a seal vouches for it."""
    if not path.exists():
        raise UserError(f"{path.parent} has no {path.name}: there is nothing to continue")
    data = read_file(path)
    sealed = data[-SEALED:].startswith(SEAL)
    content = _unsealed(data) if sealed else _repacked(data)
    if content is None:
        raise UserError(
            f"{path} is damaged: its {'SHA-256' if sealed else 'CRC-32'} is not the one that was written with it",
            help="take the file from a backup, or start the run again",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch on the pickles of others, refused below
            record = torch.load(content, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is damaged, or holds something other than data",
            help="it was not loaded: a checkpoint of dartsl has only tensors, numbers and strings in it",
        ) from error
    except Exception as error:  # torch.load meets damage in many places and has no one exception for it
        raise UserError(f"{path} is damaged and cannot be read") from error
    if not isinstance(record, dict):
        raise UserError(f"{path} is not a checkpoint of dartsl")
    return record, sealed


def _unsealed(data: bytes) -> io.BytesIO | None:
    """Data whose bytes before the digest are those that were written; else None."""
    digest = hashlib.sha256(memoryview(data)[:-64]).hexdigest()
    return io.BytesIO(data) if digest.encode() == data[-64:] else None


def _repacked(data: bytes) -> io.BytesIO | None:
    """The members of a zip, each of which has its CRC-32, as another zip; else None.

    A CRC is of a member's bytes alone: of what stands around them, torch sees nothing that was not written here.
    """
    content = io.BytesIO()
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(content, "w") as new:
            members = {member.filename: member for member in old.infolist()}
            if len(members) < len(old.infolist()) or any(member.compress_type for member in members.values()):
                return None  # torch.save neither repeats nor compresses
            for name in members:
                new.writestr(name, old.read(name))
    except Exception:  # zipfile, like torch, meets damage in many places
        return None
    content.seek(0)
    return content


def _short(value: object) -> str:
    text = value[:12] if isinstance(value, str) and len(value) == 64 else str(value)
    return f"`{text}`"
