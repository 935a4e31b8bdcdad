"""The loop that every run goes through, where one of several processes has a fault of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.loader import read
from dartsl.run.loop import run_session
from dartsl.run.names import stem
from dartsl.run.parallel import ALONE, Group
from dartsl.run.torchrun import OwnError


class _Damaged:
    """A session whose first batch cannot be read."""

    epoch, steps, place, finished = 0, 1, 0, False

    def begin_epoch(self) -> None:
        pass

    def left(self) -> Iterator[Any]:
        raise UserError("cat.png: not a readable image", "repair or remove the file")
        yield


class _DamagedLater(_Damaged):
    """A search: its places are known, and the images are read in the step."""

    def left(self) -> Iterator[Any]:
        yield 0

    def take_step(self, batch: Any) -> None:
        raise UserError("cat.png: not a readable image", "repair or remove the file")


class _Second(Group):
    rank = 1
    world = 2


def _run(folder: Path, group: Group, damaged: Callable[[], _Damaged] = _Damaged, **settings: bool) -> None:
    run: Any = SimpleNamespace(path=folder, info=SimpleNamespace(settings=settings))
    session: Any = damaged()
    run_session(session, run, 1, "cpu", Console(quiet=True), group)


@pytest.mark.parametrize("damaged", [_Damaged, _DamagedLater])
def test_a_file_that_one_process_cannot_read_is_reported_by_it(
    tmp_path: Path, damaged: Callable[[], _Damaged]
) -> None:
    with pytest.raises(OwnError, match=r"^process 1: cat\.png: not a readable image$") as caught:
        _run(tmp_path, _Second(), damaged)
    assert caught.value.help == "repair or remove the file"
    with pytest.raises(UserError, match=r"^cat\.png") as alone:
        _run(tmp_path, ALONE, damaged)
    assert not isinstance(alone.value, OwnError)


def test_the_first_process_alone_writes_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others need no package for it."""
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(OwnError, match=r"cat\.png"):
        _run(tmp_path, _Second(), tensorboard=True)
    with pytest.raises(UserError, match="need the package tensorboard"):
        _run(tmp_path, ALONE, tensorboard=True)


def test_a_run_of_what_a_run_has_found_is_named_after_it(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    for place in (tmp_path, folder):
        (place / "found.darts").write_text("darts 1\n")
    (folder / "run.json").write_text("{}")
    assert stem(read(str(folder / "found.darts"))) == "mine"
    assert stem(read(str(tmp_path / "found.darts"))) == "found"
