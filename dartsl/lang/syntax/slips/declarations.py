"""Slips at the top of a file: other languages' keywords, the first lines of declarations, imports."""

from __future__ import annotations

from dataclasses import fields

from dartsl.lang.settings.values import CONFIGS
from dartsl.lang.syntax.slips.slip import KEYWORDS, Slip

_NAME = r"[A-Za-z_]\w*"
_PARAMETERS = r"(?P<p>\([^()]*\))?"
_LOOPS = (
    "there are no loops: `all` and ranges such as `n0..n3` name several nodes, `normal*n` repeats a layer"
)
_OPENERS = r"(?=(?:input|node|edge|output|stem|stage|head)\b)"

_SETTINGS = "|".join(sorted({field.name for config in CONFIGS.values() for field in fields(config)}))

SLIPS: tuple[Slip, ...] = (
    # ------------------------------------------------------------ other languages' keywords
    Slip(r"(?P<m>for|while|repeat|foreach|loop)\b", _LOOPS, where="top|in .*", skip="block"),
    Slip(
        rf"(?P<m>def|fn|fun|func|function|define|let|operation|macro)\s+(?P<f>{_NAME})\s*{_PARAMETERS}",
        "an operation is declared with `op`: `op {f}{p} = ...`",
        where="top|in .*",
        skip="block",
    ),
    Slip(
        rf"(?P<m>class|struct|module|block)\s+(?P<f>{_NAME})",
        "a cell is declared with `cell`: `cell {f} {{ ... }}`",
        where="top",
        skip="block",
    ),
    Slip(
        r"(?P<m>model|net)\b",
        "a network is declared with `network`: `network small(C = 16) {{ ... }}`",
        where="top",
        skip="block",
    ),
    Slip(
        r"(?P<m>settings|config|options|hyperparameters|optimizer|training)\b\s*[:={]",
        "settings belong in `search {{ ... }}` and `train {{ ... }}`",
        where="top",
        skip="block",
    ),
    Slip(r"\[(?P<k>\w+)\]", "settings are written in braces: `{k} {{ ... }}`", where="top", skip="line"),
    Slip(r"--+", "comments start with `#`", where="top|in (?:cell|network)", skip="line"),
    # ------------------------------------------------------------ imports
    Slip(
        r"(?P<p>cnn|rnn|cells)\b",
        'an import is written in double quotes: `import "std/{p}"`',
        before=r"import\s+",
        where="import",
    ),
    Slip(
        r"(?P<p>[\w./-]+)",
        'an import is written in double quotes: `import "{p}"`',
        before=r"import\s+",
        where="import",
    ),
    Slip(
        r"\(",
        'an import is written without parentheses: `import "std/cnn"`',
        before=r"import\s*",
        where="import",
    ),
    Slip(r",", 'write one `import` for each file: `import "std/cnn"`', where="import"),
    Slip(
        rf"as\s+{_NAME}",
        "leave it out: what a file declares is seen under its own name",
        where="import|top",
        skip="line",
    ),
    Slip(
        r"(?P<m>from|include|use|using|require|load)\b",
        'another file is imported as `import "std/cnn"`',
        where="top|import",
        skip="line",
    ),
    # ------------------------------------------------------------ names without a keyword
    Slip(
        rf"(?P<n>{_SETTINGS})\s*[:=][^\n]*",
        "settings are written in braces: `search {{ {n} = ... }}`",
        where="top",
        skip="line",
    ),
    Slip(
        rf"(?P<m>candidates|choices?|operations|options|space)\s+(?P<n>{_NAME})\s*=",
        "a choice of operations is declared with `ops`: `ops {n} = a | b`",
        where="top",
    ),
    Slip(
        rf"(?P<n>{_NAME})\s*:?=\s*(?P<v>\d[\w.]*)",
        "a number is a parameter of a network: `network small({n} = {v}) {{ ... }}`",
        where="top",
    ),
    Slip(
        rf"(?P<n>{_NAME})\s*{_PARAMETERS}\s*:?=(?!=)",
        "a declaration starts with a keyword: `op {n}{p} = ...`, `ops {n} = ...` or `cell {n} = ...`",
        where="top",
    ),
    Slip(r"\}", "remove it", where="top", label="no `{{` is open here"),
    # ------------------------------------------------------------ first lines
    Slip(
        r"-(?P<b>\w+)",
        "names are written with `_`: `{a}_{b}`",
        before=rf"\b(?:op|ops|cell|network)\s+(?P<m>(?P<a>{_NAME}))",
        where="op|ops|cell|network|extern",
        skip="line",
    ),
    Slip(
        rf"(?!{KEYWORDS})(?P<b>{_NAME})(?!\s*=)",
        "a name cannot contain spaces: `{a}_{b}`",
        before=rf"\b(?:op|ops|cell|network)\s+(?P<m>(?P<a>{_NAME}))[ \t]+",
        where="op|ops|cell|network|extern",
    ),
    Slip(
        r"\d+\w*",
        "names start with a letter",
        before=r"\b(?:op|ops|cell|network)\s+",
        where="op|ops|cell|network",
    ),
    Slip(
        r",",
        "a cell can equal one other cell only: `cell {f} = ...`",
        before=rf"\bcell\s+(?P<f>{_NAME})\s*",
        where="cell",
    ),
    Slip(
        r"\"(?P<n>\w*)\"",
        "names are written without quotes: `cell {f} = {n}`",
        before=rf"\bcell\s+(?P<f>{_NAME})\s*=\s*",
        where="cell",
    ),
    Slip(
        r"/",
        "a stride is written in the network: `stage {f}/2 width C`",
        before=rf"\bcell\s+(?P<f>{_NAME})\s*=.*",
        where="cell",
    ),
    Slip(
        r"\[",
        "the body of a {k} is written in braces: `{k} {f} {{ ... }}`",
        before=rf"\b(?P<k>cell)\s+(?P<f>{_NAME})\s*",
        where="cell",
    ),
    Slip(
        r"\{",
        "give it a name: `{k} name {{ ... }}`",
        before=r"(?P<m>\b(?P<k>cell|network))\s*",
        where="cell|network",
    ),
    Slip(
        r"\"(?P<n>\w*)\"",
        "names are written without quotes: `{k} {n}`",
        before=r"\b(?P<k>cell|network|op|ops)\s*",
        where="cell|network|op|ops",
    ),
    Slip(
        rf":[ \t]*(?P<v>{_NAME})[ \t]*(?=\n|#|\Z)",
        "a cell like another is written `cell {f} = {v}`",
        before=rf"\bcell\s+(?P<f>{_NAME})\s*",
        where="cell",
    ),
    Slip(
        rf"(?={KEYWORDS}|\Z)",
        "write an operation after `=`, such as `sep_conv(3)`",
        before=r"=\s*",
        where="op|ops",
        title="nothing follows this `=`",
        label="an operation is missing here",
        ends=True,
    ),
    Slip(
        r"\{|:=?|=>|->|:",
        "the body of an operation follows `=`: `op {f}{p} = ...`",
        before=rf"\bop\s+(?P<f>{_NAME})\s*{_PARAMETERS}\s*",
        where="op",
        skip="block",
    ),
    Slip(
        r"\{|\[|\(|:=?|=>|->|(?=\|)",
        "a choice of operations is written `ops {f} = a | b`",
        before=rf"\bops\s+(?P<f>{_NAME})\s*",
        where="ops",
    ),
    Slip(r"=", "give it a name: `{k} name = ...`", before=r"(?P<m>\b(?P<k>op|ops))\s*", where="op|ops"),
    Slip(
        r":\s*(?P<v>\d+)",
        "a default is given with `=`: `{k} = {v}`",
        before=rf"[(,]\s*(?P<m>(?P<k>{_NAME}))\s*",
        where="op|cell|extern",
    ),
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
        "the body of a {k} is written in braces: `{k} {f}{p} {{ ... }}`",
        before=rf"\b(?P<k>cell|network)\s+(?P<f>{_NAME})\s*{_PARAMETERS}\s*=?\s*",
        where="cell|network",
    ),
    Slip(
        r":",
        "a {k} has a name and a body in braces: `{k} name {{ ... }}`",
        before=r"\b(?P<k>cell|network)\s*",
        where="cell|network",
    ),
    Slip(
        _OPENERS,
        "open it with `{{`, and close it with `}}` after its last item",
        before=r"\b(?P<k>cell|network)\b[^\n]*\n\s*",
        where="cell|network",
        title="this {k} has no `{{`",
        label="`{{` is missing here",
        ends=True,
    ),
    Slip(
        rf"(?!{KEYWORDS}|darts\b)(?P<m>{_NAME})[ \t]+\w+",
        "a declaration starts with `op`, `ops`, `cell`, `network`, `search` or `train`, a comment with `#`",
        where="top",
    ),
)
