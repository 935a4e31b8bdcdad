"""Published cells -> the whole text of a spec, printed as `dartsl fmt` prints it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache

import dartsl
from dartsl.exchange.genotype import Architecture, Genotype, Nasbench, Part, Recurrent, Wire
from dartsl.exchange.operations import IMAGE_OPS, NASBENCH_OPS, RECURRENT_OPS, spellings
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.ast import File, NetworkDecl, OpDecl, SettingsDecl
from dartsl.lang.syntax.loader import read
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.paths import printable
from dartsl.lang.syntax.printer import print_file
from dartsl.searching.emit import names_text

IMAGE_NETWORK = "zoo/darts_v2"  # the spec whose network and training recipe imported image cells stand in
NASBENCH_NETWORK = "nasbench201"
RECURRENT_NETWORK = "zoo/rnn_v2"


def spec_text(found: Architecture, name: str | None, source: str, notes: Iterable[str] = ()) -> str:
    """The spec of cells that were called `name` in `source`; `notes` say more about where they come from."""
    called = f"{name}, imported" if name else "Imported"
    facts = [f"{called} by dartsl {dartsl.__version__} from {source}.", *notes]
    comments = [f"# {' '.join(printable(fact).split())}" for fact in facts]
    match found:
        case Genotype():
            top, bottom = _around(IMAGE_NETWORK)
            parts = {"normal": found.normal, "reduction": found.reduce}
            written, declared = spellings(_operations(*parts.values()), IMAGE_OPS)
            cells = [_image_cell(cell, part, written) for cell, part in parts.items()]
        case Nasbench():
            top, bottom = _around(NASBENCH_NETWORK)
            part = Part(found.nodes, (len(found.nodes),))
            written, declared = spellings(_operations(part), NASBENCH_OPS)
            cells = [_nasbench_cell(part, {**written, **NASBENCH_OPS})]
        case Recurrent():
            top, bottom = _around(RECURRENT_NETWORK)
            written, declared = spellings(_operations(found.cell), RECURRENT_OPS)
            cells = [_recurrent_cell(found.cell, written)]
    header, _, rest = top.partition("\n")
    draft = "\n".join([header, "", *comments, rest, *declared, "", *cells, bottom])
    return print_file(parse(Source("imported.darts", draft)))


def _operations(*parts: Part) -> list[str]:
    """The operations of some cells that their specs write down."""
    return [wire.operation for part in parts for node in part.nodes for wire in _written(node)]


def _written(wires: tuple[Wire, ...]) -> tuple[Wire, ...]:
    """The wires into a node that are written down: `none` adds nothing, but where a node gets nothing else."""
    return tuple(wire for wire in wires if wire.operation != "none") or wires[:1]


@cache
def _around(name: str) -> tuple[str, str]:
    """What stands above and below the cells of a shipped spec: imports and operations; network and `train {}`."""
    file = parse(read(name))
    above = tuple(d for d in file.declarations if isinstance(d, OpDecl))
    below = tuple(
        d
        for d in file.declarations
        if isinstance(d, NetworkDecl) or (isinstance(d, SettingsDecl) and d.kind == "train")
    )
    bottom: File = replace(file, imports=(), declarations=below, comments=())
    text = print_file(bottom).removeprefix(f"darts {file.version}\n")
    return print_file(replace(file, declarations=above, comments=())), text


def _image_cell(name: str, part: Part, written: Mapping[str, str]) -> str:
    states = ["c0", "c1", *(f"n{number}" for number in range(len(part.nodes)))]
    edges = _edges(part, states, 2, written.__getitem__)
    return "\n".join(
        [
            f"cell {name} {{",
            "  input c0, c1 : preprocess",
            f"  node {names_text(states[2:])} : sum",
            *edges,
            f"  output concat({names_text([states[state] for state in part.concat])})",
            "}\n",
        ]
    )


def _recurrent_cell(part: Part, written: Mapping[str, str]) -> str:
    states = [f"s{number}" for number in range(len(part.nodes) + 1)]
    edges = _edges(part, states, 1, lambda name: name if name == "none" else f"gate({written[name]})")
    return "\n".join(
        [
            "cell recurrent {",
            "  input x, h",
            "  node s0 : highway > mix_bn",
            f"  node {names_text(states[1:])} : sum > mix_bn",
            "  edge x, h -> s0 : identity",
            *edges,
            f"  output mean({names_text([states[state] for state in part.concat])})",
            "}\n",
        ]
    )


def _nasbench_cell(part: Part, written: Mapping[str, str]) -> str:
    states = ["x", *(f"n{number}" for number in range(1, len(part.nodes) + 1))]
    return "\n".join(
        [
            "cell block {",
            "  input x",
            f"  node {names_text(states[1:])} : sum",
            *_edges(part, states, 1, written.__getitem__),
            f"  output {states[-1]}",
            "}\n",
        ]
    )


def _edges(part: Part, states: list[str], inputs: int, spelling: Callable[[str], str]) -> Iterator[str]:
    """One statement for each wire that is written down."""
    for number, wires in enumerate(part.nodes):
        for wire in _written(wires):
            yield f"  edge {states[wire.source]} -> {states[inputs + number]} : {spelling(wire.operation)}"
