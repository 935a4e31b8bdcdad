"""`check --watch` and `draw --watch`: what changes the files between two looks is given by the test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dartsl.cli import watch
from dartsl.run.kinds import ALPHAS
from dartsl.run.layout import HISTORY
from tests.cli.conftest import GOOD, Dartsl

Changes = Callable[..., None]


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> Changes:
    """Give, in order, what is done between two looks at the files; after the last one Ctrl-C is pressed."""

    def given(*steps: Callable[[], object]) -> None:
        left: Iterator[Callable[[], object]] = iter(steps)

        def pause() -> None:
            step = next(left, None)
            if step is None:
                raise KeyboardInterrupt
            step()

        monkeypatch.setattr(watch, "_pause", pause)

    return given


def save(path: Path, text: str, clock: Iterator[int]) -> None:
    """Write a file at a time of its own, however fast the test runs."""
    path.write_text(text, encoding="utf-8")
    seconds = next(clock)
    os.utime(path, (seconds, seconds))


def test_check_again_after_each_change(dartsl: Dartsl, tmp_path: Path, changes: Changes) -> None:
    path, parts, clock = tmp_path / "mine.darts", tmp_path / "parts.darts", iter(range(100))
    whole = GOOD.replace('import "std/cnn"', 'import "./parts"')
    save(path, whole, clock)
    changes(
        lambda: None,  # nothing has changed
        lambda: save(parts, 'darts 1\nimport "std/cnn"\n', clock),  # what it imports is there at last
        lambda: save(path, whole.replace("edge   a", "edge   c", 1), clock),
        path.unlink,  # as while an editor saves it
        lambda: save(path, whole, clock),
        lambda: save(parts, 'darts 1\nimport "std/cnn"\nop f = oops\n', clock),
    )
    done = dartsl("check", "--watch", str(path))
    assert done.exit_code == 130
    counted = [line.partition(": ")[2] for line in done.stdout.splitlines() if line.startswith(f"{path}: ")]
    assert [line.rpartition(", ")[0] for line in counted] == [
        "1 error, 0 warnings", "0 errors, 0 warnings", "1 error, 0 warnings", "0 errors, 0 warnings",
        "1 error, 0 warnings",
    ]  # fmt: skip
    assert done.stderr.count("watching; Ctrl-C ends it") == 6
    assert "neither a file nor a shipped spec" in done.stderr


def test_draw_again_after_each_change(dartsl: Dartsl, tmp_path: Path, changes: Changes) -> None:
    path, picture, clock = tmp_path / "mine.darts", tmp_path / "mine.dot", iter(range(100))
    save(path, GOOD, clock)
    drawn: list[str] = []

    def look(text: str) -> None:
        drawn.append(picture.read_text(encoding="utf-8"))
        save(path, text, clock)

    changes(
        lambda: look(GOOD.replace("sep_conv(3)", "sep_conv(5)")),
        lambda: look("darts 1\nnonsense\n"),
        lambda: look(GOOD),
    )
    done = dartsl("draw", str(path), "-o", str(picture), "--watch")
    assert done.exit_code == 130
    assert ["sep_conv(5)" in text for text in drawn] == [
        False,
        True,
        True,
    ]  # a broken spec leaves the picture
    assert "sep_conv(3)" in picture.read_text(encoding="utf-8")
    assert "E0100" in done.stderr


def test_draw_a_run_again_after_each_epoch(dartsl: Dartsl, tmp_path: Path, changes: Changes) -> None:
    run, picture, clock = tmp_path / "run", tmp_path / "now.dot", iter(range(100))
    two = ("--epochs", "2", "--batch", "700", "--set", "C=2", "--out", str(run))
    assert dartsl("search", "digits", *two).exit_code == 0
    rows = {name: (run / name).read_text(encoding="utf-8").splitlines(True) for name in (HISTORY, ALPHAS)}
    drawn: list[str] = []

    def epochs(count: int) -> None:
        for name, lines in rows.items():
            save(run / name, "".join(lines[:count]), clock)

    def look(count: int) -> None:
        drawn.append(picture.read_text(encoding="utf-8") if picture.exists() else "")
        epochs(count)

    epochs(0)
    changes(lambda: look(1), lambda: look(2), lambda: look(2))
    assert dartsl("draw", str(run), "-o", str(picture), "--watch").exit_code == 130
    assert len(set(drawn)) == 3


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "--watch", "-"),
        ("check", "--watch", "."),
        ("draw", "--watch", ".", "-o", "now.svg"),
        ("check", "--watch", "--fix", "mine.darts"),
        ("check", "--watch", "--format", "json", "digits"),
        ("draw", "--watch", "digits"),
        ("draw", "--watch", "digits", "-o", "-"),
    ],
)
def test_what_cannot_be_watched_is_wrong_use(dartsl: Dartsl, arguments: tuple[str, ...]) -> None:
    assert dartsl(*arguments).exit_code == 2


def test_a_spec_that_is_not_there_is_not_waited_for(dartsl: Dartsl, changes: Changes) -> None:
    changes()
    assert dartsl("check", "--watch", "nowhere").exit_code == 2
