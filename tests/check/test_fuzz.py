"""Sound specs with a few tokens changed: always located diagnostics, never another exception."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dartsl.lang.checker import diagnose
from dartsl.lang.codes.render import render
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.resources import shipped_specs

GOOD = Path(__file__).parents[1] / "good"
SHIPPED = ("darts_cnn", "darts_rnn", "nasbench201", "std/cells", "std/rnn")
PATHS = [*sorted(GOOD.glob("*.darts")), *(shipped_specs()[name] for name in SHIPPED)]
TEXTS = [path.read_text(encoding="utf-8") for path in PATHS]
TOKEN = re.compile(r"#[^\n]*|\"[^\"\n]*\"|\s+|[A-Za-z_]\w*|\d+(?:\.\d+)?|->|=>|\.\.|.", re.DOTALL)
SPARE = [
    *("relu", "none", "mix_bn", "darts", "dag", "normal", "c0", "n0", "n1", "C", "stride", "sum", "concat"),
    *("conv(3)", "x*2", "/2", "*", ">", "|", "(", ")", "{", "}", "0", "3", "1.5", "-1", '"s"', "true"),
    *("edge", "node", "cell", "op", "ops", "all", "keep 1", "output", "n0..n2", "image", "scan"),
    *("tokens(5)", "highway", 'scan(recurrent, "h")', "gate(tanh)", "embedding(9)", "locked_dropout(0.5)"),
    *('linear(9, tie = "stem")', 'linear(share = "target")', '"h"', "x", "h", "recurrent"),
    "match stride { 1 => relu }",
]
KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        "all cell darts edge extern head import input keep match network node op ops output stage stem width",
    )
)


def alike(place: int, tokens: list[str]) -> list[int]:
    """Other tokens that keep the syntax whole where they are put in the place of this one."""
    token = tokens[place]
    if token in KEYWORDS:
        return [place]
    for kind in (r"[A-Za-z_]\w*", r"\d.*", r"[*/>|]"):
        if re.fullmatch(kind, token):
            return [i for i, t in enumerate(tokens) if re.fullmatch(kind, t) and t not in KEYWORDS]
    return [place]


@st.composite
def changed(draw: st.DrawFn) -> str:
    tokens = TOKEN.findall(draw(st.sampled_from(TEXTS)))
    words = [place for place, token in enumerate(tokens) if token.strip() and not token.startswith("#")]
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.sampled_from(words))
        kind = draw(st.sampled_from(["drop", "spare", "double", "alike", "alike", "alike"]))
        if kind == "drop":
            tokens[place] = ""
        elif kind == "spare":
            tokens[place] = draw(st.sampled_from(SPARE))
        elif kind == "alike":
            tokens[place] = tokens[draw(st.sampled_from(alike(place, tokens)))]
        else:
            tokens[place] += f" {tokens[place]}"
    return "".join(tokens)


@settings(max_examples=60, deadline=None)
@given(changed())
def test_any_change_gives_a_spec_or_located_diagnostics(text: str) -> None:
    report = diagnose(Source("changed.darts", text))
    assert (report.spec is None) == bool(report.errors)
    spans = [(d.code, d.primary.span) for d in report.diagnostics]
    assert len(spans) == len(set(spans))
    assert all(0 <= span.start <= span.end <= len(span.source.text) for _, span in spans)
    render(report.diagnostics)
