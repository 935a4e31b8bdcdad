"""Slips in networks: the input, stages, widths, parameters."""

from __future__ import annotations

from dartsl.lang.syntax.slips.slip import KEYWORDS, Slip

_NAME = r"[A-Za-z_]\w*"
_END = rf"(?={KEYWORDS}|\}}|\Z)"
_SEP = r"\s*[,xX\u00d7 ]\s*"
_IMAGE = "the input is written `input image(channels, height, width)`"

SLIPS: tuple[Slip, ...] = (
    # ------------------------------------------------------------ input
    Slip(
        rf"[:=]?\s*(?:image\s*)?[\[(]?\s*(?P<a>\d+){_SEP}(?P<b>\d+){_SEP}(?P<c>\d+)\s*[\])]?",
        "write `input image({a}, {b}, {c})`: channels, height, width",
        before=r"\binput\s*(?:image\s*)?",
        where="network input",
    ),
    Slip(
        r"\w+\s*=",
        "the numbers are written without names: `image(3, 32, 32)`",
        before=r"[(,]\s*",
        where="network input",
    ),
    Slip(r"[:=]|[\[(]|\d+|\"[^\"\n]*\"?", _IMAGE, before=r"\binput\s*(?:image\s*)?", where="network input"),
    Slip(
        _END,
        _IMAGE,
        before=r"\binput\s*(?:image\s*)?",
        where="network input",
        label="the size is missing here",
        title="the input has no size",
        ends=True,
    ),
    Slip(
        r":\s*\w+",
        "an image is taken as it is: what prepares it is the `stem`",
        before=r"\)\s*",
        where="network input|in network",
    ),
    # ------------------------------------------------------------ stages
    Slip(
        r"[=:]\s*(?P<w>[\w*/]+)",
        "write `width {w}`",
        before=r"(?P<m>\bwidth)\s*",
        where="network stage",
    ),
    Slip(
        r"width[ \t]+(?P<w>\S+)[ \t]+(?P<s>[^\n#]*[^\s#])",
        "the width comes last: `stage {s} width {w}`",
        before=r"\bstage\s+",
        where="network stage",
    ),
    Slip(
        r"width\b",
        "name the layers first: `stage normal width C`",
        before=r"\bstage\s+",
        where="network stage",
    ),
    Slip(r"width\b", "one width is enough", before=r"\bwidth\b.*", where="network stage"),
    Slip(
        r"stride\s*=?\s*(?P<s>\d+)",
        "a stride is written `{f}/{s}`",
        before=rf"(?P<m>\b(?P<f>{_NAME}))\s+",
        where="network stage",
    ),
    Slip(r"[\[{]", "layers are written without braces: `stage normal*2 width C`", where="network stage"),
    Slip(
        r",",
        "a stage is written `stage normal*n width C`",
        before=r"(?P<m>\bstage\s*\()[^)]*",
        where="network stage",
    ),
    Slip(r",(?=\s*width\b)", "remove the comma: `stage normal width C`", where="network stage"),
    Slip(
        r",\s*(?P<w>[\w*/]+)(?=\s*(?:\n|\Z|#))",
        "the width of a stage is written `width {w}`",
        where="network stage",
    ),
    Slip(
        r"(?:with|channels|filters|ch|out|wide|size)\b\s*=?\s*(?P<w>[\w*/]+)",
        "the width of a stage is written `width {w}`",
        where="network stage",
    ),
    Slip(
        r"(?:x|X|times)\b\s*(?P<n>\w+)",
        "a repetition is written `{f}*{n}`",
        before=rf"(?P<m>\b(?P<f>{_NAME}))\s+",
        where="network stage",
    ),
    Slip(
        r"(?:x|X|times)\b\s*(?P<f>\w+)",
        "a repetition is written `{f}*{n}`",
        before=r"\bstage\s+(?P<m>(?P<n>\w+))\s*",
        where="network stage",
    ),
    Slip(
        r"(?P<w>(?:\d+\s*\*?\s*)?C\b)",
        "the width of a stage is written `width {w}`",
        before=r"(?:[A-Za-z_]\w*|\))\s+",
        where="network stage",
    ),
    Slip(
        r"(?P<n>\d+)",
        "a repetition is written `{f}*{n}`, a width `width {n}`",
        before=rf"(?P<m>\b(?P<f>{_NAME}))\s+",
        where="network stage",
    ),
    Slip(
        _END,
        "say how many channels the stage gives: `stage {s} width C`",
        before=r"\bstage\s+(?P<s>[^\n#]*[\w)])\s*",
        where="network stage",
        title="this stage has no width",
        label="`width` is missing here",
        ends=True,
    ),
    Slip(
        r"width\b",
        "only a stage has a width; `conv(3, out = C)` gives C channels",
        where="network (?:stem|head)",
    ),
    # ------------------------------------------------------------ items of cells and networks
    Slip(
        r"[:=][ \t]*(?P<x>[^\n#]*[^\n# ])",
        "remove the sign: `{k} {x}`",
        before=r"\b(?P<k>input|output|stem|head|stage|edge|node)\s*",
        where="cell .*|network .*",
    ),
    # ------------------------------------------------------------ the first line
    Slip(
        r":\s*(?P<v>[^,)\s]+)",
        "a parameter is given with `=`: `{n} = {v}`",
        before=rf"[(,]\s*(?P<m>(?P<n>{_NAME}))\s*",
        where="network",
    ),
    Slip(
        rf"(?P<n>{_NAME})\s*=",
        "parameters have no types: `{n} = 16`",
        before=rf"[(,]\s*(?P<m>{_NAME})\s+",
        where="network",
    ),
    Slip(
        r"\[",
        "parameters are written in parentheses: `network {n}(C = 16)`",
        before=rf"\bnetwork\s+(?P<n>{_NAME})\s*",
        where="network",
    ),
    Slip(
        rf"{_NAME}\s*=",
        "parameters are written in parentheses: `network {n}(C = 16) {{`",
        before=rf"\bnetwork\s+(?P<n>{_NAME})\s*",
        where="network",
    ),
    Slip(r"\{", "close the parenthesis with `)`", before=r"\([^)]*", where="network"),
    Slip(
        r"[({]",
        "give the network a name: `network small{m}`",
        before=r"\bnetwork\s*",
        where="network",
    ),
    # ------------------------------------------------------------ between items
    Slip(
        rf"(?P<n>{_NAME})\s*=",
        "parameters follow the network's name: `network small({n} = ...) {{`",
        where="in network",
    ),
    Slip(
        r"output\b", "a network ends with its head: `head global_avg_pool > linear(10)`", where="in network"
    ),
    Slip(
        r"(?P<m>layers?|blocks?|body|backbone)\b",
        "the layers of a network are written `stage normal*2 width C`",
        where="in network",
    ),
    Slip(
        r"(?P<m>classifier|fc|final|tail)\b",
        "a network ends with its head: `head global_avg_pool > linear(10)`",
        where="in network",
    ),
    Slip(
        r"(?P<k>op|ops|extern|import|cell|search|train)\b",
        "`{k}` belongs outside the braces of a network: move it above `network`",
        before=r"\n[ \t]+",
        where="in network",
        skip="line",
    ),
    Slip(
        rf"(?!{KEYWORDS})(?P<m>{_NAME})[ \t]+[\w.]+",
        "the items of a network are `input`, `stem`, `stage` and `head`",
        where="in network",
    ),
)
