"""Reading files and following imports."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from dartsl.lang.checker import diagnose
from dartsl.lang.codes.diagnostics import Diagnostic, SpecError, UserError
from dartsl.lang.codes.render import render
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import load, read
from dartsl.lang.syntax.resources import shipped_specs


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/')}.darts"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("darts 1\n" + text, encoding="utf-8")


def names(folder: Path, root: str = "root") -> list[str]:
    loaded = load(read(str(folder / f"{root}.darts")))
    assert loaded.diagnostics == ()
    return [file.source.name.removeprefix(f"{folder.as_posix()}/") for file in loaded.files]


def fault(folder: Path) -> Diagnostic:
    (found,) = load(read(str(folder / "root.darts"))).diagnostics
    assert render([found])
    return found


def test_names_of_shipped_specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert read("digits").text == read("digits.darts").text
    assert read("zoo/darts_v2").name == "zoo/darts_v2.darts"
    write(tmp_path, digits="op mine = relu\n")
    assert "mine" in read("digits.darts").text
    assert {"std/prelude", "std/cnn", "std/cells"} <= set(shipped_specs())


def test_what_cannot_be_read(tmp_path: Path) -> None:
    for name, help in (
        ("digit", "did you mean `digits`?"),
        ("qqq", "`dartsl specs` lists the shipped specs"),
    ):
        with pytest.raises(UserError) as caught:
            read(name)
        assert (caught.value.help, caught.value.exit_code) == (help, 2)
    for name in (str(tmp_path), "a\0b", "x" * 5000, ""):
        with pytest.raises(UserError):
            read(name)


def test_bytes_become_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.darts"
    path.write_bytes(b"\xef\xbb\xbfdarts 1\r\nop f = relu\r")
    assert read(str(path)).text == "darts 1\nop f = relu\n"
    path.write_bytes(b"\xef\xbb\xbfdarts 1\r\n# \xff\r\n")
    with pytest.raises(SpecError) as caught:
        read(str(path))
    (found,) = caught.value.diagnostics
    assert (found.code, found.primary.span.position, found.primary.text) == ("E0106", (2, 3), "byte 0xff")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"darts 1\n")))
    assert read("-") == Source("<stdin>", "darts 1\n")


def test_imported_files_come_first_and_once(tmp_path: Path) -> None:
    write(tmp_path, root='import "./a"\nimport "./sub/b"\n', a='import "./sub/b"\nimport "std/cells"\n')
    write(tmp_path, sub__b='import "../c"\nimport "./../sub/d"\n', c="", sub__d="")
    order = ["std/prelude.darts", "sub/../c.darts", "sub/../sub/d.darts", "sub/b.darts", "std/cnn.darts"]
    assert names(tmp_path) == [*order, "std/cells.darts", "a.darts", "root.darts"]


def test_the_library_as_root() -> None:
    for name in ("std/prelude", "std/cnn"):
        loaded = load(read(name))
        assert loaded.files[0].source.name == "std/prelude.darts"
        assert len(loaded.files) == (1 if name == "std/prelude" else 2)


def test_a_circle_shows_its_way(tmp_path: Path) -> None:
    write(tmp_path, root='import "./a"\n', a='import "./b"\n', b='import "./a"\n')
    found = fault(tmp_path)
    assert found.code == "E0205"
    assert found.primary.span.source.name.endswith("b.darts")
    assert [label.span.source.name[-7:] for label in found.secondary] == ["a.darts"]
    write(tmp_path, root='import "./root"\n')
    assert fault(tmp_path).primary.text == "this file imports itself"


def test_a_long_chain_of_imports(tmp_path: Path) -> None:
    for number in range(1200):
        write(tmp_path, **{f"f{number}": f'import "./f{number + 1}"\n'})
    write(tmp_path, f1200="", root='import "./f0"\n')
    assert len(names(tmp_path)) == 1203


@pytest.mark.parametrize(
    ("text", "code", "help"),
    [
        ("./hlper", "E0204", 'did you mean `import "./helper"`?'),
        ("./helper.darts", "E0204", 'did you mean `import "./helper"`?'),
        ("helper", "E0204", 'a file beside this one is imported as `import "./helper"`'),
        ("std/cn", "E0204", 'did you mean `import "std/cnn"`?'),
        ("nothing", "E0204", "imports start with `std/`, or with `./` for a file of your own"),
        ("", "E0204", None),
        ("./" + "x" * 5000, "E0204", None),
        ("./folder", "E0204", None),
        ("./circle", "E0204", None),
        ("../outside", "E0207", None),
        ("./folder/../../outside", "E0207", None),
        ("./link", "E0207", None),
        ("/etc/x", "E0207", None),
        ("C:/x", "E0207", None),
        ("a\\\\b", "E0207", None),
        ("./a\0b", "E0204", None),
    ],
)
def test_bad_imports(tmp_path: Path, text: str, code: str, help: str | None) -> None:
    folder = tmp_path / "spec"
    write(folder, root=f'import "{text}"\n', helper="")
    write(tmp_path, outside="")
    (folder / "folder.darts").mkdir()
    (folder / "link.darts").symlink_to(tmp_path / "outside.darts")
    (folder / "circle.darts").symlink_to(folder / "circle.darts")
    found = fault(folder)
    assert found.code == code
    if help is not None:
        assert found.help == help


def test_each_file_is_read_by_its_own_header(tmp_path: Path) -> None:
    """A file of darts 2 imports darts 1, whose `shape` would be a name; the prelude is that of the root."""
    (tmp_path / "old.darts").write_text('darts 1\nimport "std/prelude"\nop old(vector) = conv(vector)\n')
    root = tmp_path / "new.darts"
    root.write_text('darts 2\nimport "std/prelude"\nimport "./old"\nop new = old(3)\n')
    loaded = load(read(str(root)))
    assert [(file.source.name, file.version) for file in loaded.files] == [
        ("std/prelude_2.darts", 2),
        (f"{tmp_path}/old.darts", 1),
        (str(root), 2),
    ]
    assert [fault.code for fault in diagnose(read(str(root))).errors] == ["E0203"]
    (tmp_path / "old.darts").write_text("darts 1\nop old(k) = conv(k)\n")
    assert diagnose(read(str(root))).errors == ()
    for name in ("./new", "std/prelude_2"):
        (tmp_path / "third.darts").write_text(f'darts 1\nimport "{name}"\n')
        found = diagnose(read(str(tmp_path / "third.darts"))).errors
        assert [fault.code for fault in found] == ["E0209"]


def test_text_without_a_file_has_nothing_beside_it() -> None:
    (found,) = load(Source("<stdin>", 'darts 1\nimport "./a"\n')).diagnostics
    assert found.code == "E0204"


def test_faults_of_imports_are_reported_with_them(tmp_path: Path) -> None:
    write(tmp_path, root='import "./a"\nimport "./b"\nop f = = 1\n', a="op = 1\n")
    (tmp_path / "b.darts").write_bytes(b"darts 1 \xff")
    loaded = load(read(str(tmp_path / "root.darts")))
    assert sorted(found.code for found in loaded.diagnostics) == ["E0100", "E0100", "E0106"]
