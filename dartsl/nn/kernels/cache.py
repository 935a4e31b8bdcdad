"""What was measured, kept on disk: a small JSON of numbers and names, for each device and version of what compiles."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TypedDict

import torch
import triton

FORMAT = 2  # of the kernels, too: what an older one has measured says nothing of them


class Found(TypedDict):
    """The way that was the fastest (`torch`, or the tiles of a kernel), and the milliseconds of all that were right."""

    way: str
    ms: dict[str, float]


_memory: dict[str, dict[str, Found]] = {}


def folder() -> Path:
    """The user's folder for what can be made again."""
    if sys.platform == "win32":
        given = os.environ.get("LOCALAPPDATA")
    else:
        given = os.environ.get("XDG_CACHE_HOME")
    return (Path(given) if given else Path.home() / ".cache") / "dartsl"


@cache
def stack(device: torch.device) -> str:
    """What a measurement depends on besides sizes."""
    name = torch.cuda.get_device_name(device)
    return f"{FORMAT} | {name} | torch {torch.__version__} | cuda {torch.version.cuda} | triton {triton.__version__}"


def known(device: torch.device, key: str) -> Found | None:
    """What was found for a key on such a device; None where nothing was."""
    return _of(stack(device)).get(key)


def remember(device: torch.device, key: str, found: Found) -> None:
    """Keep what was found; what was measured on disk, too, where the folder can be written."""
    name = stack(device)
    _of(name)[key] = found
    if not found["ms"]:
        return
    with suppress(OSError):
        _write(name)


def _of(name: str) -> dict[str, Found]:
    if name not in _memory:
        _memory[name] = _read().get(name, {})
    return _memory[name]


def _read() -> dict[str, dict[str, Found]]:
    """The file's content, of which what is not as it was written counts as not there."""
    try:
        content = json.loads((folder() / "kernels.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RuntimeError):  # none, torn, or no home
        return {}
    if not isinstance(content, dict):
        return {}
    tables = {name: table for name, table in content.items() if isinstance(table, dict)}
    return {
        name: {key: each for key, each in table.items() if _is_found(each)} for name, table in tables.items()
    }


def _is_found(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("way"), str) and isinstance(value.get("ms"), dict)


def _write(name: str) -> None:
    """Put what is known into the file, beside what others have put there meanwhile."""
    content = _read()
    measured = {key: found for key, found in _memory[name].items() if found["ms"]}
    content[name] = {**content.get(name, {}), **measured}
    folder().mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=folder(), suffix=".json")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
    os.replace(temporary, folder() / "kernels.json")
