"""How an expression that does not fit on one line is broken, and where comments go.

Comments are not in the tree. Each stays with its neighbour in the text: a trailing one after the piece
that it follows, one on its own line above the piece that it precedes. A comment inside what is never broken
(between the two sides of a `*`, say) moves to the line above.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from dartsl.lang.codes.source import Source, Span
from dartsl.lang.syntax import ast as s
from dartsl.lang.syntax.spelling import CHAIN, CHOICE, SUM, binding, operator, spell

STATEMENT = 88  # the length at which a statement is broken
NESTED = 100  # the same for the lines inside a broken one: a second break costs more than a long line
STEP = 2  # blanks a level


@dataclass
class Line:
    text: str
    comment: str | None = None
    blank: bool = False  # whether an empty line stands above


class Comments:
    """The comments of a file that have not been printed yet."""

    def __init__(self, source: Source, comments: tuple[s.Comment, ...]) -> None:
        self.source = source
        self._waiting = sorted(comments, key=lambda comment: comment.start)
        self._starts = [comment.start for comment in self._waiting]

    def knows(self, span: Span) -> bool:
        """Whether a span is of this file (a tree may be put together from several)."""
        return span.source is self.source

    def between(self, start: int, end: int) -> list[s.Comment]:
        """Those that start in a range of the text."""
        return self._waiting[bisect_left(self._starts, start) : bisect_left(self._starts, end)]

    def take(self, start: int, end: int) -> list[s.Comment]:
        """Those that start in a range of the text; they wait no longer."""
        first, last = bisect_left(self._starts, start), bisect_left(self._starts, end)
        taken = self._waiting[first:last]
        del self._waiting[first:last], self._starts[first:last]
        return taken

    def take_trailing(self, end: int, bound: int) -> s.Comment | None:
        """The one on the line where something ends, if it starts before `bound`."""
        for comment in self.between(end, bound)[:1]:
            if not comment.own_line and "\n" not in self.source.text[end : comment.start]:
                self.take(comment.start, comment.start + 1)
                return comment
        return None

    def above(self, offset: int) -> bool:
        """Whether an empty line stands above what starts a line at this offset."""
        number, column = self.source.position(offset)
        if number == 1 or self.source.line(number)[: column - 1].strip():
            return False
        return not self.source.line(number - 1).strip()


class Layout:
    """Breaks expressions into lines."""

    def __init__(self, comments: Comments) -> None:
        self.comments = comments

    def fits(self, first: str, expr: s.Expr, last: str, *, least: int, limit: int, begin: int | None) -> bool:
        """Whether an expression goes on one line: short, and no comment from `begin` to its end."""
        if self.comments.knows(expr.span):
            start = expr.span.start if begin is None else begin
            if self.comments.between(start, expr.span.end):
                return False
        return len(first) + len(spell(expr, least)) + len(last) <= limit

    def expression(
        self, expr: s.Expr, indent: int, first: str, last: str = "", *,
        least: int = CHOICE, limit: int = NESTED, begin: int | None = None,
    ) -> list[Line]:  # fmt: skip
        """The lines of an expression with `first` before it (indented already) and `last` after it.

        Comments from `begin` on, which is at most where the expression starts, are the expression's.
        """
        whole = [Line(first + spell(expr, least) + last)]
        if self.fits(first, expr, last, least=least, limit=limit, begin=begin):
            return whole
        if binding(expr) < least:
            inner = self.expression(expr, indent + STEP, " " * (indent + STEP), begin=begin)
            return [Line(first + "("), *inner, Line(" " * indent + ")" + last)]
        match expr:
            case s.Choice():
                return self._steps(expr, expr.options, indent, first, last, begin)
            case s.Chain():
                return self._steps(expr, expr.steps, indent, first, last, begin)
            case s.Call(arguments=arguments) if arguments:
                pieces = [(a, f"{a.name.id} = " if a.name else "", a.value) for a in arguments]
                return self._listed(expr, pieces, indent, f"{first}{expr.function.id}(", ")" + last)
            case s.Match():
                arms = [(arm, f"{spell(arm.value)} => ", arm.body) for arm in expr.arms]
                return self._listed(expr, arms, indent, f"{first}match {expr.subject.id} {{", "}" + last)
            case s.Binary():
                level = binding(expr)
                rest = operator(expr) + spell(expr.right, level + 1) + last
                return self.expression(expr.left, indent, first, rest, least=level, limit=limit, begin=begin)
            case _:
                return whole

    def _steps(
        self, expr: s.Choice | s.Chain, steps: tuple[s.Expr, ...], indent: int, first: str, last: str,
        begin: int | None,
    ) -> list[Line]:  # fmt: skip
        """One step or option a line; below `first`, one level deeper, where there is something in it."""
        lines: list[Line] = []
        if first.strip():
            indent += STEP
            lines.append(Line(first.rstrip()))
        margin = " " * indent
        mark, least = ("| ", CHAIN) if isinstance(expr, s.Choice) else ("> ", SUM)
        place = self._region(expr.span, begin)
        if lines and place:
            self._open(lines[0], place, steps[0].span)
        for index, step in enumerate(steps):
            lead = margin + (mark if index or isinstance(expr, s.Choice) else "")
            tail = last if index == len(steps) - 1 else ""
            make = partial(self.expression, step, indent, lead, tail, least=least)
            lines += self.piece(step.span, place, margin, make)
            place = self._rest(place, step.span)
        return lines + self._dangling(place, margin)

    def _listed(
        self, expr: s.Call | s.Match, pieces: Sequence[tuple[s.Argument | s.Arm, str, s.Expr]], indent: int,
        opening: str, closing: str,
    ) -> list[Line]:  # fmt: skip
        """One argument or arm a line, between two brackets."""
        margin = " " * (indent + STEP)
        lines = [Line(opening)]
        place = self._region(expr.span, None)
        if place:
            self._open(lines[0], place, pieces[0][0].span)
        for piece, lead, value in pieces:
            make = partial(self.expression, value, indent + STEP, margin + lead, ",")
            lines += self.piece(piece.span, place, margin, make)
            place = self._rest(place, piece.span)
        return [*lines, *self._dangling(place, margin), Line(" " * indent + closing)]

    # ------------------------------------------------------------ comments

    def piece(
        self, span: Span, place: tuple[int, int] | None, margin: str, make: Callable[[], list[Line]]
    ) -> list[Line]:
        """The lines of one piece of a sequence with the comments that belong to it.

        `place` is the part of the text from the piece before this one to the end of the sequence.
        """
        if place is None or not self.comments.knows(span):
            return make()
        above = self.comments.take(place[0], span.start)
        lines = make()
        above += self.comments.take(span.start, span.end)
        trailing = self.comments.take_trailing(span.end, place[1])
        if trailing and lines[-1].comment is None:
            lines[-1].comment = trailing.text
        elif trailing:
            above.append(trailing)
        return [*(Line(margin + comment.text) for comment in above), *lines]

    def _region(self, span: Span, begin: int | None) -> tuple[int, int] | None:
        if not self.comments.knows(span):
            return None
        return (span.start if begin is None else begin), span.end

    def _rest(self, place: tuple[int, int] | None, span: Span) -> tuple[int, int] | None:
        known = place is not None and self.comments.knows(span)
        return (span.end, place[1]) if known and place else place

    def _open(self, line: Line, place: tuple[int, int], first: Span) -> None:
        """A comment right after what opens a sequence stays there."""
        if not self.comments.knows(first):
            return
        for comment in self.comments.between(place[0], first.start)[:1]:
            if not comment.own_line:
                self.comments.take(comment.start, comment.start + 1)
                line.comment = comment.text

    def _dangling(self, place: tuple[int, int] | None, margin: str) -> list[Line]:
        return [Line(margin + comment.text) for comment in self.comments.take(*place)] if place else []


def join(lines: list[Line]) -> str:
    """The text of lines, with trailing comments aligned.

    A run of neighbouring lines of one indentation puts its comments in one column: two blanks after the
    longest line from the first to the last that has a comment. A line that opens something stands alone.
    """
    out: list[str] = []
    run: list[Line] = []

    def flush() -> None:
        marked = [index for index, line in enumerate(run) if line.comment is not None]
        column = max((len(line.text) for line in run[marked[0] : marked[-1] + 1]), default=0) if marked else 0
        for line in run:
            out.append(line.text if line.comment is None else f"{line.text:<{column}}  {line.comment}")
        run.clear()

    for line in lines:
        indent = len(line.text) - len(line.text.lstrip())
        alone = line.text.lstrip().startswith("#") or line.text.endswith(("=", "(", "{", ":"))
        if run and (line.blank or alone or indent != len(run[0].text) - len(run[0].text.lstrip())):
            flush()
        if line.blank and out:
            out.append("")
        run.append(line)
        if alone:
            flush()
    flush()
    return "\n".join(out) + "\n"
