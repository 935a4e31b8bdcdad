"""Whose code a run folder may have run: none, but what this user has named here. No torch.

A run folder is data that may come from anywhere, and all that is in it may be forged: the path of a plugin, its
SHA-256, the folder where the run was made. So `run.json` also carries a seal: an HMAC over the folder's whole path and
the paths and SHA-256s of its plugins, with a key that lies in the user's own settings and is never in a run folder.
It is made when the user names the plugins by `--plugin`. Where it holds, that very code at that very place was named
for that very folder; where it does not, the user is asked to name it again.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

import click

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import printable
from dartsl.nn.plugin_files import Named, PluginFile, named_files, pinned
from dartsl.run.commands import command_line

KEY = "run-key"  # in the user's settings
SIZE = 32  # bytes


def seal(run: Path, plugins: Sequence[PluginFile]) -> str:
    """The seal of plugins that the user has named for a run's folder.

    It is empty where there is nothing to seal or the user's settings cannot be written: the user is then asked again.
    """
    key = (_key() or _new_key()) if plugins else None
    return "" if key is None else _seal(key, run, plugins)


def holds(found: str, run: Path, plugins: Sequence[PluginFile]) -> bool:
    """Whether a seal is that of these plugins in this folder, made by this user."""
    key = _key()
    return key is not None and hmac.compare_digest(found.encode(), _seal(key, run, plugins).encode())


def approved(run: Path, recorded: Sequence[PluginFile], found: str, named: Named = ()) -> list[PluginFile]:
    """The plugins of a run that may be run: those that the user names now, or those whose seal holds.

    Raises UserError where neither is so, or where those named are not the ones that the run was started with.
    """
    given = [pinned(file) for file in named_files(named)]
    if given:
        return _the_same(recorded, given)
    if not recorded or holds(found, run, recorded):
        return list(recorded)
    shown = ", ".join(
        f"{printable(file.path)} (SHA-256 {file.sha256 or 'not recorded'})" for file in recorded
    )
    options = command_line(
        *(word for file in recorded for word in ("--plugin", Path(printable(file.path)).name))
    )
    raise UserError(
        f"the run in {run} needs code that was not named for it in this folder by you: {shown}",
        help=f"look at it and, if you trust it, name the file: {options}",
    )


def _the_same(recorded: Sequence[PluginFile], given: list[PluginFile]) -> list[PluginFile]:
    """What is given, in the order in which it was recorded."""
    if any(file.sha256 is None for file in recorded) or not recorded:
        return given  # by a version of dartsl that recorded no SHA-256, or by an installed package
    by_content = {file.sha256: file for file in given}
    started = [file.sha256 for file in recorded]
    strange = [file for file in given if file.sha256 not in started]
    missing = [file for file in recorded if file.sha256 not in by_content]
    if strange and missing:
        raise UserError(
            f"{strange[0].path} is not the plugin that the run was started with: "
            f"its SHA-256 is {strange[0].sha256}, not {missing[0].sha256}",
            help="a run goes on with the very code it was started with: bring that back, or start another run",
        )
    if strange:
        raise UserError(f"{strange[0].path} is not a plugin of this run", help="leave it out")
    if missing:
        raise UserError(
            f"the run also needs the plugin {printable(missing[0].path)} (SHA-256 {missing[0].sha256})",
            help="name all of its plugins by --plugin",
        )
    return [by_content[digest] for digest in started]


def _seal(key: bytes, run: Path, plugins: Sequence[PluginFile]) -> str:
    named = [str(run.resolve()), [[file.path, file.sha256] for file in plugins]]
    return hmac.new(key, json.dumps(named).encode(), hashlib.sha256).hexdigest()


def _key() -> bytes | None:
    """The user's own key: one that lies elsewhere, or is another user's, would let that user vouch for code."""
    place = _settings() / KEY
    try:
        with open(place, "rb") as file:
            owner, key = os.fstat(file.fileno()).st_uid, file.read(SIZE + 1)
    except OSError:
        return None
    own = not hasattr(os, "geteuid") or owner == os.geteuid()
    return key if own and place.is_absolute() and len(key) == SIZE else None


def _new_key() -> bytes | None:
    """A key for the user, whole or not there; None where it cannot be kept."""
    folder = _settings()
    if not folder.is_absolute():  # without a home, or by XDG_CONFIG_HOME: it could be a stranger's folder
        return None
    whole = folder / f".{KEY}.{os.getpid()}.tmp"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(whole, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_bytes(SIZE))
        os.replace(whole, folder / KEY)
    except OSError:
        return None
    return _key()  # of two processes that made one, the later one's


def _settings() -> Path:
    return Path(click.get_app_dir("dartsl"))
