"""Slips at the top of a file: other languages' keywords, the first lines of declarations, imports."""

from __future__ import annotations

from dartsl.lang.slips.slip import Slip

_NAME = r"[A-Za-z_]\w*"
_PARAMETERS = r"(?P<p>\([^()]*\))?"
_LOOPS = (
    "there are no loops: `all` and ranges such as `n0..n3` name several nodes, `normal*n` repeats a layer"
)
_OPENERS = r"(?=(?:input|node|edge|output|stem|stage|head)\b)"

SLIPS: tuple[Slip, ...] = (
    # ------------------------------------------------------------ other languages' keywords
    Slip(r"(?P<m>for|while|repeat|foreach|loop)\b", _LOOPS, where="top|in .*", block=True),
    Slip(
        rf"(?P<m>def|fn|fun|func|function|define|let|operation|macro)\s+(?P<f>{_NAME})\s*{_PARAMETERS}",
        "an operation is declared with `op`: `op {f}{p} = ...`",
        where="top|in .*",
        block=True,
    ),
    Slip(
        rf"(?P<m>class|struct|module|block)\s+(?P<f>{_NAME})",
        "a cell is declared with `cell`: `cell {f} {{ ... }}`",
        where="top",
        block=True,
    ),
    Slip(
        r"(?P<m>model|net)\b",
        "a network is declared with `network`: `network small(C = 16) {{ ... }}`",
        where="top",
        block=True,
    ),
    Slip(
        r"(?P<m>settings|config|options|hyperparameters|optimizer|training)\b\s*[:={]",
        "settings stand in `search {{ ... }}` and `train {{ ... }}`",
        where="top",
        block=True,
    ),
    # ------------------------------------------------------------ imports
    Slip(
        r"(?P<p>cnn|rnn|cells)\b",
        'an import stands in double quotes: `import "std/{p}"`',
        before=r"import\s+",
        where="import",
    ),
    Slip(
        r"(?P<p>[\w./-]+)",
        'an import stands in double quotes: `import "{p}"`',
        before=r"import\s+",
        where="import",
    ),
    Slip(r"\(", 'an import stands without brackets: `import "std/cnn"`', before=r"import\s*", where="import"),
    Slip(r",", 'each import stands alone: `import "std/cnn"`', where="import"),
    Slip(
        rf"as\s+{_NAME}", "leave it out: what a file declares is seen under its own name", where="import|top"
    ),
    Slip(
        r"(?P<m>from|include|use|using|require|load)\b",
        'another file is imported as `import "std/cnn"`',
        where="top|import",
    ),
    # ------------------------------------------------------------ names without a keyword
    Slip(
        rf"(?P<n>{_NAME})\s*:?=\s*(?P<v>\d[\w.]*)",
        "a number is a parameter of a network: `network small({n} = {v}) {{ ... }}`",
        where="top",
    ),
    Slip(
        rf"(?P<n>{_NAME})\s*{_PARAMETERS}\s*:?=(?!=)",
        "an operation is declared `op {n}{p} = ...`, a choice of operations `ops {n} = ...`",
        where="top",
    ),
    Slip(r"\}", "remove it", where="top", label="no `{{` is open here"),
    # ------------------------------------------------------------ first lines
    Slip(
        r"\{|:=?|=>|->|:",
        "what an operation is stands after `=`: `op {f}{p} = ...`",
        before=rf"\bop\s+(?P<f>{_NAME})\s*{_PARAMETERS}\s*",
        where="op",
        block=True,
    ),
    Slip(
        r"\{|\[|\(|:=?|=>|->|(?=\|)",
        "a choice of operations is written `ops {f} = a | b`",
        before=rf"\bops\s+(?P<f>{_NAME})\s*",
        where="ops",
    ),
    Slip(r"=", "give it a name: `{k} name = ...`", before=r"(?P<m>\b(?P<k>op|ops))\s*", where="op|ops"),
    Slip(
        r":\s*\w+",
        "parameters have no types: `{k}`",
        before=rf"[(,]\s*(?P<m>(?P<k>{_NAME}))\s*",
        where="op|cell|extern",
    ),
    Slip(
        r"=",
        "an extern op has no body: its Python file is given with `--plugin FILE.py`",
        before=r"\bextern\s+op\b[^=]*",
        where="extern",
    ),
    Slip(rf"(?P<f>{_NAME})", "write `extern op {f}`", before=r"(?P<m>\bextern)\s+", where="extern"),
    Slip(
        r":|=?\s*\{|->",
        "a {k} stands in braces: `{k} {f}{p} {{ ... }}`",
        before=rf"\b(?P<k>cell|network)\s+(?P<f>{_NAME})\s*{_PARAMETERS}\s*=?\s*",
        where="cell|network",
    ),
    Slip(
        r":",
        "a {k} has a name and stands in braces: `{k} name {{ ... }}`",
        before=r"\b(?P<k>cell|network)\s*",
        where="cell|network",
    ),
    Slip(
        _OPENERS,
        "open it with `{{`, and close it with `}}` after its last item",
        before=r"\b(?P<k>cell|network)\b[^\n]*\s*",
        where="cell|network",
        title="this {k} has no `{{`",
        label="`{{` is missing here",
        ends=True,
    ),
)
