"""Slips in cells: nodes, edges, inputs, outputs."""

from __future__ import annotations

from dartsl.lang.syntax.slips.slip import KEYWORDS, Slip

_NAME = r"[A-Za-z_]\w*"
_LISTS = r"cell (?:input|node|edge)"
_END = rf"(?={KEYWORDS}|\}}|\Z)"
_BARE = "names are written without brackets or quotes: `a, b`"
_RANGE = "a range is written with two dots: `{a}..{b}`"
_SHORT_RANGE = "both ends of a range are names: `{a}..{s}{b}`"
_NUMBERED = rf"(?P<m>\b(?P<a>(?P<s>{_NAME}?)\d+))"
_BETWEEN = r"(?:-(?!>)|:|to\b|through\b)"

SLIPS: tuple[Slip, ...] = (
    # ------------------------------------------------------------ what is missing at the end of an item
    Slip(
        _END,
        "say how the edges that end here are merged: `node {n} : sum`",
        before=r"\bnode\s+(?P<n>[\w., ]*\w)\s*",
        where="cell node",
        title="this node has no merge",
        label="`: sum` is missing here",
        ends=True,
    ),
    Slip(
        _END,
        "say what the edge offers: `edge {e} : sep_conv(3)`",
        before=r"\bedge\s+(?P<e>[^:\n]*->[\w., ]*\w)\s*",
        where="cell edge",
        title="this edge has no operation",
        label="`:` and an operation are missing here",
        ends=True,
    ),
    # ------------------------------------------------------------ lists of names
    Slip(r"(?P<b>\d+)", _SHORT_RANGE, before=rf"{_NUMBERED}\s*\.\.\s*", where="cell .*"),
    Slip(rf"{_BETWEEN}\s*(?P<b>\d+)", _SHORT_RANGE, before=rf"{_NUMBERED}\s*", where=_LISTS),
    Slip(rf"(?:-(?!>)|to\b)\s*(?P<b>{_NAME}\d)", _RANGE, before=rf"{_NUMBERED}\s*", where=_LISTS),
    Slip(rf":\s*(?P<b>{_NAME}\d)(?=\s*->)", _RANGE, before=rf"{_NUMBERED}\s*", where="cell edge"),
    Slip(
        r"(?=:)",
        _RANGE,
        before=rf"\b(?P<m>(?P<a>{_NAME}?\d+)\s*:\s*(?P<b>{_NAME}\d))\s*",
        where=_LISTS,
    ),
    Slip(
        r"\(\s*(?P<a>[\w.]+)\s*,\s*(?P<b>[\w.]+)\s*\)",
        "an edge is written `edge {a} -> {b} : ...`",
        before=r"\bedge\s*",
        where="cell edge",
    ),
    Slip(
        r"\d+", "names start with a letter: `n{m}`", before=r"(?:\b(?:node|edge|input)|->|,)\s*", where=_LISTS
    ),
    Slip(r"\"[^\"\n]*\"|[\[({]", _BARE, before=r"(?:\b(?:node|edge|input)|->)\s*", where=_LISTS),
    Slip(
        r"\[",
        "nodes are declared by their names: `n0..n3`",
        before=rf"\b(?:node|edge|input)\s+(?P<m>{_NAME})",
        where=_LISTS,
    ),
    Slip(r",", "`all` includes them: remove the others", before=r"(?P<m>\ball)\s*", where="cell edge"),
    Slip(
        r"\*\s*\d+",
        "nodes are named one by one, or by a range such as `n0..n3`",
        before=rf"(?P<m>\b{_NAME})\s*",
        where=_LISTS,
    ),
    Slip(r":|->", "remove the last comma", before=r"(?P<m>,)\s*", where=_LISTS),
    Slip(
        r"(?:and\b|\+|\|)",
        "names are separated by commas",
        before=rf"\b(?:node|edge|input)\s+[^:>]*{_NAME}\s*",
        where=_LISTS,
    ),
    # ------------------------------------------------------------ inputs
    Slip(
        r"(?:=|-|->|with\b|by\b)\s*(?P<o>\w+)",
        "what prepares an input is written after a colon: `input {n} : {o}`",
        before=r"\binput\s+(?P<n>[\w., ]*\w)\s*",
        where="cell input",
    ),
    # ------------------------------------------------------------ nodes
    Slip(
        r"(?P<n>[\w.]+(?:\s*,\s*[\w.]+)*)",
        "the merge of a node is written after a colon: `node {n} : {g}`",
        before=r"\bnode\s+(?P<m>(?P<g>sum|concat|mean|product))\s+",
        where="cell node",
    ),
    Slip(
        r"keep\s*=?\s*(?P<k>\d+)\s*\)?",
        "write `{g} keep {k}`",
        before=r"(?P<m>\b(?P<g>\w+)\s*\()\s*",
        where="cell node",
    ),
    Slip(r"\+", "write `sum`", before=r":\s*", where="cell node"),
    Slip(r"\*", "write `product`", before=r":\s*", where="cell node"),
    Slip(
        r"keep\s+(?P<k>\d+)(?:\s+\w+)?",
        "`keep` comes after the merge: `sum keep {k}`",
        before=r":\s*",
        where="cell node",
    ),
    Slip(r"[=:(]\s*(?P<k>\d+)\)?", "write `keep {k}`", before=r"(?P<m>\bkeep)\s*", where="cell node"),
    Slip(
        r"all\b",
        "remove `keep`: without it, every edge stays",
        before=r"(?P<m>\bkeep)\s*",
        where="cell node",
    ),
    Slip(r"\S+?\b", "`keep` takes a whole number: `keep 2`", before=r"(?P<m>\bkeep)\s*", where="cell node"),
    Slip(r",(?=\s*keep)", "remove the comma: `sum keep 2`", where="cell node"),
    Slip(
        r">\s*(?P<o>[^\n#{}]*[^\s#{}])",
        "`keep` comes last: `{g} > {o} keep {k}`",
        before=r"(?P<g>\w+)\s+(?P<m>keep\s+(?P<k>\d+))\s*",
        where="cell node",
    ),
    Slip(
        r"(?:(?:top|best|max|most|with|retain|select|k)\b[\s=_]*)?(?P<k>\d+)",
        "how many edges a node keeps is written `sum keep {k}`",
        before=r"\bsum\s*",
        where="cell node|in cell",
    ),
    Slip(
        r"=>?|->|\(",
        "the merge of a node is written after a colon: `node {n} : sum`",
        before=r"\bnode\s+(?P<n>[\w., ]*\w)\s*",
        where="cell node",
    ),
    Slip(
        r"(?P<g>sum|concat|mean|product|lerp|highway)\b",
        "the merge of a node is written after a colon: `node {n} : {g}`",
        before=r"\bnode\s+(?P<n>[\w., ]*\w)\s+",
        where="cell node",
    ),
    Slip(
        rf"(?P<b>{_NAME})",
        "names are separated by commas: `node {n}, {b}`",
        before=r"\bnode\s+(?P<n>[\w., ]*\w)\s+",
        where="cell node",
    ),
    # ------------------------------------------------------------ edges
    Slip(
        r"output\b",
        "an edge ends at a node; what a cell gives is its `output`, such as `output concat(n0..n3)`",
        before=r"->[\w., ]*",
        where="cell edge",
        skip="line",
    ),
    Slip(
        rf"ops\s+(?P<n>{_NAME})",
        "a choice is named without its keyword: `: {n}`",
        before=r":\s*",
        where="cell edge",
        skip="line",
    ),
    Slip(
        r"(?P<s>[\w., ]*\w)\s+(?:to|into)\b",
        "edges are drawn with `->`: `edge {s} -> ...`",
        before=r"\bedge\s+(?P<m>from)\s+",
        where="cell edge",
    ),
    Slip(r":", "one colon is enough", before=r"(?P<m>:)\s*", where="cell .*"),
    Slip(r"\*", "`all` stands for all inputs and earlier nodes", before=r"\bedge\s*", where="cell edge"),
    Slip(
        r"\*|all\b",
        "`all` can only be a source: name the targets, such as `n0..n3`",
        before=r"->\s*",
        where="cell edge",
    ),
    Slip(
        r"(?:=>|-+>?|>|=|to\b|into\b)",
        "edges are drawn with `->`: `edge {s} -> ...`",
        before=r"\bedge\s+(?P<s>[\w., ]*\w)\s*",
        where="cell edge",
    ),
    Slip(
        r":",
        "an edge leads to a node: `edge {s} -> n0 : ...`",
        before=r"\bedge\s+(?P<s>[\w., ]*\w)\s*",
        where="cell edge",
        label="expected `->`",
    ),
    Slip(
        r"=|\(|with\b|by\b",
        "what an edge offers is written after a colon: `edge {e} : ...`",
        before=r"\bedge\s+(?P<e>[^:\n]*->[\w., ]*\w)\s*",
        where="cell edge",
    ),
    Slip(
        r"->",
        "an edge has one arrow: write two edges, or one operation that chains two",
        before=r"->[\w., ]*",
        where="cell edge",
    ),
    # ------------------------------------------------------------ outputs
    Slip(
        r"all\b",
        "name the nodes that the output merges, such as `concat(n0..n3)`",
        where="cell output",
        label="`all` is allowed as the source of an edge only",
    ),
    Slip(
        r",\s*(?P<b>[\w.][\w., ]*)",
        "several nodes are merged: `output concat({a}, {b})`",
        before=r"(?P<m>\boutput\s*\(?\s*(?P<a>[\w.]+))\s*",
        where="cell output",
    ),
    Slip(
        r"[\[{]\s*(?P<a>[\w.][\w., ]*)[\]}]?",
        "several nodes are merged: `output concat({a})`",
        before=r"\boutput\s*",
        where="cell output",
    ),
    Slip(
        rf"(?P<a>{_NAME}(?:[\w., ]*\w)?)",
        "the nodes of a merge are written in parentheses: `output {g}({a})`",
        before=r"(?P<m>\boutput\s+(?P<g>concat|sum|mean|product))\s*",
        where="cell output",
    ),
    Slip(
        rf"(?P<b>{_NAME}(?:[\w., ]*\w)?)",
        "several nodes are merged: `output concat({a}, {b})`",
        before=r"(?P<m>\boutput\s+(?P<a>[\w.]+))\s+",
        where="cell output",
    ),
    # ------------------------------------------------------------ between items
    Slip(
        r"(?P<k>op|ops|extern|import|network|search|train)\b",
        "`{k}` belongs outside the braces of a cell: move it above `cell`",
        before=r"\n[ \t]+",
        where="in cell",
        skip="line",
    ),
    Slip(r"end\b", "a cell ends with `}}`", where="in cell"),
    Slip(r"return\b", "what a cell gives is its `output`: `output concat(n0..n3)`", where="in cell"),
    Slip(
        r"(?P<e>[\w., ]*\w\s*-+>\s*[\w., ]*\w)",
        "an edge starts with `edge`: `edge {e} : ...`",
        where="in cell",
    ),
    Slip(
        rf"(?P<n>{_NAME})\s*[=:](?!=)",
        "a cell has `input`, `node`, `edge` and `output` items: `node {n} : sum`",
        where="in cell",
    ),
    Slip(
        rf"(?!{KEYWORDS})(?P<m>{_NAME})[ \t]+[\w.]+|(?P<n>{_NAME})[ \t]*,",
        "the items of a cell are `input`, `node`, `edge` and `output`",
        where="in cell",
    ),
)
