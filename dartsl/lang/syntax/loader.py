"""From a name on the command line to the files of a spec: reading, imports, the folder rule."""

from __future__ import annotations

import codecs
import errno
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher, get_close_matches
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from dartsl.lang.codes import e01, e02
from dartsl.lang.codes.diagnostics import Diagnostic, SpecError, UserError
from dartsl.lang.codes.limits import MAX_BYTES, MAX_FILES, too_large
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.codes.suggestions import MAX_SUGGESTIONS, close
from dartsl.lang.records.primitives import declarations
from dartsl.lang.syntax.ast import File, Import
from dartsl.lang.syntax.grammar import VERSIONS
from dartsl.lang.syntax.parser import parse_recovering
from dartsl.lang.syntax.paths import is_there, reason, resolved
from dartsl.lang.syntax.resources import shipped_specs, specs_dir
from dartsl.lang.syntax.syntax_faults import shown

# The primitives of each version of the language: always imported.
PRELUDES = {1: "std/prelude", 2: "std/prelude_2"}


Reader = Callable[[Path, str], Source]  # the text of a file, by the name that diagnostics give it


@dataclass(frozen=True)
class Loaded:
    """The files of a spec, the imported before the importer (the prelude first, the root last).

    A file that could not be read at all is missing; the diagnostics say why.
    """

    files: tuple[File, ...]
    diagnostics: tuple[Diagnostic, ...]


def read(path_or_name: str) -> Source:
    """The text of a file, of a shipped spec (`digits`, `zoo/darts_v2`), or of standard input (`-`).

    Raises UserError where there is no such file or it is too large, SpecError (E0106) where it is not UTF-8.
    """
    if path_or_name == "-":
        try:
            return decode("<stdin>", _bounded(sys.stdin.buffer), None)
        except OSError as error:
            raise UserError(f"cannot read standard input: {reason(error)}") from error
    path = Path(path_or_name)
    if not path_or_name:  # Path("") is the folder that one stands in
        raise UserError("the name of a spec is empty", "`dartsl specs` lists the shipped specs", exit_code=2)
    try:
        if path.is_file():
            return read_file(path, path_or_name)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {shown(path_or_name)}: {reason(error)}") from error
    name = path_or_name.removesuffix(".darts")
    shipped = shipped_specs().get(name)
    if shipped:
        return read_file(shipped, f"{name}.darts")
    near = get_close_matches(name, shipped_specs(), n=1)
    help = f"did you mean `{near[0]}`?" if near else "`dartsl specs` lists the shipped specs"
    raise UserError(f"{shown(path_or_name)} {_what(path)}", help, exit_code=2)


def _what(path: Path) -> str:
    """What a path that is no file is."""
    if path.is_dir():
        return "is a folder, not a spec"
    if path.is_symlink():
        return "is a symbolic link that leads to no file"
    return "is not a regular file" if path.exists() else "is neither a file nor a shipped spec"


def read_file(path: Path, name: str) -> Source:
    """The text of a file. Raises OSError, also where it is too large, and SpecError (E0106) where it is not UTF-8."""
    with open(path, "rb") as file:
        return decode(name, _bounded(file), path)


def _bounded(file: BinaryIO) -> bytes:
    """All that a file holds. Raises OSError, after MAX_BYTES, for one that holds more."""
    data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(errno.EFBIG, f"a spec has at most {MAX_BYTES:,} bytes")
    return data


def decode(name: str, data: bytes, path: Path | None) -> Source:
    """Bytes -> text without a byte-order mark and with `\\n` as line end. Raises SpecError (E0106)."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # The byte offset counts from after a byte-order mark; all before it is good UTF-8.
        good = _lines(error.object[: error.start].decode("utf-8"))
        source = Source(name, _lines(error.object.decode("utf-8", errors="replace")), path)
        span = Span(source, len(good), len(good) + 1)
        raise SpecError([e01.not_utf8(span, error.object[error.start])]) from error
    return Source(name, _lines(text), path)


def encode(text: str, before: bytes) -> bytes:
    """The bytes of a file that had others `before`: with its byte-order mark, and of each line that stays its line end.
    A new line has that of the line in whose place it stands, or else that of the first one."""
    ends = re.findall(r"\r\n|\r|\n", before.decode("utf-8-sig")) or ["\n"]
    old, new = (each.split("\n") for each in (_lines(before.decode("utf-8-sig")), text))
    kept = [ends[0]] * len(new)
    for _, start, stop, first, last in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        for place in range(min(stop - start, last - first)):
            kept[first + place] = ends[min(start + place, len(ends) - 1)]
    mark = codecs.BOM_UTF8 if before.startswith(codecs.BOM_UTF8) else b""
    return mark + "".join(line + end for line, end in zip(new, [*kept[:-1], ""], strict=True)).encode()


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def load(root: Source, read: Reader = read_file) -> Loaded:
    """A root file with everything that it imports. Syntax faults and bad imports become diagnostics.

    `read` gives the text of a file that is imported, as `read_file` does.
    """
    loader = _Loader(root, read)
    loader.run()
    return Loaded(tuple(loader.files), tuple(loader.diagnostics))


@lru_cache(maxsize=32)
def _parsed_once(source: Source) -> tuple[File | None, list[Diagnostic]]:
    """As `parse_recovering`, for a file that comes with dartsl: a process that checks often, as a server does, reads
    each of these once."""
    return parse_recovering(source)


@dataclass
class _Visit:
    """A file whose imports are being followed."""

    source: Source
    key: Path | None
    file: File | None
    imports: Iterator[Import]
    via: Import | None = field(default=None)


class _Loader:
    def __init__(self, root: Source, read: Reader) -> None:
        self.root = root
        self.read = read
        self.library = specs_dir().resolve()
        self.folder = resolved(root.path).parent if root.path else None
        self.files: list[File] = []
        self.diagnostics: list[Diagnostic] = []
        self.done: set[Path] = set()
        self.versions: dict[Path, int] = {}  # of the files that were read
        self.stack: list[_Visit] = []
        self.open: set[Path] = set()  # the files on the stack
        self.sought = 0
        self.left = MAX_BYTES  # to be read of files that are imported

    def run(self) -> None:
        """Depth first, on a stack of its own: a chain of imports may be of any length."""
        shipped, name = shipped_specs(), PRELUDES.get(self.root.version, PRELUDES[1])
        prelude = shipped.get(name)
        if prelude is None:
            raise UserError(f"`{name}.darts` is missing from this installation", "install dartsl again")
        builtin = read_file(prelude, f"{name}.darts")
        builtin = replace(builtin, text=builtin.text + declarations(builtin.version))
        preludes = {resolved(shipped[name]): version for version, name in PRELUDES.items() if name in shipped}
        self.versions.update(preludes)
        for source in (builtin, self.root):
            if source.path is None or resolved(source.path) not in self.done:
                self._enter(source, None)
                self._drain()
            self.done.update(preludes)  # the prelude of each version: an import of one adds nothing

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
                self.open.discard(visit.key)
            if visit.file is not None:
                self.files.append(visit.file)

    def _enter(self, source: Source, via: Import | None) -> None:
        inside = source.path is not None and source.path.is_relative_to(self.library)
        shipped = (
            inside and source is not self.root
        )  # whose tree stands in the source that was given, not in its equal
        file, faults = (_parsed_once if shipped else parse_recovering)(source)
        self.diagnostics += faults
        key = resolved(source.path) if source.path else None
        if key is not None:
            self.versions[key] = source.version
            self.open.add(key)
        self.stack.append(_Visit(source, key, file, iter(file.imports if file else ()), via))

    def _follow(self, visit: _Visit, node: Import) -> None:
        """Enters the file that an import names, unless it is read already or cannot be."""
        try:
            found = self._find(visit, node)
            if found is None:
                return
            path, name = found
            key = resolved(path)
            if self._is_later(visit, node, name, self.versions.get(key, 1)) or key in self.done:
                return
            if key in self.open:
                self._cycle(key, node)
                return
            if len(self.done) + len(self.open) >= MAX_FILES:
                self.done.add(key)
                self.diagnostics.append(too_large(node.path.span, "files", MAX_FILES + 1, MAX_FILES))
                return
            source = self._taken(self.read(path, name))
            if not self._is_later(visit, node, name, source.version):
                self._enter(source, node)
        except SpecError as error:
            self.diagnostics += error.diagnostics
            self.done.add(key)
        except OSError as error:
            self._missing(node, f"it cannot be read: {reason(error)}", None)

    def _taken(self, source: Source) -> Source:
        """A file that is imported, counted. Raises OSError where all of them hold too much together."""
        self.left -= len(source.text)
        if self.left < 0:
            raise OSError(errno.EFBIG, f"the files of a spec have at most {MAX_BYTES:,} bytes together")
        return source

    def _find(self, visit: _Visit, node: Import) -> tuple[Path, str] | None:
        """The path and the display name of what an import names; else a diagnostic and None."""
        text = node.path.value
        if not text.isprintable():
            self._missing(node, "a name has printable characters only", None)
            return None
        if "\\" in text:
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
        near = self._near(name, shipped_specs())
        help = "imports start with `std/`, or with `./` for a file of your own"
        if visit.source.path is not None and (visit.source.path.parent / f"{name}.darts").is_file():
            help = f'a file beside this one is imported as `import "./{name}"`'
        elif near:
            help = f'did you mean `import "{near}"`?'
        self._missing(node, "no shipped spec has this name", help)
        return None

    def _find_beside(self, visit: _Visit, node: Import) -> tuple[Path, str] | None:
        here = visit.source.path
        if here is None:
            self._missing(node, "this text is not in a file, so nothing is beside it", None)
            return None
        path = here.parent / f"{node.path.value}.darts"
        real = resolved(path)
        if not any(home and real.is_relative_to(home) for home in (self.folder, self.library)):
            self._outside(node, "outside the folder of the root file")
            return None
        there = is_there(path)
        if there and path.is_file():
            return path, self._display(visit.source, node.path.value)
        if there:
            self._missing(
                node, f"`{self._display(visit.source, node.path.value)}` is not a regular file", None
            )
            return None
        wanted = node.path.value.removesuffix(".darts")
        name = PurePosixPath(wanted).name
        near = self._near(
            name, (other.stem for other in path.parent.glob("*.darts") if other != visit.source.path)
        )
        help = f'did you mean `import "{wanted.rpartition("/")[0]}/{near}"`?' if near else None
        if near is None and f"std/{name}" in shipped_specs():
            help = f'a shipped spec is imported without `./`: `import "std/{name}"`'
        self._missing(node, f"no file `{self._display(visit.source, node.path.value)}`", help)
        return None

    def _display(self, importer: Source, text: str) -> str:
        folder = PurePosixPath(Path(importer.name).parent.as_posix())
        return f"{folder / text}.darts"

    def _near(self, name: str, others: Iterable[str]) -> str | None:
        """The nearest of other names to one that is not found, for the first of these."""
        self.sought += 1
        return close(name, others) if self.sought <= MAX_SUGGESTIONS else None

    # -------------------------------------------------------- diagnostics

    def _missing(self, node: Import, label: str, help: str | None) -> None:
        name = shown(node.path.value).strip("`")
        self.diagnostics.append(e02.not_found(node.path.span, name, label, help))

    def _outside(self, node: Import, label: str) -> None:
        self.diagnostics.append(e02.outside(node.path.span, label))

    def _is_later(self, visit: _Visit, node: Import, name: str, version: int) -> bool:
        """Whether a file is of a later version than the one that imports it, which is reported."""
        if version <= visit.source.version or version not in VERSIONS:
            return False
        self.diagnostics.append(e02.later_version(node.path.span, name, version, visit.source.version))
        return True

    def _cycle(self, key: Path, node: Import) -> None:
        start = next(index for index, visit in enumerate(self.stack) if visit.key == key)
        chain = [visit.via for visit in self.stack[start + 1 :] if visit.via is not None]
        text = f"this is {self.stack[start].source.name} again, whose imports are not read yet"
        label = "this file imports itself" if not chain else text
        via = [each.path.span for each in reversed(chain)]
        self.diagnostics.append(e02.circle(node.path.span, label, via))
