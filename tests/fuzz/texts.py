"""Specs: sound and broken ones with words or bytes changed, and texts from the grammar, through check, fmt, info,
draw, diff and import."""

from __future__ import annotations

import random
from pathlib import Path

from dartsl.api.describing import info
from dartsl.exchange.importing import import_text
from dartsl.graph import draw as drawing
from dartsl.graph.diff import diff_specs
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check, diagnose
from dartsl.lang.codes.diagnostics import SpecError
from dartsl.lang.codes.render import report, to_json
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import CellLayer, Plan
from dartsl.lang.syntax.loader import decode, read
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_file
from dartsl.lang.syntax.resources import shipped_specs
from tests.exchange import genotypes
from tests.fuzz import grammar
from tests.fuzz.campaign import Input
from tests.fuzz.mutation import change_bytes, change_words

TESTS = Path(__file__).parents[1]
WORDS = """
relu none mix_bn darts dag normal c0 n0 C n stride sum concat lerp highway scan noise edge node cell op ops
all true output
conv(3) relu(1) tokens(5) n0..n3 *2 /2 * | > ( ) { } 0 3 1.5 -1 1e9 999999999999 "s" ' // \ufeff \u00a0
"""
SPARE = (
    *WORDS.replace("\n", " ").strip().split(" "),
    *(
        "keep 1",
        "image(3, 8, 8)",
        "extern op x(out = Cin)",
        "match stride { 1 => relu }",
        "match shape { keeps => relu, changes => conv(1) }",
        "relu(out = Cin)",
        "search { epochs = 1 }",
    ),
    *('import "./x"', 'linear(share = "target")', "conv(3, out = C/3)", "# dartsl: allow W0303\n"),
)
ODD = ("0", "-1", "(", "]", "'", "none", "np.int64(0)", "range(9)")
PUBLISHED = (genotypes.DARTS_V2, genotypes.RNN_V1, genotypes.FILE, "|none~0|+|none~0|nor_conv_3x3~1|")
MOST_EDGES = 60  # of what is drawn and lowered: larger cells take seconds, and have nothing else in them
MOST_CANDIDATES = 150  # of all the layers of a network


class Texts:
    """See the module."""

    def __init__(self) -> None:
        paths = [
            *(TESTS / "good").glob("*.darts"),
            *(TESTS / "bad").glob("*.darts"),
            *shipped_specs().values(),
        ]
        self.texts = [path.read_bytes().decode(errors="replace") for path in sorted(paths)]
        self.base = check(read("nasbench201"))

    def make(self, draw: random.Random) -> Input:
        choice = draw.random()
        if choice < 0.1:
            text = change_words(draw, draw.choice(PUBLISHED), ODD)
            return Input("genotype.txt", text.encode())
        if choice < 0.3:
            return Input("generated.darts", grammar.sentence(draw).encode())
        text = draw.choice(self.texts)
        if choice < 0.9:
            text = change_words(draw, text, SPARE)
        data = text.encode(errors="surrogatepass")
        return Input("changed.darts", change_bytes(draw, data) if choice > 0.85 else data)

    def attempt(self, given: Input) -> None:
        if given.name == "genotype.txt":
            text = given.data.decode(errors="replace")
            check(Source("imported.darts", import_text(f"\n{text}", keep_unknown=len(text) % 2 == 0).text))
            return
        source = decode(given.name, given.data, None)
        found = diagnose(source)
        report(source.name, found.diagnostics, found.size)
        to_json(found.diagnostics)
        try:
            printed = print_file(parse(source))
        except SpecError:
            return
        assert print_file(parse(Source(source.name, printed))) == printed, "fmt is not idempotent"
        again = diagnose(Source(source.name, printed))
        codes = [sorted({fault.code for fault in each.diagnostics}) for each in (found, again)]
        assert codes[0] == codes[1], "fmt changes faults"
        if found.spec is not None:
            self._used(found.spec)

    def _used(self, spec: Spec) -> None:
        diff_specs(spec, self.base)
        for cell in spec.cells.values():
            if len(cell.edges) <= MOST_EDGES:
                drawing.draw([cell])
        small = sum(len(cell.edges) for cell in spec.cells.values()) <= MOST_EDGES
        for name, network in spec.networks.items():
            if small and _candidates(plan(spec, network, {})) <= MOST_CANDIDATES:
                info(spec, name, batch=2)


def _candidates(found: Plan) -> int:
    """How many operations the layers of a network have in all."""
    cells = [layer.cell for layer in found.layers if isinstance(layer, CellLayer)]
    return len(found.layers) + sum(len(edge.candidates) for cell in cells for edge in cell.edges)
