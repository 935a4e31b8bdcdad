"""The Python files that implement operations: known by what is in them, and run as they were read. No torch."""

from __future__ import annotations

import hashlib
import importlib.util
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.abc import InspectLoader
from pathlib import Path
from types import CodeType, ModuleType

from dartsl.lang.codes.diagnostics import UserError


@dataclass(frozen=True)
class PluginFile:
    """A file that a user has named, or that a run was started with; then `sha256` says what must be in it."""

    path: str
    sha256: str | None = None


# Files are named outright, or by what is only asked for them once an operation needs one.
Named = str | Path | Sequence[str | Path | PluginFile]
Files = Named | Callable[[], Named]


def named_files(files: Files) -> list[PluginFile]:
    """The files, where they are needed."""
    given = files() if callable(files) else files
    if isinstance(given, str | Path | PluginFile):
        given = [given]
    return [file if isinstance(file, PluginFile) else PluginFile(str(file)) for file in given]


def pinned(file: PluginFile) -> PluginFile:
    """The file by its whole path, with the SHA-256 of what is in it now. Raises UserError."""
    return PluginFile(str(Path(file.path).resolve()), hashlib.sha256(_text(file)).hexdigest())


def run_file(file: PluginFile) -> ModuleType:
    """The module in a file. Running it is what `--plugin` asks for.

    What is run is the text whose SHA-256 was compared: no compiled file beside it is looked at, and none is left.
    Raises UserError for a file that is missing, that has changed, or that fails.
    """
    path, data = Path(file.path), _text(file)
    name = f"dartsl_plugin_{path.stem}"
    found = importlib.util.spec_from_file_location(name, path, loader=_FromText(path, data))
    if found is None or found.loader is None or path.suffix != ".py":
        raise UserError(f"{path} is not a Python file", help="the name of a plugin file ends in .py")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module  # dataclasses and torch.compile look for a class's module there
    try:
        found.loader.exec_module(module)
    except KeyboardInterrupt:
        raise
    except BaseException as fault:  # SystemExit too: a plugin does not end the program
        sys.modules.pop(name, None)  # the file may have removed it
        raise UserError(f"the plugin file {path} fails: {summary(fault)}") from fault
    return module


def summary(fault: BaseException) -> str:
    """A fault on one line."""
    return f"{type(fault).__name__}: {fault}".rstrip(": ")


class _FromText(InspectLoader):
    """Makes a module of a text that was read already."""

    def __init__(self, path: Path, data: bytes) -> None:
        self._path = path
        self._data = data

    def get_source(self, fullname: str) -> str:
        return importlib.util.decode_source(self._data)

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self._data, str(self._path))


def _text(file: PluginFile) -> bytes:
    path = Path(file.path)
    if not path.is_file():
        raise UserError(f"no plugin file {path}", help="--plugin takes the path of a Python file")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror or error}") from error
    found = hashlib.sha256(data).hexdigest()
    if file.sha256 not in (None, found):
        raise UserError(
            f"{path} is not the plugin that the run was started with: its SHA-256 is {found}, not {file.sha256}",
            help="a run goes on with the very code it was started with: bring that back, or start another run",
        )
    return data
