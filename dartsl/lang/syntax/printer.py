"""Syntax tree -> canonical text: the formatter, and the spelling of everything that dartsl writes.

Empty lines between statements are the user's, except below the header and the imports; at most one is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

from dartsl.lang.codes.diagnostics import SpecError
from dartsl.lang.codes.source import HEADER, Source
from dartsl.lang.syntax import ast as s
from dartsl.lang.syntax.layout import NESTED, STATEMENT, STEP, Comments, Layout, Line, join
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.spelling import CHOICE, SUM, literal, names, parameters, spell

_Node = TypeVar("_Node", bound=s.Syntax)
_ROUNDS = 5  # at most: a comment that moved makes room for an alignment, so print until nothing changes
_CELL_WORD = len("output")  # items align after the longest keyword of their block
_NETWORK_WORD = len("stage")


def print_expr(expr: s.Expr) -> str:
    """An expression on one line."""
    return spell(expr)


def print_file(file: s.File, *, as_read: bool = False) -> str:
    """The canonical text of a file, with its comments.

    The text is parsed again and compared. Raises ValueError where that gives another tree: such a tree was
    not read from a text and says what no text can say (a keyword as a name, a choice of one option).
    Of a file `as_read`, which is all that its source says, a text that is canonical need not be parsed again.
    """
    text = file.source.text if as_read else ""
    latest = file
    for _ in range(_ROUNDS):
        before, text = text, _Printer(latest).file()
        if text == before:
            break
        latest = _read_back(file, text)
        if not file.comments:
            break
    return text


def _read_back(file: s.File, text: str) -> s.File:
    try:
        again = parse(Source(file.source.name, text))
    except SpecError as error:
        raise ValueError(f"this tree has no text: {error}") from error
    if again != file or sorted(c.text for c in again.comments) != sorted(c.text for c in file.comments):
        raise ValueError("this tree is read back as another one")
    return again


class _Printer:
    def __init__(self, tree: s.File) -> None:
        self.tree = tree
        self.comments = Comments(tree.source, tree.comments)
        self.layout = Layout(self.comments)

    def file(self) -> str:
        source = self.tree.source
        end = len(source.text)
        header = HEADER.match(source.text)
        place = header.end() if header else 0
        lines = self._above(0, place, "")
        lines.append(Line(f"darts {self.tree.version}", blank=bool(lines) and self._gap(place)))
        first = self._next_start([*self.tree.imports, *self.tree.declarations], 0, end)
        trailing = self.comments.take_trailing(place, first)
        if trailing:
            lines[-1].comment = trailing.text
        blocks = []
        if self.tree.imports:
            ends = [node.span.end for node in self.tree.imports if self.comments.knows(node.span)]
            # What stands below the line of the last import belongs to the declarations.
            stop = source.text.find("\n", max(ends)) if ends else place
            stop = min(end if stop < 0 else stop, self._next_start(self.tree.declarations, 0, end))
            blocks.append(self._statements(self.tree.imports, place, stop, self._import))
            place = stop
        blocks.append(self._declarations(self.tree.declarations, place, end))
        for block in filter(None, blocks):
            block[0].blank = True
            lines += block
        return join(lines)

    # --------------------------------------------------------- statements

    def _above(self, start: int, end: int, margin: str) -> list[Line]:
        taken = self.comments.take(start, end)
        return [Line(margin + comment.text, blank=self.comments.above(comment.start)) for comment in taken]

    def _gap(self, offset: int) -> bool:
        source = self.tree.source
        number, _ = source.position(offset)
        return self.comments.above(source.text.rfind("\n", 0, offset) + 1) if number > 1 else False

    def _next_start(self, nodes: Sequence[s.Syntax], index: int, end: int) -> int:
        """Where the first node from an index on starts that is of this file."""
        return next((node.span.start for node in nodes[index:] if self.comments.knows(node.span)), end)

    def _statements(
        self,
        nodes: Sequence[_Node],
        start: int,
        end: int,
        make: Callable[[_Node], list[Line]],
        indent: int = 0,
    ) -> list[Line]:
        """The lines of statements that stand in a part of the text, with their comments and empty lines."""
        out: list[Line] = []
        margin = " " * indent
        before: s.Syntax | None = None
        tall = False
        for index, node in enumerate(nodes):
            known = self.comments.knows(node.span)
            above = self._above(start, node.span.start, margin) if known else []
            lines = make(node)
            blank = self.comments.above(node.span.start) if known else False
            if not known and indent == 0 and before is not None:
                blank = tall or len(lines) > 1 or type(before) is not type(node)
            if known:
                inside = self.comments.take(node.span.start, node.span.end)
                if inside and not inside[0].own_line and lines[0].comment is None:
                    lines[0].comment = inside.pop(0).text
                lines = [*(Line(margin + comment.text) for comment in inside), *lines]
                bound = self._next_start(nodes, index + 1, end)
                trailing = self.comments.take_trailing(node.span.end, bound)
                if trailing and lines[-1].comment is None:
                    lines[-1].comment = trailing.text
                elif trailing:
                    lines.insert(0, Line(margin + trailing.text))
                start = node.span.end
            lines[0].blank = blank
            tall = len(lines) > 1
            before = node
            out += above + lines
        out += self._above(start, end, margin)
        if out:
            out[0].blank = False
        return out

    def _runs(self, nodes: Sequence[s.Syntax]) -> list[list[Any]]:
        """Neighbours of one kind without an empty line between them: what is aligned with one another."""
        runs: list[list[Any]] = [list(nodes[:1])] if nodes else []
        for one, other in pairwise(nodes):
            apart = type(one) is not type(other) or (
                self.comments.knows(one.span)
                and self.comments.knows(other.span)
                and "\n\n" in "".join(self.tree.source.text[one.span.end : other.span.start].split(" "))
            )
            if apart:
                runs.append([other])
            else:
                runs[-1].append(other)
        return runs

    # ------------------------------------------------------- declarations

    def _import(self, node: s.Import) -> list[Line]:
        return [Line(f"import {spell(node.path)}")]

    def _declarations(self, nodes: Sequence[s.Declaration], start: int, end: int) -> list[Line]:
        heads: dict[int, str] = {}
        for run in self._runs(nodes):
            short = [
                node for node in run if isinstance(node, s.OpsDecl | s.AliasDecl) and self._is_short(node)
            ]
            width = max((len(_head(node)) for node in short), default=0)
            for node in short:
                heads[id(node)] = f"{_head(node):<{width}}"
        return self._statements(nodes, start, end, lambda node: self._declaration(node, heads))

    def _is_short(self, node: s.OpsDecl | s.AliasDecl) -> bool:
        first = _head(node) + " = "
        begin = self._name_end(node)
        return self.layout.fits(first, _value(node), "", least=CHOICE, limit=STATEMENT, begin=begin)

    def _name_end(self, node: s.OpDecl | s.OpsDecl | s.AliasDecl | s.CellDecl | s.NetworkDecl) -> int:
        found = getattr(node, "parameters", ())
        return found[-1].span.end if found else node.name.span.end

    def _declaration(self, node: s.Declaration, heads: dict[int, str]) -> list[Line]:
        match node:
            case s.ExternDecl():
                return [Line(f"extern op {node.name.id}{parameters(node.parameters)}")]
            case s.CellDecl():
                return self._body(
                    _head(node), node, node.items, self._name_end(node), self._cell_items(node.items)
                )
            case s.NetworkDecl():
                return self._body(
                    _head(node), node, node.items, self._name_end(node), self._network_items(node.items)
                )
            case s.SettingsDecl():
                width = max((len(setting.name.id) for setting in node.settings), default=0)
                make = partial(_setting, width=width)
                return self._body(node.kind, node, node.settings, node.span.start, make)
            case _:
                aligned = heads.get(id(node), _head(node))
                if len(aligned) + len(spell(_value(node))) + 3 > NESTED:
                    aligned = _head(node)
                limit = NESTED if id(node) in heads else STATEMENT
                return self.layout.expression(
                    _value(node), 0, f"{aligned} = ", limit=limit, begin=self._name_end(node)
                )

    def _body(
        self, head: str, node: s.Syntax, items: Sequence[Any], start: int, make: Callable[[Any], list[Line]]
    ) -> list[Line]:
        """`head {`, a statement a line, `}`"""
        known = self.comments.knows(node.span)
        opening = Line(f"{head} {{")
        end = node.span.end - 1 if known else 0
        if known:
            for comment in self.comments.between(start, self._next_start(items, 0, end))[:1]:
                if not comment.own_line:
                    opening.comment = self.comments.take(comment.start, comment.start + 1)[0].text
        inner = self._statements(items, start if known else 0, end, make, STEP)
        return [opening, *inner, Line("}")] if inner or opening.comment else [Line(f"{head} {{}}")]

    # -------------------------------------------------------------- items

    def _item(
        self, word: str, width: int, rest: str, expr: s.Expr | None, last: str, begin: int
    ) -> list[Line]:
        first = f"{' ' * STEP}{word:<{width}} {rest}"
        if expr is None:
            return [Line(first.rstrip())]
        return self.layout.expression(expr, STEP, first, last, limit=STATEMENT, begin=begin)

    def _cell_items(self, items: Sequence[s.CellItem]) -> Callable[[s.CellItem], list[Line]]:
        """What prints an item, its columns aligned with those of its neighbours."""
        widths: dict[int, tuple[int, int]] = {}
        for run in self._runs(items):
            columns = [_columns(item) for item in run]
            for item in run:
                widths[id(item)] = (
                    max(len(left) for left, _ in columns),
                    max(len(right) for _, right in columns),
                )

        def make(item: s.CellItem) -> list[Line]:
            left, right = (
                f"{text:<{width}}" for text, width in zip(_columns(item), widths[id(item)], strict=True)
            )
            match item:
                case s.InputItem():
                    rest = f"{left} : " if item.operation else names(item.names)
                    return self._item("input", _CELL_WORD, rest, item.operation, "", item.names[-1].span.end)
                case s.NodeItem():
                    keep = f" keep {item.keep.lexeme}" if item.keep else ""
                    return self._item(
                        "node", _CELL_WORD, f"{left} : ", item.merge, keep, item.names[-1].span.end
                    )
                case s.EdgeItem():
                    rest = f"{left} -> {right} : "
                    return self._item("edge", _CELL_WORD, rest, item.operation, "", item.targets[-1].span.end)
                case s.OutputItem():
                    return self._output(item)

        return make

    def _output(self, item: s.OutputItem) -> list[Line]:
        """The values of an output, separated by commas: on one line, but for the last where it is too long."""
        *first, last = item.values
        lead = "".join(f"{spell(value)}, " for value in first)
        return self._item("output", _CELL_WORD, lead, last, "", item.span.start)

    def _network_items(self, items: Sequence[s.NetworkItem]) -> Callable[[s.NetworkItem], list[Line]]:
        widths: dict[int, int] = {}
        for run in self._runs(items):
            layers = {id(item): len(spell(item.layers)) for item in run if isinstance(item, s.StageItem)}
            widths |= dict.fromkeys(layers, max(layers.values(), default=0))

        def make(item: s.NetworkItem) -> list[Line]:
            match item:
                case s.ShapeItem():
                    return self._item("input", _NETWORK_WORD, "", item.value, "", item.span.start)
                case s.StemItem():
                    return self._item("stem", _NETWORK_WORD, "", item.operation, "", item.span.start)
                case s.HeadItem():
                    return self._item("head", _NETWORK_WORD, "", item.operation, "", item.span.start)
                case s.StageItem():
                    width = f" width {spell(item.width, SUM)}"
                    padded = " " * (widths[id(item)] - len(spell(item.layers))) + width
                    first = f"{' ' * STEP}stage "
                    fits = self.layout.fits(
                        first, item.layers, padded, least=CHOICE, limit=STATEMENT, begin=item.span.start
                    )
                    last = padded if fits else width
                    return self._item("stage", _NETWORK_WORD, "", item.layers, last, item.span.start)

        return make


def _setting(node: s.Setting, width: int) -> list[Line]:
    """`name = value`; stages that do not fit on the line stand below it, one a line."""
    margin, value = " " * STEP, node.value
    first = f"{margin}{node.name.id:<{width}} = "
    text = first + literal(value)
    stages = isinstance(value, s.ListLiteral) and any(isinstance(x, s.StageLiteral) for x in value.items)
    if not stages or len(text) <= STATEMENT or not isinstance(value, s.ListLiteral):
        return [Line(text)]
    items = [Line(f"{2 * margin}{literal(item)},") for item in value.items]
    return [Line(f"{first}["), *items, Line(f"{margin}]")]


def _head(node: s.OpDecl | s.OpsDecl | s.AliasDecl | s.CellDecl | s.NetworkDecl) -> str:
    word = {s.OpDecl: "op", s.OpsDecl: "ops", s.NetworkDecl: "network"}.get(type(node), "cell")
    return f"{word} {node.name.id}{parameters(getattr(node, 'parameters', ()))}"


def _value(node: s.OpDecl | s.OpsDecl | s.AliasDecl) -> s.Expr:
    return node.value if isinstance(node, s.AliasDecl) else node.body


def _columns(item: s.CellItem) -> tuple[str, str]:
    """The two texts of an item that are aligned with those of its neighbours."""
    match item:
        case s.InputItem():
            return (names(item.names) if item.operation else "", "")
        case s.NodeItem():
            return names(item.names), ""
        case s.EdgeItem():
            sources = "all" if isinstance(item.sources, s.All) else names(item.sources)
            return sources, names(item.targets)
        case s.OutputItem():
            return "", ""
