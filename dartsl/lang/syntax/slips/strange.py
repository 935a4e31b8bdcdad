"""Text that is no token: comments and quotes of other languages, signs that the language does not have."""

from __future__ import annotations

from dartsl.lang.syntax.slips.slip import Slip

_COMMENT = "comments start with `#` and end with the line"
_RANGE = "a range is written with two dots: `{a}..{b}`"
_QUOTES = 'strings are written in straight double quotes: `"{text}"`'
_SETTING = r"\A\s*\w+\s*=\s*"

SLIPS: tuple[Slip, ...] = (
    Slip(r"//[ \t]*(?P<text>[^\n]*)", f"{_COMMENT}: `# {{text}}`", label="not a comment here"),
    Slip(r"/\*", f"{_COMMENT}: put one before each line", label="not a comment here"),
    Slip(r'"""|<!', f"{_COMMENT}: put one before each line", label="not a comment here"),
    Slip(r"%", _COMMENT, before=r"\A\s*", label="not a comment here"),
    Slip('"', 'close it with `"`: strings end on the line where they begin', label='no `"` ends it'),
    # ------------------------------------------------------------ quotes
    Slip(r"['\u2018](?P<text>[^'\u2019\n]*)['\u2019]", _QUOTES, label="these are not double quotes"),
    Slip(r"[“”„«](?P<text>[^“”»\n]*)[“”»]", _QUOTES, label="these are not straight quotes"),
    Slip(r"`(?P<text>[^`\n]*)`", _QUOTES, before=_SETTING),
    Slip(r"`(?P<text>[^`\n]*)`", "names are written without quotes: `{text}`"),
    Slip(
        r"['\u2018\u2019“”„«»`]",
        "strings are written in straight double quotes and end on the line where they begin",
    ),
    # ------------------------------------------------------------ dots
    Slip(
        r"[A-Za-z_][\w.]*\.(?P<name>\w+)", 'strings are written in double quotes: `"{name}"`', before=_SETTING
    ),
    Slip(r"(?P<p>[a-z]\w*)\.(?P<q>\w+)", 'write `import "{p}/{q}"`', before=r"import\s+"),
    Slip(r"(?P<a>[A-Za-z_]\w*?\d+)\.(?P<b>[A-Za-z_]\w*?\d+)", _RANGE),
    Slip(
        r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*\.(?P<name>[A-Za-z_]\w*)",
        "names cannot contain dots: write `{name}`",
        label="unexpected name",
    ),
    Slip(r"\.+(?=\w)", "a range is written with two dots: `n0..n3`", before=r"\w+\d\s*(?P<m>\.\.)"),
    Slip(r"\.\s*(?P<name>\w+)", "operations are chained with `>`: `> {name}`", before=r"\)\s*"),
    Slip(r"\.{1,2}/[\w./-]*", 'strings are written in double quotes: `"{m}"`', before=r"=\s*"),
    Slip(
        r"\.(?P<b>\d+)", "names cannot contain dots: write `{a}{b}`", before=r"(?P<m>\b(?P<a>[A-Za-z_]\w*))"
    ),
    Slip(r"\.\d+", "a number has digits on both sides of its dot: `0{m}`"),
    Slip(r"\.", "a number has digits on both sides of its dot: `{m}0`", before=r"(?P<m>\b\d+)"),
    Slip(r"\.", "a number has digits on both sides of its dot (`0.5`), and a range has two dots (`n0..n3`)"),
    # ------------------------------------------------------------ arrows and dashes
    Slip(
        r"(?:[→⟶➔⇒—\u2013]>?|<)+-*>?", "edges are drawn from left to right with `->`", before=r"edge\b[^:\n]*"
    ),
    Slip(r"[→⟶➔⇒]", "operations are chained with `>`", label="not an operator"),
    Slip(r"[-\u2013—~\u223c…]+\s*(?P<b>[A-Za-z_]\w*\d)", _RANGE, before=r"(?P<m>(?P<a>[A-Za-z_]\w*\d))\s*"),
    Slip(r"[\u2013—\u2212]", "write a minus sign, `-`"),
    # ------------------------------------------------------------ other signs
    Slip(r";", "the arms of a `match` are separated by commas", before=r"=>[^;]*"),
    Slip(r";", "names are separated by commas", before=r"\b(?:node|edge|input)\s[^:;]*"),
    Slip(r";", "arguments and parameters are separated by commas", before=r"\([^();]*"),
    Slip(r";", "remove it: a new line is enough between items"),
    Slip(r"%", "write a fraction: `0.5` for 50 %", before=r"(?P<m>\b\d+(?:\.\d+)?)\s*"),
    Slip(r"%", "there is no remainder, and comments start with `#`"),
    Slip(r"\^\s*-?\d+", "write the number itself, such as `1e-2`", before=r"(?P<m>\b\d+)\s*"),
    Slip(r"\^", "there is no power: write `C*C`; a repetition of a cell is written `normal*2`"),
    Slip(r"[\u00d7·\u2217⋅]", "a product and a repetition are written with `*`"),
    Slip(r"&+", "names are separated by commas", before=r"(?:edge|node|input|output)\b[^:\n]*"),
    Slip(r"&+", "a choice is written `a | b`, a chain `a > b`"),
    Slip(r"\?", "a choice by stride is written `match stride {{ 1 => a, 2 => b }}`"),
    Slip(r"!=?", "a choice by stride is written `match stride {{ 1 => a, 2 => b }}`"),
    Slip(r"<[=<]?", "arguments are written in parentheses: `conv(3)`; there are no comparisons"),
    Slip(r"\$\{?\w*", "settings are literals: write the value itself", before=_SETTING),
    Slip(r"\$\{?(?P<name>\w*)", "a parameter is written as it is, without a sign: `{name}`"),
    Slip(r"@", "there are no decorators, and no signs before names"),
    Slip(r"\\", "leave it out: line ends have no meaning, so a statement may continue on the next line"),
    Slip(r"~", "write the whole path, in double quotes", before=r"=\s*"),
)
