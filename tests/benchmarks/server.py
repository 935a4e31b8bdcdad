"""How fast does the language server answer in a long spec, right after a change?

    python -m tests.benchmarks.server --lines 500

Writes a spec of about that many lines: operations, choices, cells, most of them in no network, and a network of two
cells. In each round a number in one of its cells changes, as when one types, and each answer is asked for in a text
that nothing else has read before: it has to be parsed, and checked where the answer needs that. What is shown is the
CPU time: the least of all rounds, and the median.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count
from statistics import median

import click
from lsprotocol import types as lsp

from dartsl.lsp import faults, navigation, outline
from dartsl.lsp.completion import completion
from dartsl.lsp.costs import network_cost
from dartsl.lsp.documents import Document, Documents
from dartsl.lsp.hover import hover
from dartsl.lsp.server import formatted
from dartsl.lsp.tokens import semantic_tokens

CHECKED = ", once checked"  # what the answer needs is known as soon as the diagnostics are
OPERATION = """
# A bottleneck; the first convolution takes the width down.
op narrow{n}(k = 3, by = 2) = relu > conv(1, out = C/by) > dwconv(k)/stride > conv(1) > bn
ops some{n} = none | skip_connect | narrow{n}(3) | narrow{n}(5) | sep_conv(3) | dil_conv({k})
"""
CELL = """
# A cell of four nodes.
cell cell{n} {{
  input  c0, c1 : preprocess
  node   a, b : sum keep 2
  node   c : sum keep 2
  node   d : sum keep 2

  # Every earlier node, by one of the choices.
  edge   all -> a : some{m}
  edge   all -> b : some{m} | max_pool_3x3
  edge   all -> c : none | skip_connect | sep_conv_3x3 | narrow{m}(7)
  edge   c0, c1, a -> d : relu > conv({k})/stride > bn | skip_connect
  edge   b -> d : avg_pool_3x3 | dil_conv_5x5
  output concat(a, b, c, d)
}}
"""
NETWORK = """
network net(C = 16, classes = 10, n = 2) {
  input image(3, 32, 32)
  stem  conv(3) > bn
  stage cell0*n > cell1/2 > cell0*n > cell1/2 > cell0*n width C
  head  global_avg_pool > linear(classes)
}

search {
  epochs = 9
  batch  = 64
}
"""


def spec(lines: int, kernel: int) -> str:
    """A sound spec of about so many lines, with one number that is given."""
    cells = max(2, (lines - 15) // 20)
    text = 'darts 1\n\nimport "std/cnn"\n'
    text += "".join(OPERATION.format(n=n, k=3) for n in range(cells))
    text += "".join(CELL.format(n=n, m=n, k=kernel if n == cells // 2 else 3) for n in range(cells))
    return text + NETWORK


class Asked:
    """A text that has just changed, and what an editor asks of it."""

    def __init__(self, text: str) -> None:
        self.document = Document("untitled:long", text)
        cell = text.rindex("node   d")
        self.offset = text.index("skip_connect", cell) + 4
        self.documents = Documents(lambda _: text)

    def answers(self) -> dict[str, Callable[[], object]]:
        document, offset = self.document, self.offset
        whole = document.positions.whole()
        return {
            "completion": lambda: completion(document, offset),
            "definition": lambda: navigation.definition(document, offset),
            "references": lambda: navigation.references(self.documents, document, offset, True),
            "symbols": lambda: outline.symbols(document),
            "folding": lambda: outline.folding(document),
            "semantic tokens": lambda: semantic_tokens(document),
            "formatting": lambda: formatted(document),
            "code lenses": lambda: outline.lenses(document),
            "diagnostics": lambda: faults.diagnostics(document),
            "quick fixes, once checked": lambda: faults.actions(
                document, whole, [lsp.CodeActionKind.QuickFix]
            ),
            "hover, once checked": lambda: hover(document, offset),
            "cost of the network, once checked": lambda: network_cost(document, "net"),
        }


def texts(lines: int) -> Iterator[str]:
    """The text after each change."""
    for number in count():
        yield spec(lines, 3 + 2 * (number % 100))


def measure(lines: int, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each answer in each round, after two that warm up."""
    versions = texts(lines)
    seconds: dict[str, list[float]] = {}
    for number in range(rounds + 2):
        for name in Asked(spec(2, 3)).answers():
            asked = Asked(next(versions))
            if name.endswith(CHECKED):
                faults.diagnostics(asked.document)
            begun = time.process_time()
            asked.answers()[name]()
            if number > 1:
                seconds.setdefault(name, []).append(time.process_time() - begun)
    return seconds


@click.command(help=__doc__)
@click.option("--lines", default=500, show_default=True)
@click.option("--rounds", default=15, show_default=True)
def main(lines: int, rounds: int) -> None:
    text = spec(lines, 3)
    print(f"{text.count(chr(10))} lines, {len(text):,} characters\n")
    print("| asked for | least CPU time, ms | median |\n|---|---:|---:|")
    for name, own in measure(lines, rounds).items():
        print(f"| {name} | {1000 * min(own):.0f} | {1000 * median(own):.0f} |")


if __name__ == "__main__":
    main()
