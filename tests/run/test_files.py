"""Files are whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.files import append_row, read_rows, write_bytes, write_rows, write_text


def test_a_file_is_replaced_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "eins\n")
    write_text(path, "zwei: ü\n")
    assert path.read_bytes() == "zwei: ü\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    write_bytes(path, b"old")

    def crash(_file: int) -> None:
        raise RuntimeError("crash")

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(RuntimeError, match="crash"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_a_folder_that_is_not_there_is_a_message(tmp_path: Path) -> None:
    path = tmp_path / "no" / "a.txt"
    with pytest.raises(UserError, match=r"cannot write .*a\.txt: No such file"):
        write_text(path, "")
    with pytest.raises(UserError, match="cannot write"):
        append_row(path, {})
    with pytest.raises(UserError, match="cannot read"):
        read_rows(path)


def test_rows_come_back_and_a_torn_line_does_not(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    for epoch in (1, 2, 3):
        append_row(path, {"epoch": epoch, "loss": 1 / epoch})
    with path.open("ab") as file:
        file.write(b'{"epoch": 4, "lo')
    assert [row["epoch"] for row in read_rows(path)] == [1, 2, 3]
    assert read_rows(path)[2]["loss"] == 1 / 3
    write_rows(path, read_rows(path)[:2])
    append_row(path, {"epoch": 3})
    assert [row["epoch"] for row in read_rows(path)] == [1, 2, 3]


@pytest.mark.parametrize("line", ["[1]\n", "nonsense\n", '{"a": }\n', "\n"])
def test_a_whole_line_that_is_no_object_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"epoch": 1}\n' + line)
    with pytest.raises(UserError, match="line 2 of"):
        read_rows(path)


def test_what_is_no_regular_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(UserError, match="it is not a regular file"):
            read_rows(path)


@pytest.mark.parametrize("line", ["[" * 100_000, '{"epoch": ' + "9" * 5000 + "}"])
def test_a_line_that_no_reader_takes_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(line + "\n")
    with pytest.raises(UserError, match="line 1 of"):
        read_rows(path)
