"""Lark's parse tree -> the dataclasses of `dartsl.lang.syntax.ast`, without recursion."""

from __future__ import annotations

from typing import Any

from lark import Token, Transformer_NonRecursive, Tree, v_args
from lark.tree import Meta

from dartsl.lang.codes.source import Source, Span
from dartsl.lang.syntax import ast as s

MAX_DEPTH = 100

Children = list[Any]


@v_args(meta=True)
class Builder(Transformer_NonRecursive[Token, Any]):
    """One method a rule of the grammar; `too_deep` collects the expressions nested deeper than MAX_DEPTH.

    A declaration that holds such an expression is left out of the file, so that whoever walks a file by
    recursion stays far from the limit of Python's stack.
    """

    def __init__(self, source: Source, version: int) -> None:
        super().__init__()
        self.source = source
        self.version = version
        self.too_deep: list[Span] = []
        self._depth: dict[int, int] = {}  # by id: every node lives until the file is built
        self._alive: list[s.Expr] = []

    def file(self, tree: Tree[Token], comments: tuple[s.Comment, ...]) -> s.File:
        """The file that a parse tree stands for."""
        imports, declarations = self.transform(tree)
        everything = Span(self.source, 0, len(self.source.text))
        return s.File(self.version, imports, declarations, comments, span=everything)

    def _span(self, meta: Meta) -> Span:
        return Span(self.source, meta.start_pos, meta.end_pos)

    def _token_span(self, token: Token) -> Span:
        start = token.start_pos or 0
        return Span(self.source, start, start + len(token))

    def _nested(self, expr: s.Expr, *parts: s.Expr) -> s.Expr:
        """Notes how deep an expression is nested, one more than its deepest part."""
        depth = 1 + max((self._depth.get(id(part), 0) for part in parts), default=0)
        self._depth[id(expr)] = depth
        self._alive.append(expr)
        if depth == MAX_DEPTH + 1:
            self.too_deep.append(expr.span)
        return expr

    def _declared(self, declaration: Any) -> Any:
        span: Span = declaration.span
        return None if any(span.start <= deep.start < span.end for deep in self.too_deep) else declaration

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

    def name(self, meta: Meta, children: Children) -> Any:
        return children[0]

    number = string = boolean = keep = name

    def neg(self, meta: Meta, children: Children) -> s.Number:
        return s.Number("-" + children[0].lexeme, span=self._span(meta))

    def range(self, meta: Meta, children: Children) -> s.Range:
        return s.Range(*children, span=self._span(meta))

    def choice(self, meta: Meta, children: Children) -> s.Expr:
        return self._nested(s.Choice(tuple(children), span=self._span(meta)), *children)

    def chain(self, meta: Meta, children: Children) -> s.Expr:
        return self._nested(s.Chain(tuple(children), span=self._span(meta)), *children)

    def add(self, meta: Meta, children: Children) -> s.Expr:
        return self._nested(s.Binary("+", *children, span=self._span(meta)), *children)

    def sub(self, meta: Meta, children: Children) -> s.Expr:
        return self._nested(s.Binary("-", *children, span=self._span(meta)), *children)

    def mul(self, meta: Meta, children: Children) -> s.Expr:
        return self._nested(s.Binary("*", *children, span=self._span(meta)), *children)

    def div(self, meta: Meta, children: Children) -> s.Expr:
        return self._nested(s.Binary("/", *children, span=self._span(meta)), *children)

    def named_arg(self, meta: Meta, children: Children) -> s.Argument:
        return s.Argument(*children, span=self._span(meta))

    def call(self, meta: Meta, children: Children) -> s.Expr:
        arguments = tuple(
            child if isinstance(child, s.Argument) else s.Argument(None, child, span=child.span)
            for child in children[1:]
        )
        call = s.Call(children[0], arguments, span=self._span(meta))
        return self._nested(call, *(argument.value for argument in arguments))

    def arm(self, meta: Meta, children: Children) -> s.Arm:
        return s.Arm(*children, span=self._span(meta))

    def match(self, meta: Meta, children: Children) -> s.Expr:
        match = s.Match(children[0], tuple(children[1:]), span=self._span(meta))
        return self._nested(match, *(arm.body for arm in match.arms))

    # ------------------------------------------------------ declarations

    def import_decl(self, meta: Meta, children: Children) -> s.Import:
        return s.Import(children[0], span=self._span(meta))

    def param(self, meta: Meta, children: Children) -> s.Parameter:
        default = children[1] if len(children) > 1 else None
        return s.Parameter(children[0], default, span=self._span(meta))

    def op_decl(self, meta: Meta, children: Children) -> Any:
        name, *parameters, body = children
        return self._declared(s.OpDecl(name, tuple(parameters), body, span=self._span(meta)))

    def extern_decl(self, meta: Meta, children: Children) -> Any:
        name, *parameters = children
        return self._declared(s.ExternDecl(name, tuple(parameters), span=self._span(meta)))

    def ops_decl(self, meta: Meta, children: Children) -> Any:
        return self._declared(s.OpsDecl(*children, span=self._span(meta)))

    def _body(self, kind: Any, meta: Meta, children: Children) -> Any:
        rest = children[1:]
        parameters = tuple(child for child in rest if isinstance(child, s.Parameter))
        items = tuple(child for child in rest if not isinstance(child, s.Parameter))
        return self._declared(kind(children[0], parameters, items, span=self._span(meta)))

    def cell_decl(self, meta: Meta, children: Children) -> Any:
        return self._body(s.CellDecl, meta, children)

    def network_decl(self, meta: Meta, children: Children) -> Any:
        return self._body(s.NetworkDecl, meta, children)

    def alias_decl(self, meta: Meta, children: Children) -> Any:
        return self._declared(s.AliasDecl(*children, span=self._span(meta)))

    # ------------------------------------------------------------- items

    def names(self, meta: Meta, children: Children) -> tuple[Any, ...]:
        return tuple(children)

    def all(self, meta: Meta, children: Children) -> s.All:
        return s.All(span=self._span(meta))

    def sources(self, meta: Meta, children: Children) -> Any:
        return children[0] if isinstance(children[0], s.All) else tuple(children)

    def input_item(self, meta: Meta, children: Children) -> s.InputItem:
        operation = children[1] if len(children) > 1 else None
        return s.InputItem(children[0], operation, span=self._span(meta))

    def node_item(self, meta: Meta, children: Children) -> s.NodeItem:
        kept = children[2] if len(children) > 2 else None
        return s.NodeItem(children[0], children[1], kept, span=self._span(meta))

    def edge_item(self, meta: Meta, children: Children) -> s.EdgeItem:
        return s.EdgeItem(*children, span=self._span(meta))

    def output_item(self, meta: Meta, children: Children) -> s.OutputItem:
        return s.OutputItem(tuple(children), span=self._span(meta))

    def shape_item(self, meta: Meta, children: Children) -> s.ShapeItem:
        return s.ShapeItem(children[0], span=self._span(meta))

    def stem_item(self, meta: Meta, children: Children) -> s.StemItem:
        return s.StemItem(children[0], span=self._span(meta))

    def stage_item(self, meta: Meta, children: Children) -> s.StageItem:
        return s.StageItem(*children, span=self._span(meta))

    def head_item(self, meta: Meta, children: Children) -> s.HeadItem:
        return s.HeadItem(children[0], span=self._span(meta))

    # ---------------------------------------------------------- settings

    def literals(self, meta: Meta, children: Children) -> s.ListLiteral:
        return s.ListLiteral(tuple(children), span=self._span(meta))

    def schedule(self, meta: Meta, children: Children) -> s.ScheduleLiteral:
        shape, *numbers = children
        return s.ScheduleLiteral(str(shape), tuple(numbers), span=self._span(meta))

    def entry(self, meta: Meta, children: Children) -> s.StageEntry:
        return s.StageEntry(*children, span=self._span(meta))

    def stage(self, meta: Meta, children: Children) -> s.StageLiteral:
        return s.StageLiteral(tuple(children), span=self._span(meta))

    def setting(self, meta: Meta, children: Children) -> s.Setting:
        return s.Setting(*children, span=self._span(meta))

    def settings_decl(self, meta: Meta, children: Children) -> Any:
        kind, *settings = children
        return self._declared(s.SettingsDecl(kind.value, tuple(settings), span=self._span(meta)))

    def header(self, meta: Meta, children: Children) -> None:
        return None

    def start(self, meta: Meta, children: Children) -> tuple[tuple[s.Import, ...], tuple[s.Declaration, ...]]:
        imports = tuple(child for child in children if isinstance(child, s.Import))
        others = tuple(child for child in children if child is not None and not isinstance(child, s.Import))
        return imports, others
