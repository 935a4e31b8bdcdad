"""Comments that silence warnings: `# dartsl: allow W0303`.

Above the first import or declaration such a comment holds for the whole file; on a line of its own elsewhere, for the
statement that follows; after something, for the innermost statement that it stands in. Errors cannot be silenced.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from dartsl.lang.codes import e01
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import Span
from dartsl.lang.codes.suggestions import close
from dartsl.lang.codes.table import CODES
from dartsl.lang.syntax.ast import CellDecl, Comment, File, NetworkDecl

UNUSED = "W0107"
# `# dartsl: ...` is always meant so; without the colon, or as `darts`, only with a code: `# darts: our first space`.
_COMMENT = re.compile(
    r"#[ \t]*(?:dartsl[ \t]*:|dartsl?[ \t]*:?(?=[ \t]*allow[ \t:]+[A-Za-z]\d{4}\b))"
    r"[ \t]*(?P<verb>\w*)[ \t:]*(?P<rest>.*)"
)
_CODE = re.compile(r"[ \t,]*([A-Za-z]\d{4})\b")


@dataclass
class _Allow:
    """One code of a comment: the warnings that start in `start` to `end` are silenced."""

    code: str
    span: Span  # of the code
    start: int
    end: int
    used: bool = field(default=False)


def silenced(files: Iterable[File], faults: Sequence[Diagnostic]) -> list[Diagnostic]:
    """The faults of a spec without the warnings that its files allow, and W0107 for each allow that does nothing.

    Where there are errors, nothing is said of an allow without use: not all warnings may have been looked for.
    """
    allows: dict[int, list[_Allow]] = {}
    found: list[Diagnostic] = []
    for file in files:
        reaches = _Reaches(file)
        allows[id(file.source)] = []
        for comment in file.comments:
            read = _COMMENT.match(comment.text)
            if read is None:
                continue
            allows[id(file.source)] += _read(file, comment, read, reaches.of(comment), found)
    kept = [
        fault for fault in faults if not _is_allowed(fault, allows.get(id(fault.primary.span.source), []))
    ]
    if not any(fault.severity == "error" for fault in faults):
        idle = (allow for some in allows.values() for allow in some if not allow.used)
        found += [e01.silences_nothing(allow.span, allow.code) for allow in idle]
    return kept + [fault for fault in found if not _is_allowed(fault, allows[id(fault.primary.span.source)])]


def _is_allowed(fault: Diagnostic, allows: Iterable[_Allow]) -> bool:
    if fault.severity == "error":
        return False
    start = fault.primary.span.start
    fitting = [a for a in allows if a.code == fault.code and a.start <= start < a.end]
    for allow in fitting:
        allow.used = True
    return bool(fitting)


def _read(
    file: File, comment: Comment, read: re.Match[str], reach: tuple[int, int], found: list[Diagnostic]
) -> Iterator[_Allow]:
    """What a comment allows; what is wrong with it is added to `found`."""
    place = read.start("rest")
    codes = []
    while (code := _CODE.match(comment.text, place)) is not None:
        codes.append(code)
        place = code.end()
    if read["verb"] != "allow" or not codes:
        whole = Span(file.source, comment.start, comment.start + len(comment.text))
        found.append(e01.not_understood(whole))
        return
    for code in codes:
        span = Span(file.source, comment.start + code.start(1), comment.start + code.end(1))
        name = code[1].upper()
        if name not in CODES or name.startswith("E"):
            found.append(_refused(name, span))
        else:
            yield _Allow(name, span, *reach, used=name == UNUSED)


def _refused(code: str, span: Span) -> Diagnostic:
    if code in CODES:
        return e01.not_allowed(span, code)
    near = close(code, (known for known in CODES if known.startswith("W")), cutoff=0.4)
    return e01.no_code(span, code, near)


class _Reaches:
    """Which part of a file, from one offset to another, a comment holds for."""

    def __init__(self, file: File) -> None:
        self.text = file.source.text
        bodies = [d for d in file.declarations if isinstance(d, CellDecl | NetworkDecl)]
        items = [item for declaration in bodies for item in declaration.items]
        self.outer = [statement.span for statement in (*file.imports, *file.declarations)]
        self.all = sorted([*self.outer, *(item.span for item in items)], key=lambda span: span.start)

    def of(self, comment: Comment) -> tuple[int, int]:
        """The whole file, the next statement, or the innermost one around what stands before the comment."""
        if not self.all or comment.start < self.all[0].start:
            return 0, len(self.text)
        if comment.own_line:
            return _ends(self.all[bisect_right(self.all, comment.start, key=_start) :][:1], comment.start)
        code = len(self.text[: comment.start].rstrip()) - 1  # the last character before the comment
        around = [spans[bisect_right(spans, code, key=_start) - 1] for spans in (self.all, self.outer)]
        return _ends([span for span in around if span.start <= code < span.end], comment.start)


def _start(span: Span) -> int:
    return span.start


def _ends(spans: Sequence[Span], nowhere: int) -> tuple[int, int]:
    return (spans[0].start, spans[0].end) if spans else (nowhere, nowhere)
