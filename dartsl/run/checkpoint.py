"""The checkpoint of a run: written whole or not at all, read without ever running what is in it."""

from __future__ import annotations

import io
import pickle
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from dartsl.lang.diagnostics import UserError
from dartsl.run.files import write_bytes
from dartsl.run.folder import Identity

FORMAT = 1


def save(path: Path, identity: Identity, state: Mapping[str, Any]) -> None:
    """Write a checkpoint. `state` is tensors, numbers and strings in dicts and lists. Raises UserError."""
    record = {"format": FORMAT, "identity": asdict(identity), "state": dict(state)}
    # Not straight into the file: where the disk is full, torch.save hides the OSError that says so.
    content = io.BytesIO()
    torch.save(record, content)
    write_bytes(path, content.getbuffer())


def load(path: Path, identity: Identity) -> dict[str, Any]:
    """The state of a checkpoint, its tensors on the CPU.

    Raises UserError where there is none, where it is damaged, holds anything but data, has another format, or
    belongs to another spec, network or set of parameters.
    """
    record = _read(path)
    found = record.get("format")
    if found != FORMAT:
        raise UserError(
            f"{path} has checkpoint format {found!r}, and this version of dartsl reads format {FORMAT}"
        )
    theirs, state = record.get("identity"), record.get("state")
    if not isinstance(theirs, dict) or not isinstance(state, dict):
        raise UserError(f"{path} is not a checkpoint of dartsl")
    ours = asdict(identity)
    names = {"kind": "kind of run", "spec_hash": "spec", "network": "network", "parameters": "parameters"}
    for key, name in names.items():
        if theirs.get(key) != ours[key]:
            raise UserError(
                f"{path} was written for another {name}: {_short(theirs.get(key))}, not {_short(ours[key])}",
                help="a run can only be continued with the very spec it was started with",
            )
    return state


def _read(path: Path) -> dict[str, Any]:
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed below; torch.load has OSErrors of its own for damage)
    except FileNotFoundError as error:
        raise UserError(f"{path.parent} has no {path.name}: there is nothing to continue") from error
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    try:
        with file, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # torch on the pickles of others, refused below
            record = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise UserError(
            f"{path} is damaged, or holds something other than data",
            help="it was not loaded: a checkpoint of dartsl has only tensors, numbers and strings in it",
        ) from error
    except Exception as error:  # torch.load meets damage in many places and has no one exception for it
        raise UserError(f"{path} is damaged and cannot be read") from error
    if not isinstance(record, dict):
        raise UserError(f"{path} is not a checkpoint of dartsl")
    return record


def _short(value: object) -> str:
    text = value[:12] if isinstance(value, str) and len(value) == 64 else str(value)
    return f"`{text}`"
