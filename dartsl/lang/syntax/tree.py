"""What Lark's rules read -> the dataclasses of `dartsl.lang.syntax.ast`, as they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from lark import Token
from lark.grammar import Rule

from dartsl.lang.codes.source import Source, Span
from dartsl.lang.syntax import ast as s

MAX_DEPTH = 100

Children = list[Any]
Extent = tuple[int, int]  # where something starts and ends in the text
Value = tuple[int, int, Children]  # on the parser's stack: the extent of what was read, and what it became
_NODES = ("NAME", "KEEP", "INT", "FLOAT", "STRING", "TRUE", "FALSE")  # the tokens that become nodes
_OF_ONE = ("name", "number", "string", "boolean")  # the rules of one such token


@dataclass(frozen=True)
class _LeftOut:
    """In place of a declaration that is left out: its expressions that are nested too deep."""

    deep: tuple[Span, ...]


def passes(rule: Rule) -> bool:
    """Whether what a rule makes of its one part is that part."""
    name, kept = str(rule.origin.name), _kept(rule)
    return len(rule.expansion) == len(kept) == 1 and (name.startswith("_") or name in _OF_ONE)


def _kept(rule: Rule) -> list[int]:
    """The places of what a rule keeps: not of the words and signs that are spelt out in it."""
    return [place for place, part in enumerate(rule.expansion) if not getattr(part, "filter_out", False)]


class Builder:
    """One method a rule of the grammar, called with the extent of what it read and with what its parts became.

    `too_deep` has the expressions of the file that are nested deeper than MAX_DEPTH. A declaration that holds such an
    expression is left out of the file, so that whoever walks a file by recursion stays far from the limit of Python's
    stack. What a parser has read and given up again leaves no trace.
    """

    def __init__(self, source: Source, version: int) -> None:
        self.source = source
        self.version = version
        self.too_deep: tuple[Span, ...] = ()
        self._depth: dict[int, int] = {}  # by id: every node lives until the file is built
        self._alive: list[s.Expr] = []
        self._deep: set[int] = set()  # ids of expressions, also of such as are given up

    def file(self, read: Value, comments: tuple[s.Comment, ...]) -> s.File:
        """The file that was read."""
        ((imports, declarations),) = read[2]
        everything = Span(self.source, 0, len(self.source.text))
        return s.File(self.version, imports, declarations, comments, span=everything)

    # -------------------------------------------------------- rules and tokens

    def of_tokens(self, kinds: Iterable[str]) -> dict[str, Callable[[Token], Value]]:
        """What each kind of token becomes."""
        return dict.fromkeys(kinds, _token) | {kind: _node(getattr(self, kind)) for kind in _NODES}

    def of_rules(self, rules: Iterable[Rule]) -> list[Callable[[list[Value]], Value]]:
        """What each rule makes of the values of its parts."""
        return [self._of_rule(rule) for rule in rules]

    def _of_rule(self, rule: Rule) -> Callable[[list[Value]], Value]:
        """A rule that starts with `_` hands its parts on."""
        kept, name = _kept(rule), str(rule.origin.name)
        if name.startswith("_"):
            return lambda values: (values[0][0], values[-1][1], _gathered(values, kept))
        build = getattr(self, name)

        def built(values: list[Value]) -> Value:
            start, end = values[0][0], values[-1][1]
            return start, end, [build((start, end), _gathered(values, kept))]

        return built

    def _span(self, at: Extent) -> Span:
        return Span(self.source, at[0], at[1])

    def _token_span(self, token: Token) -> Span:
        start = token.start_pos or 0
        return Span(self.source, start, start + len(token))

    def _nested(self, expr: s.Expr, *parts: s.Expr) -> s.Expr:
        """Notes how deep an expression is nested, one more than its deepest part."""
        depth = 1 + max((self._depth.get(id(part), 0) for part in parts), default=0)
        self._depth[id(expr)] = depth
        self._alive.append(expr)
        if depth == MAX_DEPTH + 1:
            self._deep.add(id(expr))
        return expr

    def _declared(self, declaration: Any) -> Any:
        deep = [part.span for part in s.parts((declaration,)) if id(part) in self._deep] if self._deep else []
        return _LeftOut(tuple(deep)) if deep else declaration

    # ------------------------------------------------------------ tokens

    def NAME(self, token: Token) -> s.Name:  # noqa: N802
        return s.Name(str(token), span=self._token_span(token))

    KEEP = NAME  # of a stage

    def INT(self, token: Token) -> s.Number:  # noqa: N802
        return s.Number(str(token), span=self._token_span(token))

    FLOAT = INT

    def STRING(self, token: Token) -> s.String:  # noqa: N802
        return s.String(str(token)[1:-1], span=self._token_span(token))

    def TRUE(self, token: Token) -> s.Boolean:  # noqa: N802
        return s.Boolean(token == "true", span=self._token_span(token))

    FALSE = TRUE

    # ------------------------------------------------------- expressions

    def name(self, at: Extent, children: Children) -> Any:
        return children[0]

    number = string = boolean = keep = name

    def neg(self, at: Extent, children: Children) -> s.Number:
        return s.Number("-" + children[0].lexeme, span=self._span(at))

    def range(self, at: Extent, children: Children) -> s.Range:
        return s.Range(*children, span=self._span(at))

    def choice(self, at: Extent, children: Children) -> s.Expr:
        return self._nested(s.Choice(tuple(children), span=self._span(at)), *children)

    def chain(self, at: Extent, children: Children) -> s.Expr:
        return self._nested(s.Chain(tuple(children), span=self._span(at)), *children)

    def add(self, at: Extent, children: Children) -> s.Expr:
        return self._nested(s.Binary("+", *children, span=self._span(at)), *children)

    def sub(self, at: Extent, children: Children) -> s.Expr:
        return self._nested(s.Binary("-", *children, span=self._span(at)), *children)

    def mul(self, at: Extent, children: Children) -> s.Expr:
        return self._nested(s.Binary("*", *children, span=self._span(at)), *children)

    def div(self, at: Extent, children: Children) -> s.Expr:
        return self._nested(s.Binary("/", *children, span=self._span(at)), *children)

    def named_arg(self, at: Extent, children: Children) -> s.Argument:
        return s.Argument(*children, span=self._span(at))

    def call(self, at: Extent, children: Children) -> s.Expr:
        arguments = tuple(
            child if isinstance(child, s.Argument) else s.Argument(None, child, span=child.span)
            for child in children[1:]
        )
        call = s.Call(children[0], arguments, span=self._span(at))
        return self._nested(call, *(argument.value for argument in arguments))

    def arm(self, at: Extent, children: Children) -> s.Arm:
        return s.Arm(*children, span=self._span(at))

    def match(self, at: Extent, children: Children) -> s.Expr:
        match = s.Match(children[0], tuple(children[1:]), span=self._span(at))
        return self._nested(match, *(arm.body for arm in match.arms))

    # ------------------------------------------------------ declarations

    def import_decl(self, at: Extent, children: Children) -> s.Import:
        return s.Import(children[0], span=self._span(at))

    def param(self, at: Extent, children: Children) -> s.Parameter:
        default = children[1] if len(children) > 1 else None
        return s.Parameter(children[0], default, span=self._span(at))

    def op_decl(self, at: Extent, children: Children) -> Any:
        name, *parameters, body = children
        return self._declared(s.OpDecl(name, tuple(parameters), body, span=self._span(at)))

    def extern_decl(self, at: Extent, children: Children) -> Any:
        name, *parameters = children
        return self._declared(s.ExternDecl(name, tuple(parameters), span=self._span(at)))

    def ops_decl(self, at: Extent, children: Children) -> Any:
        return self._declared(s.OpsDecl(*children, span=self._span(at)))

    def _body(self, kind: Any, at: Extent, children: Children) -> Any:
        rest = children[1:]
        parameters = tuple(child for child in rest if isinstance(child, s.Parameter))
        items = tuple(child for child in rest if not isinstance(child, s.Parameter))
        return self._declared(kind(children[0], parameters, items, span=self._span(at)))

    def cell_decl(self, at: Extent, children: Children) -> Any:
        return self._body(s.CellDecl, at, children)

    def network_decl(self, at: Extent, children: Children) -> Any:
        return self._body(s.NetworkDecl, at, children)

    def alias_decl(self, at: Extent, children: Children) -> Any:
        return self._declared(s.AliasDecl(*children, span=self._span(at)))

    # ------------------------------------------------------------- items

    def names(self, at: Extent, children: Children) -> tuple[Any, ...]:
        return tuple(children)

    def all(self, at: Extent, children: Children) -> s.All:
        return s.All(span=self._span(at))

    def sources(self, at: Extent, children: Children) -> Any:
        return children[0] if isinstance(children[0], s.All) else tuple(children)

    def input_item(self, at: Extent, children: Children) -> s.InputItem:
        operation = children[1] if len(children) > 1 else None
        return s.InputItem(children[0], operation, span=self._span(at))

    def node_item(self, at: Extent, children: Children) -> s.NodeItem:
        kept = children[2] if len(children) > 2 else None
        return s.NodeItem(children[0], children[1], kept, span=self._span(at))

    def edge_item(self, at: Extent, children: Children) -> s.EdgeItem:
        return s.EdgeItem(*children, span=self._span(at))

    def output_item(self, at: Extent, children: Children) -> s.OutputItem:
        return s.OutputItem(tuple(children), span=self._span(at))

    def shape_item(self, at: Extent, children: Children) -> s.ShapeItem:
        return s.ShapeItem(children[0], span=self._span(at))

    def stem_item(self, at: Extent, children: Children) -> s.StemItem:
        return s.StemItem(children[0], span=self._span(at))

    def stage_item(self, at: Extent, children: Children) -> s.StageItem:
        return s.StageItem(*children, span=self._span(at))

    def head_item(self, at: Extent, children: Children) -> s.HeadItem:
        return s.HeadItem(children[0], span=self._span(at))

    # ---------------------------------------------------------- settings

    def literals(self, at: Extent, children: Children) -> s.ListLiteral:
        return s.ListLiteral(tuple(children), span=self._span(at))

    def schedule(self, at: Extent, children: Children) -> s.ScheduleLiteral:
        shape, *numbers = children
        return s.ScheduleLiteral(str(shape), tuple(numbers), span=self._span(at))

    def entry(self, at: Extent, children: Children) -> s.StageEntry:
        return s.StageEntry(*children, span=self._span(at))

    def stage(self, at: Extent, children: Children) -> s.StageLiteral:
        return s.StageLiteral(tuple(children), span=self._span(at))

    def setting(self, at: Extent, children: Children) -> s.Setting:
        return s.Setting(*children, span=self._span(at))

    def settings_decl(self, at: Extent, children: Children) -> Any:
        kind, *settings = children
        return self._declared(s.SettingsDecl(kind.value, tuple(settings), span=self._span(at)))

    def header(self, at: Extent, children: Children) -> None:
        return None

    def start(self, at: Extent, children: Children) -> tuple[tuple[s.Import, ...], tuple[s.Declaration, ...]]:
        self.too_deep = tuple(
            span for child in children if isinstance(child, _LeftOut) for span in child.deep
        )
        imports = tuple(child for child in children if isinstance(child, s.Import))
        others = tuple(child for child in children if not isinstance(child, s.Import | _LeftOut | None))
        return imports, others


def _token(token: Token) -> Value:
    return token.start_pos or 0, token.end_pos or 0, [token]


def _node(build: Callable[[Token], s.Syntax]) -> Callable[[Token], Value]:
    return lambda token: (token.start_pos or 0, token.end_pos or 0, [build(token)])


def _gathered(values: list[Value], kept: list[int]) -> Children:
    """The parts that are kept, in the list of the first of them, which nothing else holds: a long list grows by one."""
    if not kept:
        return []
    found = values[kept[0]][2]
    for index in kept[1:]:
        found += values[index][2]
    return found
