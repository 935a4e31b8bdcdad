"""From a name on the command line to the files of a spec: reading, imports, the folder rule."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

from dartsl.lang.diagnostics import Diagnostic, Label, SpecError, UserError
from dartsl.lang.parser import parse_recovering
from dartsl.lang.resources import shipped_specs, specs_dir
from dartsl.lang.source import Source, Span
from dartsl.lang.syntax import File, Import

PRELUDE = "std/prelude"


@dataclass(frozen=True)
class Loaded:
    """The files of a spec, the imported before the importer (the prelude first, the root last).

    A file that could not be read at all is missing; the diagnostics say why.
    """

    files: tuple[File, ...]
    diagnostics: tuple[Diagnostic, ...]


def read(path_or_name: str) -> Source:
    """The text of a file, of a shipped spec (`digits`, `zoo/darts_v2`), or of standard input (`-`).

    Raises UserError where there is no such file, SpecError (E0106) where it is not UTF-8.
    """
    if path_or_name == "-":
        return decode("<stdin>", sys.stdin.buffer.read(), None)
    path = Path(path_or_name)
    if not path_or_name:  # Path("") is the folder that one stands in
        raise UserError("the name of a spec is empty", "`dartsl specs` lists the shipped specs", exit_code=2)
    try:
        if path.is_file():
            return read_file(path, path_or_name)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read `{path_or_name}`: {_reason(error)}") from error
    name = path_or_name.removesuffix(".darts")
    shipped = shipped_specs().get(name)
    if shipped:
        return read_file(shipped, f"{name}.darts")
    near = get_close_matches(name, shipped_specs(), n=1)
    help = f"did you mean `{near[0]}`?" if near else "`dartsl specs` lists the shipped specs"
    what = "is a folder, not a spec" if path.is_dir() else "is neither a file nor a shipped spec"
    raise UserError(f"`{path_or_name}` {what}", help, exit_code=2)


def read_file(path: Path, name: str) -> Source:
    """The text of a file. Raises OSError, and SpecError (E0106) where it is not UTF-8."""
    return decode(name, path.read_bytes(), path)


def decode(name: str, data: bytes, path: Path | None) -> Source:
    """Bytes -> text without a byte-order mark and with `\\n` as line end. Raises SpecError (E0106)."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The byte offset counts from behind a byte-order mark; all before it is good UTF-8.
        good = _lines(error.object[: error.start].decode("utf-8"))
        source = Source(name, _lines(error.object.decode("utf-8", errors="replace")), path)
        span = Span(source, len(good), len(good) + 1)
        label = Label(span, f"byte 0x{error.object[error.start]:02x}")
        fault = Diagnostic("E0106", "this file is not UTF-8", label, help="save it with the encoding UTF-8")
        raise SpecError([fault]) from error
    return Source(name, _lines(text), path)


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _reason(error: Exception) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def load(root: Source) -> Loaded:
    """A root file with everything that it imports. Syntax faults and bad imports become diagnostics."""
    loader = _Loader(root)
    loader.run()
    return Loaded(tuple(loader.files), tuple(loader.diagnostics))


@dataclass
class _Visit:
    """A file whose imports are being followed."""

    source: Source
    key: Path | None
    file: File | None
    imports: Iterator[Import]
    via: Import | None = field(default=None)


class _Loader:
    def __init__(self, root: Source) -> None:
        self.root = root
        self.library = specs_dir().resolve()
        self.folder = root.path.resolve().parent if root.path else None
        self.files: list[File] = []
        self.diagnostics: list[Diagnostic] = []
        self.done: set[Path] = set()
        self.stack: list[_Visit] = []

    def run(self) -> None:
        """Depth first, on a stack of its own: a chain of imports may be of any length."""
        prelude = shipped_specs().get(PRELUDE)
        if prelude is None:
            raise UserError(f"`{PRELUDE}.darts` is missing from this installation", "install dartsl again")
        for source in (read_file(prelude, f"{PRELUDE}.darts"), self.root):
            if source.path is None or source.path.resolve() not in self.done:
                self._enter(source, None)
                self._drain()

    def _drain(self) -> None:
        while self.stack:
            visit = self.stack[-1]
            node = next(visit.imports, None)
            if node is not None:
                self._follow(visit, node)
                continue
            self.stack.pop()
            if visit.key is not None:
                self.done.add(visit.key)
            if visit.file is not None:
                self.files.append(visit.file)

    def _enter(self, source: Source, via: Import | None) -> None:
        file, faults = parse_recovering(source)
        self.diagnostics += faults
        key = source.path.resolve() if source.path else None
        self.stack.append(_Visit(source, key, file, iter(file.imports if file else ()), via))

    def _follow(self, visit: _Visit, node: Import) -> None:
        """Enters the file that an import names, unless it is read already or cannot be."""
        try:
            found = self._find(visit, node)
            if found is None:
                return
            path, name = found
            key = path.resolve()
            if key in self.done:
                return
            if any(open_file.key == key for open_file in self.stack):
                self._cycle(key, node)
                return
            self._enter(read_file(path, name), node)
        except SpecError as error:
            self.diagnostics += error.diagnostics
            self.done.add(key)
        except (OSError, RuntimeError) as error:  # RuntimeError: links that run in a circle
            self._missing(node, f"it cannot be read: {_reason(error)}", None)

    def _find(self, visit: _Visit, node: Import) -> tuple[Path, str] | None:
        """The path and the display name of what an import names; else a diagnostic and None."""
        text = node.path.value
        if not text.isprintable() or "\\" in text:
            self._outside(node, "folders are separated by `/`")
            return None
        if text.startswith("/") or text[1:2] == ":":
            self._outside(node, "an absolute path")
            return None
        if text.startswith(("./", "../")):
            return self._find_beside(visit, node)
        path = shipped_specs().get(text)
        if path is not None:
            return path, f"{text}.darts"
        name = text.removesuffix(".darts")
        near = get_close_matches(name, shipped_specs(), n=1)
        help = "imports start with `std/`, or with `./` for a file of your own"
        if visit.source.path is not None and (visit.source.path.parent / f"{name}.darts").is_file():
            help = f'a file beside this one is imported as `import "./{name}"`'
        elif near:
            help = f'did you mean `import "{near[0]}"`?'
        self._missing(node, "no shipped spec has this name", help)
        return None

    def _find_beside(self, visit: _Visit, node: Import) -> tuple[Path, str] | None:
        here = visit.source.path
        if here is None:
            self._missing(node, "this text is not in a file, so nothing is beside it", None)
            return None
        path = here.parent / f"{node.path.value}.darts"
        real = path.resolve()
        if not any(home and real.is_relative_to(home) for home in (self.folder, self.library)):
            self._outside(node, "outside the folder of the root file")
            return None
        if path.is_file():
            return path, self._display(visit.source, node.path.value)
        wanted = node.path.value.removesuffix(".darts")
        others = [other.stem for other in path.parent.glob("*.darts")] if path.parent.is_dir() else []
        near = get_close_matches(PurePosixPath(wanted).name, others, n=1)
        help = f'did you mean `import "{wanted.rpartition("/")[0]}/{near[0]}"`?' if near else None
        self._missing(node, f"no file `{self._display(visit.source, node.path.value)}`", help)
        return None

    def _display(self, importer: Source, text: str) -> str:
        folder = PurePosixPath(Path(importer.name).parent.as_posix())
        return f"{folder / text}.darts"

    # -------------------------------------------------------- diagnostics

    def _missing(self, node: Import, label: str, help: str | None) -> None:
        title = f'import "{node.path.value}" is not found'
        self.diagnostics.append(Diagnostic("E0204", title, Label(node.path.span, label), help=help))

    def _outside(self, node: Import, label: str) -> None:
        title = "an import cannot leave the folder of the spec"
        help = "import from the library (`std/cnn`) or from the root file's folder (`./mine`)"
        self.diagnostics.append(Diagnostic("E0207", title, Label(node.path.span, label), help=help))

    def _cycle(self, key: Path, node: Import) -> None:
        start = next(index for index, visit in enumerate(self.stack) if visit.key == key)
        chain = [visit.via for visit in self.stack[start + 1 :] if visit.via is not None]
        labels = tuple(Label(via.path.span, "which is imported here") for via in reversed(chain))
        text = f"this is {self.stack[start].source.name} again, whose imports are not read yet"
        label = Label(node.path.span, "this file imports itself" if not chain else text)
        help = "move what the files share to one of their own, and import that"
        self.diagnostics.append(Diagnostic("E0205", "imports run in a circle", label, labels, help))
