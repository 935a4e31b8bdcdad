"""A Hypothesis strategy for whole syntax trees: everything that the grammar can say."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from dartsl.lang.codes.source import Source, Span
from dartsl.lang.syntax import ast as s
from dartsl.lang.syntax.grammar import keywords

NOWHERE = Span(Source("generated", ""), 0, 0)
WORDS = [
    "a",
    "b",
    "c0",
    "n3",
    "conv",
    "sep_conv_3x3",
    "C",
    "stride",
    "darts",
    "_",
    "very_long_name_of_an_operation",
]


def node(kind: Any, *parts: Any) -> st.SearchStrategy[Any]:
    """A piece of syntax from strategies for its fields."""
    return st.builds(lambda *values: kind(*values, span=NOWHERE), *parts)


def some(part: st.SearchStrategy[Any], least: int = 1, most: int = 4) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(part, min_size=least, max_size=most).map(tuple)


identifiers = st.one_of(
    st.sampled_from(WORDS), st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True)
).filter(lambda word: word not in keywords())
names = node(s.Name, identifiers)
integers = node(s.Number, st.integers(0, 10**9).map(str))
floats = node(
    s.Number,
    st.one_of(
        st.sampled_from(["3e-4", "0.025", "1E+2", "00.50", "1e9", "0.0e0"]),
        st.decimals(0, 999, places=3).map(str),
    ),
)
numbers = st.one_of(integers, floats)
signed = st.builds(
    lambda n, sign: s.Number(sign + n.lexeme, span=NOWHERE), numbers, st.sampled_from(["", "-"])
)
strings = node(s.String, st.text(st.characters(codec="utf-8", exclude_characters='"\r\n'), max_size=12))
booleans = node(s.Boolean, st.booleans())
ranges = node(s.Range, names, names)
atoms = st.one_of(names, signed, strings, booleans, ranges)


def _compound(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    arguments = node(s.Argument, st.none() | names, inner)
    arms = node(s.Arm, st.one_of(integers, names), inner)
    return st.one_of(
        node(s.Call, names, some(arguments, 0)),
        node(s.Match, names, some(arms)),
        node(s.Binary, st.sampled_from("+-*/"), inner, inner),
        node(s.Chain, some(inner, 2)),
        node(s.Choice, some(inner, 2)),
    )


expressions = st.recursive(atoms, _compound, max_leaves=12)
calls = node(s.Call, names, some(node(s.Argument, st.none() | names, expressions), 0))

parameters = some(node(s.Parameter, names, st.none() | expressions), 0, 3)
targets = some(st.one_of(names, ranges), 1, 3)
cell_items = st.one_of(
    node(s.InputItem, targets, st.none() | expressions),
    node(s.NodeItem, targets, expressions, st.none() | integers),
    node(s.EdgeItem, st.one_of(node(s.All), targets), targets, expressions),
    node(s.OutputItem, some(expressions, 1, 3)),
)
network_items = st.one_of(
    node(s.ShapeItem, calls),
    node(s.StemItem, expressions),
    node(s.StageItem, expressions, expressions),
    node(s.HeadItem, expressions),
)
literals = st.recursive(
    st.one_of(signed, strings, booleans), lambda inner: node(s.ListLiteral, some(inner, 0)), max_leaves=5
)
declarations = st.one_of(
    node(s.OpDecl, names, parameters, expressions),
    node(s.ExternDecl, names, parameters),
    node(s.OpsDecl, names, expressions),
    node(s.CellDecl, names, parameters, some(cell_items, 0, 5)),
    node(s.AliasDecl, names, st.one_of(names, calls)),
    node(s.NetworkDecl, names, parameters, some(network_items, 0, 4)),
    node(s.SettingsDecl, st.sampled_from(["search", "train"]), some(node(s.Setting, names, literals), 0)),
)
files = node(s.File, st.just(2), some(node(s.Import, strings), 0, 2), some(declarations, 0, 5))
