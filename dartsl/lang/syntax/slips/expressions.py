"""Slips in expressions: other languages' operators, brackets, conditions, products."""

from __future__ import annotations

from dartsl.lang.syntax.slips.slip import KEYWORDS, Slip

_CHOICE = "a choice is written `a | b`, without brackets or commas"
_CHAIN = "a chain is written `a > b`"
_MATCH = "a choice by stride is written `match stride {{ 1 => a, 2 => b }}`"
_OFFERS = r"ops|cell edge"
_CHAINS = r"op|network (?:stem|stage|head)|cell input"
_NAME = r"[A-Za-z_]\w*"

SLIPS: tuple[Slip, ...] = (
    # ------------------------------------------------------------ conditions and functions
    Slip(r"\S+", _MATCH, before=r"(?P<m>\bif)\s+", label="there is no `if`"),
    Slip(r"(?P<m>if|else)\b", _MATCH, label="there is no `{m}`"),
    Slip(r"==?|!=", _MATCH, before=r"(?P<m>\bstride)\s*", label="there are no comparisons"),
    Slip(
        rf"{_NAME}",
        "parameters follow the name of the operation: `op f(k) = conv(k) > bn`",
        before=r"(?P<m>\blambda)\s+",
        label="there is no `lambda`",
    ),
    Slip(r"stride\b", _MATCH, before=r"(?P<m>\b(?:switch|case|when|select))\s+"),
    Slip(
        r"(?P<n>\w+)",
        "the arms of a `match` are written with `=>`: `{s} => {n}`",
        before=r"\bmatch\s+stride\s*\{[^}]*(?P<m>\b(?P<s>\d+))\s+",
    ),
    Slip(r"for\b", "write the operations out: `conv(3) | conv(5)`", label="there are no loops"),
    Slip(r"[{(]?", "write `match stride {{ 1 => a, 2 => b }}`", before=r"(?P<m>\bmatch)\s*"),
    Slip(r"->|:", "the arms of a `match` are written with `=>`", before=r"\bmatch\s+stride\s*\{[^}]*\d+\s*"),
    Slip(r"[;\d]", "the arms of a `match` are separated by commas", before=r"=>\s*[^,]*[\w)]\s*"),
    Slip(
        r"(?P<m>_|default|else|otherwise)\b",
        "each arm is for one stride: `1 => a, 2 => b`",
        before=r"\bmatch\s+stride\s*\{[^}]*",
    ),
    # ------------------------------------------------------------ operators of other languages
    Slip(r"(?P<m>or|OR|Or)\b", "a choice is written with `|`: `a | b`"),
    Slip(r"(?P<m>and|AND|And|then|followed)\b", "a chain is written `a > b`, a choice `a | b`"),
    Slip(r"\|", "a choice is written with one `|`", before=r"(?P<m>\|)\s*"),
    Slip(r"[>]", "operations are chained with `>`", before=r"(?P<m>\|)"),
    Slip(r">+|=", "operations are chained with one `>`", before=r"(?P<m>>)"),
    Slip(r"\*", "there is no power: write `C*C`; a repetition is written `normal*2`", before=r"(?P<m>\*)"),
    Slip(r"/", "a division is written with one `/`, and is exact", before=r"(?P<m>/)"),
    Slip(rf"\(|{_NAME}", "a minus sign is allowed before a number only: write `0 - {m}`", before=r"-"),
    Slip(r"->|=>", "`->` draws an edge; operations are chained with `>`", before=r"[\w)]\s*", where=_CHAINS),
    Slip(r"->|=>", "`->` draws an edge; operations are chained with `>`", before=r"[\w)]\s*", where=_OFFERS),
    # ------------------------------------------------------------ numbers
    Slip(
        r"[xX]\d+",
        "kernels are square: write `{f}({k})`",
        before=r"\b(?P<f>\w*(?:conv|pool)\w*)\(\s*(?P<m>(?P<k>\d+))",
    ),
    Slip(
        r"[xX](?P<b>\d+)(?:[xX](?P<c>\d+))",
        "separate the numbers by commas: `{a}, {b}, {c}`",
        before=r"(?P<m>\b(?P<a>\d+))",
    ),
    Slip(
        r"[xX]\b",
        "separate the numbers by commas: `image(3, 32, 32)`",
        before=r"\([\d\sxX,]*(?P<m>\b\d+)\s+",
    ),
    Slip(r"_\d\w*", "write the digits without `_`", before=r"(?P<m>\b\d+)"),
    Slip(rf"(?P<v>{_NAME})", "a product is written with `*`: `{n}*{v}`", before=r"(?P<m>\b(?P<n>\d+))"),
    Slip(
        r"(?P<v>C\b)",
        "a product is written with `*`: `{n}*{v}`",
        before=r"(?P<m>\b(?P<n>\d+))[ \t]+",
    ),
    # ------------------------------------------------------------ arguments
    Slip(
        r"\[\s*(?P<k>\d+)[^\]\n]*\]?",
        "kernels are square: write `{f}({k})`",
        before=r"\b(?P<f>\w*(?:conv|pool)\w*)\(\s*",
    ),
    Slip(
        r",\s*\d+\s*\)?",
        "kernels are square: write `{f}({k})`",
        before=r"\b(?P<f>\w*(?:conv|pool)\w*)\(\s*(?P<m>\(\s*(?P<k>\d+))\s*",
    ),
    Slip(r",", "remove this comma", before=r"[(,]\s*"),
    Slip(
        r"\[(?P<x>[^\]\n]*)\]?",
        "arguments are written in parentheses: `{f}({x})`",
        before=rf"(?P<m>\b(?P<f>{_NAME}))",
        where=rf"{_OFFERS}|{_CHAINS}|cell output",
    ),
    Slip(
        r":\s*(?P<v>[^,)\s]+)",
        "a named argument is written with `=`: `{k} = {v}`",
        before=rf"[(,]\s*(?P<m>(?P<k>{_NAME}))\s*",
        where=rf"{_OFFERS}|op|cell input|network (?:stem|stage|head|input)",
    ),
    Slip(
        r"(?P<n>\w+)",
        "an argument is written in parentheses: `{f}({n})`",
        before=r"(?P<m>\b(?P<f>(?:\w*conv\w*|\w*pool|linear)))\s+",
    ),
    Slip(r"\)", "remove the comma, or add an argument", before=r"\((?:[^()]*,)?\s*(?P<m>,)\s*"),
    # ------------------------------------------------------------ lists
    Slip(
        rf",(?=\s*(?:{KEYWORDS}|\}}|\Z))",
        "remove it: a new line is enough between items",
    ),
    Slip(
        r"\{", "an operation is written without braces: `op f(k) = conv(k) > bn`", before=r"=\s*", where="op"
    ),
    Slip(r"[\[{]", _CHOICE, where=_OFFERS),
    Slip(r",", "a choice is written with `|`: `a | b`", where=_OFFERS, label="not a separator of operations"),
    Slip(r"[\[{]", _CHAIN, where=_CHAINS),
    Slip(r",", _CHAIN, where=_CHAINS, label="not a separator of operations"),
    Slip(r"", "remove this `|`, or write another operation", before=r"(?P<m>\|)\s*", label="nothing follows"),
    Slip(
        r"",
        "remove this `>`, or write another operation",
        before=r"(?<!-)(?P<m>>)\s*",
        label="nothing follows",
    ),
)
