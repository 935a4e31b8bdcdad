"""How large a text may be, and what is said of one that is larger or that no file holds."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from dartsl.lang.checker import diagnose
from dartsl.lang.codes import render
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.limits import MAX_BYTES, MAX_STRANGE
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax import grammar, loader
from dartsl.lang.syntax.loader import read
from dartsl.lang.syntax.parser import parse_recovering


def codes(text: str) -> list[str]:
    return [found.code for found in diagnose(Source("x.darts", text)).diagnostics]


def test_a_spec_has_at_most_four_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "x.darts"
    path.write_text("darts 1\n" + "#" * (MAX_BYTES - 8), encoding="utf-8")
    assert len(read(str(path)).text) == MAX_BYTES == 4_000_000
    path.write_text("darts 1\n" + "#" * (MAX_BYTES - 7), encoding="utf-8")
    with pytest.raises(UserError, match="a spec has at most 4,000,000 bytes"):
        read(str(path))
    root = tmp_path / "root.darts"
    root.write_text('darts 1\nimport "./x"\n', encoding="utf-8")
    (found,) = diagnose(read(str(root))).diagnostics
    assert found.code == "E0204"
    assert "a spec has at most 4,000,000 bytes" in found.primary.text


def test_standard_input_is_not_read_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    class Endless(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            assert 0 <= size <= MAX_BYTES + 1
            return bytes(size)

    monkeypatch.setattr(sys, "stdin", type("Stdin", (), {"buffer": Endless()}))
    with pytest.raises(UserError, match="cannot read standard input: a spec has at most"):
        read("-")


def test_imports_share_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_BYTES", 50_000)
    for name in ("a", "b"):
        (tmp_path / f"{name}.darts").write_text("darts 1\n" + "#" * 30_000, encoding="utf-8")
    root = tmp_path / "root.darts"
    root.write_text('darts 1\nimport "./a"\nimport "./b"\n', encoding="utf-8")
    (found,) = diagnose(read(str(root))).diagnostics
    assert (found.code, found.primary.span.text) == ("E0204", '"./b"')
    assert "at most 50,000 bytes together" in found.primary.text


def test_a_spec_has_a_bounded_number_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "MAX_FILES", 5)
    for number in range(6):
        text = f'darts 1\nimport "./f{number + 1}"\n'
        (tmp_path / f"f{number}.darts").write_text(text, encoding="utf-8")
    (found,) = diagnose(read(str(tmp_path / "f0.darts"))).diagnostics
    assert (found.code, found.title) == ("E0310", "too large to build: 6 files")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_no_spec(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.darts")
    with pytest.raises(UserError, match="is not a regular file"):
        read(str(tmp_path / "pipe.darts"))
    root = tmp_path / "root.darts"
    root.write_text('darts 1\nimport "./pipe"\n', encoding="utf-8")
    (found,) = diagnose(read(str(root))).diagnostics
    assert found.code == "E0204"
    assert found.primary.text.endswith("pipe.darts` is not a regular file")


def test_names_that_no_file_has(tmp_path: Path) -> None:
    (tmp_path / "a.darts").symlink_to(tmp_path / "b.darts")
    (tmp_path / "b.darts").symlink_to(tmp_path / "a.darts")
    with pytest.raises(UserError, match="is a symbolic link that leads to no file"):
        read(str(tmp_path / "a.darts"))
    with pytest.raises(UserError, match="is neither a file nor a shipped spec"):
        read("f\udcff")
    imports = {
        "./a": "it cannot be read: symbolic links run in a circle",
        "./x\0y": "a name has printable characters only",
        "./\x1b[31mred": "a name has printable characters only",
        "./" + "n" * 5000: "it cannot be read: File name too long",
    }
    for name, label in imports.items():
        root = tmp_path / "root.darts"
        root.write_text(f'darts 1\nimport "{name}"\n', encoding="utf-8")
        report = diagnose(read(str(root)))
        assert [(found.code, found.primary.text) for found in report.diagnostics] == [("E0204", label)]
        assert render.render(report.diagnostics).isprintable() is False or "\x1b" not in name


def test_a_spec_may_have_any_name(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"f\xff.darts")
    try:
        path.write_text("darts 1\nop x = relu(1)\n", encoding="utf-8")
    except OSError:
        pytest.skip("names are UTF-8 here")
    (found,) = diagnose(read(str(path))).diagnostics
    assert found.code == "E0401"


@pytest.mark.parametrize("text", ["'" * 1_000_000, "@ " * 100_000, '"\n' * 100_000, "\0" * 1_000_000])
def test_strange_characters_are_counted_and_left(text: str) -> None:
    found = diagnose(Source("x.darts", "darts 1\n" + text)).diagnostics
    assert {each.code for each in found} == {"E0103"}
    assert found[-1].title == "more than 1,000 characters are not part of the language"
    assert len(found) <= MAX_STRANGE + 2
    assert len(render.render(found)) < 100_000


def test_a_text_without_a_header_has_one_report() -> None:
    assert codes("\0" * 1_000_000) == ["E0102"]


def test_a_text_has_a_bounded_number_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grammar, "MAX_TOKENS", 12)
    for text, found in {
        "op f = relu > bn > relu > bn\n": [],
        "op f = relu > bn > relu > bn > relu\n": ["E0310"],
        "#\n" * 20: ["E0310"],
    }.items():
        _, faults = parse_recovering(Source("x.darts", "darts 1\n" + text))
        assert [fault.code for fault in faults] == found


def test_a_thousand_reports_are_not_all_shown() -> None:
    text = "darts 1\n" + "op f = relu\n" * 151
    found = diagnose(Source("x.darts", text)).diagnostics
    shown = render.report("x.darts", found, render.Size())
    assert len(found) == 150
    assert shown.count("error[E0202]") == 100
    assert shown.endswith("and 50 more, which are not shown\n\nx.darts: 150 errors, 0 warnings, 0 edges")


def test_suggestions_are_sought_for_the_first_hundred() -> None:
    names = ", ".join(f"quantity{number} = 1" for number in range(150))
    found = diagnose(Source("x", f"darts 1\nop f(quantity) = relu\nop g = f({names})\n")).diagnostics
    assert len(found) == 150
    assert [each.help is not None for each in found] == [True] * 100 + [False] * 50
