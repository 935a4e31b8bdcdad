"""Texts at random from a grammar of the language: sound syntax, and sense by chance."""

from __future__ import annotations

import random
from functools import cache

from lark import Lark
from lark.grammar import Rule, Terminal

from dartsl.lang.syntax.resources import grammars_dir

DEPTH = 24  # of rules within one another, before the shortest way out is taken
NAMES = (
    *(
        "relu",
        "bn",
        "conv",
        "sep_conv_3x3",
        "skip_connect",
        "none",
        "preprocess",
        "identity",
        "C",
        "stride",
        "n",
        "k",
    ),
    *(
        "a",
        "b",
        "n0",
        "n3",
        "c0",
        "normal",
        "sum",
        "concat",
        "mean",
        "lerp",
        "highway",
        "image",
        "tokens",
        "scan",
    ),
    *("Cin", "shape", "keeps", "out", "residual", "attention", "layer_norm", "position_embedding", "layer0"),
    *("global_avg_pool", "linear", "embedding", "epochs", "batch", "lr", "darts", "mix_bn", "classes"),
)
TOKENS = {
    "NAME": NAMES,
    "SCHEDULE": ("linear", "cosine", "exp", "toward", "linaer"),
    "INT": ("0", "1", "2", "3", "8", "10", "1000000000"),
    "FLOAT": ("0.5", "1e3", "2.5e-4", "1e40"),
    "STRING": ('""', '"std/cnn"', '"h"', '"./x"', '"target"'),
    "HEADER": ("darts 1", "darts 2", "darts 2"),
}


@cache
def _grammar() -> tuple[dict[str, list[Rule]], dict[str, int], dict[str, str]]:
    """The rules by what they make, how deep each is at least, and how tokens with one spelling are written."""
    lark = Lark((grammars_dir() / "darts_2.lark").read_text(encoding="utf-8"), parser="lalr", lexer="basic")
    rules: dict[str, list[Rule]] = {}
    for rule in lark.rules:
        rules.setdefault(rule.origin.name, []).append(rule)
    depths: dict[str, int] = {}
    while len(depths) < len(rules):
        for name, choices in rules.items():
            known = [depth for rule in choices if (depth := _depth(rule, depths)) is not None]
            if known:
                depths[name] = min(known)
    spelt = {terminal.name: str(terminal.pattern.value) for terminal in lark.terminals}
    return rules, depths, spelt


def _depth(rule: Rule, depths: dict[str, int]) -> int | None:
    parts = [0 if isinstance(symbol, Terminal) else depths.get(symbol.name) for symbol in rule.expansion]
    return None if None in parts else 1 + max([part for part in parts if part is not None], default=0)


def sentence(draw: random.Random) -> str:
    """A whole text."""
    words: list[str] = []
    _expand("start", draw, DEPTH, words)
    return " ".join(words) + "\n"


def _expand(name: str, draw: random.Random, left: int, words: list[str]) -> None:
    rules, depths, spelt = _grammar()
    choices = rules[name]
    if left <= 0:
        shortest = min(depth for rule in choices if (depth := _depth(rule, depths)) is not None)
        choices = [rule for rule in choices if _depth(rule, depths) == shortest]
    for symbol in draw.choice(choices).expansion:
        if isinstance(symbol, Terminal):
            words.append(draw.choice(TOKENS[symbol.name]) if symbol.name in TOKENS else spelt[symbol.name])
        else:
            _expand(symbol.name, draw, left - 1, words)
