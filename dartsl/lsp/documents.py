"""A text that is open in an editor, and what is known of it: read when it is asked for, and kept until it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import Path

from pygls.uris import from_fs_path, to_fs_path

from dartsl.lang.check.model import Spec
from dartsl.lang.check.resolve import NamedDecl
from dartsl.lang.checker import Report, diagnose, target_of, visibility
from dartsl.lang.codes.diagnostics import Diagnostic, SpecError
from dartsl.lang.codes.limits import MAX_BYTES
from dartsl.lang.codes.render import Size
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.fixes import known_names
from dartsl.lang.plan.network_plan import planned
from dartsl.lang.plan.terms import Plan
from dartsl.lang.syntax import ast
from dartsl.lang.syntax.library import in_library
from dartsl.lang.syntax.loader import Loaded, decode, load, read_file
from dartsl.lang.syntax.parser import parse_recovering
from dartsl.lang.syntax.paths import resolved
from dartsl.lsp.names import Occurrence, declared, occurrences
from dartsl.lsp.positions import MARK, Positions
from dartsl.lsp.wording import comment_of, comments_by_line


def path_of(uri: str) -> Path | None:
    """The file of a URI; None for a text that is in none."""
    found = to_fs_path(uri) if uri.startswith("file:") else None
    return Path(found) if found else None


def uri_of(path: Path) -> str:
    return from_fs_path(str(path)) or path.as_uri()


class Document:
    """A text, its spec as far as it can be read, and what `dartsl check` says of it.

    What it imports is read as it is in the editor, where `opened` has it, else as it is on disk.
    """

    def __init__(
        self,
        uri: str,
        text: str,
        encoding: str = "utf-16",
        opened: Callable[[Path], str | None] = lambda _: None,
    ) -> None:
        self.uri = uri
        self.text = text
        self.encoding = encoding
        self.opened = opened
        self.imported: set[Path] = set()  # the files that were read for it
        path = path_of(uri)
        name = path.name if path else uri.rpartition("/")[2]
        data = _bytes(text)
        self.readable = len(data) <= MAX_BYTES
        self.faults: tuple[Diagnostic, ...] = ()
        try:
            self.source = decode(name, data if self.readable else b"", path)
        except SpecError as fault:
            self.readable, self.faults = False, fault.diagnostics
            self.source = fault.diagnostics[0].primary.span.source
        self.positions = Positions(self.source, encoding, text.startswith(MARK))

    def read(self, path: Path, name: str) -> Source:
        """The text of a file that it imports. Raises OSError and SpecError."""
        self.imported.add(resolved(path))
        text = self.opened(path)
        return read_file(path, name) if text is None else decode(name, _bytes(text), path)

    # ------------------------------------------------------------ what it says

    @cached_property
    def loaded(self) -> Loaded:
        """The files of its spec. Without its own where nothing can be read of it."""
        return load(self.source, self.read) if self.readable else Loaded((), ())

    @cached_property
    def report(self) -> Report:
        """What `dartsl check` finds."""
        return diagnose(self.source, self.loaded) if self.readable else Report(None, self.faults, Size())

    @cached_property
    def root(self) -> ast.File | None:
        """Its tree; that of the prelude, which comes before the files of a spec, is read by itself."""
        files = self.loaded.files
        if files and files[-1].source is self.source:
            return files[-1]
        prelude = self.source.path is not None and bool(files) and files[-1].source.path == self.source.path
        return parse_recovering(self.source)[0] if prelude else None

    @property
    def sound(self) -> bool:
        """Whether all of the text could be read, so that no name in it is unknown."""
        mine = (fault for fault in self.loaded.diagnostics if fault.primary.span.source is self.source)
        return self.root is not None and not any(fault.code.startswith("E01") for fault in mine)

    @cached_property
    def declared(self) -> Mapping[str, NamedDecl]:
        """The operations, choices and cells that it sees."""
        return declared(self.loaded.files)

    @cached_property
    def comments(self) -> Mapping[int, Mapping[int, ast.Comment]]:
        """The comments of each file by their lines; by the `id` of its source."""
        return {id(file.source): comments_by_line(file) for file in self.loaded.files}

    @cached_property
    def networks(self) -> tuple[ast.NetworkDecl, ...]:
        found = (each for file in self.loaded.files for each in file.declarations)
        return tuple(each for each in found if isinstance(each, ast.NetworkDecl))

    @cached_property
    def names(self) -> list[Occurrence]:
        """The names in its text."""
        return self.names_in(self.root) if self.root else []

    def comment_of(self, declaration: NamedDecl) -> str:
        """What stands above a declaration, or behind it."""
        return comment_of(self.comments.get(id(declaration.span.source), {}), declaration)

    def names_in(self, file: ast.File) -> list[Occurrence]:
        """The names in one of its files."""
        return occurrences(file, self.declared, self.networks)

    def at(self, offset: int) -> list[Occurrence]:
        """The names at a place; several where it is in a range."""
        return [one for one in self.names if one.span.start <= offset <= one.span.end]

    @cached_property
    def known(self) -> frozenset[str]:
        """All names that a misspelt word in it can have meant."""
        return known_names(self.loaded.files)

    # ------------------------------------------------------------ what it builds

    @property
    def spec(self) -> Spec | None:
        """Its spec, where that is sound."""
        return self.report.spec

    @cached_property
    def plans(self) -> tuple[Plan, ...]:
        """The networks of a sound spec with their widths and sizes, its own before those of its imports."""
        spec = self.spec
        if spec is None:
            return ()
        networks = sorted(spec.networks.values(), key=lambda each: each.span.source is not self.source)
        plans = (planned(spec, network, {}, 1)[0] for network in networks)
        return tuple(plan for plan in plans if plan is not None)

    @cached_property
    def costs(self) -> dict[str, str | None]:
        """What its networks cost, in words, those of which that was asked."""
        return {}

    # ------------------------------------------------------------ its files

    def location(self, span: Span) -> tuple[str, Positions] | None:
        """The URI of the file in which a span stands, and its positions; None where it is not in a file."""
        if span.source is self.source:
            return self.uri, self.positions
        if span.source.path is None or (in_library(span.source) and span.start >= _length(span.source.path)):
            return None  # a primitive that Python has added to the prelude stands in no file
        return uri_of(span.source.path), Positions(span.source, self.encoding)

    def import_of(self, source: Source) -> Span | None:
        """The import by which another file comes in; None where none does."""
        if self.root is None:
            return None
        files = self.loaded.files
        seen, read = visibility(files), {resolved(f.source.path): f.source for f in files if f.source.path}
        for item in self.root.imports:
            path = target_of(self.root, item)
            target = None if path is None else read.get(path)
            brings = target is not None and id(source) in seen.get(id(target), frozenset())
            if brings or (path is not None and source.path is not None and path == resolved(source.path)):
                return item.path.span
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")  # what is no UTF-8 is reported when it is decoded


def _length(path: Path) -> int:
    try:
        return len(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return 0


class Documents:
    """The texts that are open, as the editor has them; `opened` has their URIs."""

    def __init__(self, text_of: Callable[[str], str], opened: Callable[[], Iterable[str]] = tuple) -> None:
        self.text_of = text_of
        self.opened = opened
        self.encoding = "utf-16"
        self._known: dict[str, Document] = {}

    def get(self, uri: str) -> Document:
        text = self.text_of(uri)
        known = self._known.get(uri)
        if known is None or known.text != text or known.encoding != self.encoding:
            known = self._known[uri] = Document(uri, text, self.encoding, self._open_text)
        return known

    def _open_text(self, path: Path) -> str | None:
        """The text of a file that is open."""
        own = resolved(path)
        for uri in self.opened():
            other = path_of(uri)
            if other is not None and resolved(other) == own:
                return self.text_of(uri)
        return None

    def changed(self, uri: str) -> list[str]:
        """An open text is another now, or is open no longer: forget what was read of it for others; their URIs."""
        path = path_of(uri)
        own = None if path is None else resolved(path)
        known = list(self._known.items())  # lenses, on a thread of their own, may read another text meanwhile
        found = [other for other, document in known if own in document.imported and other != uri]
        for each in found:
            del self._known[each]
        return found

    def drop(self, uri: str) -> None:
        self._known.pop(uri, None)

    def forget(self) -> None:
        """Read all anew: a file has changed that some of them may import."""
        self._known.clear()
