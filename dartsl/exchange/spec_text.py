"""Published cells -> the whole text of a spec, printed as `dartsl fmt` prints it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import dartsl
from dartsl.exchange.genotype import NASBENCH_OPS, Architecture, Genotype, Nasbench, Part, Recurrent
from dartsl.lang.loader import read
from dartsl.lang.parser import parse
from dartsl.lang.printer import print_file
from dartsl.lang.source import Source
from dartsl.lang.syntax import File, NetworkDecl, OpDecl, SettingsDecl
from dartsl.search.emit import names_text

IMAGE_NETWORK = "zoo/darts_v2"  # the spec whose network and training recipe imported image cells stand in
NASBENCH_NETWORK = "nasbench201"
RECURRENT_NETWORK = "zoo/rnn_v2"


def spec_text(found: Architecture, name: str | None, source: str) -> str:
    """The spec of cells that were called `name` in `source`."""
    called = f"{name}, imported" if name else "Imported"
    comment = " ".join(f"{called} by dartsl {dartsl.__version__} from {source}.".split())
    match found:
        case Genotype():
            top, bottom = _around(IMAGE_NETWORK)
            cells = [_image_cell("normal", found.normal), _image_cell("reduction", found.reduce)]
        case Nasbench():
            top, bottom = _around(NASBENCH_NETWORK)
            cells = [_nasbench_cell(found)]
        case Recurrent():
            top, bottom = _around(RECURRENT_NETWORK)
            cells = [_recurrent_cell(found.cell)]
    header, _, rest = top.partition("\n")
    draft = "\n".join([header, "", f"# {comment}", rest, *cells, bottom])
    return print_file(parse(Source("imported.darts", draft)))


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


def _image_cell(name: str, part: Part) -> str:
    states = ["c0", "c1", *(f"n{number}" for number in range(len(part.nodes)))]
    edges = _edges(part, states, 2, lambda operation: operation)
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


def _recurrent_cell(part: Part) -> str:
    states = [f"s{number}" for number in range(len(part.nodes) + 1)]
    edges = _edges(
        part, states, 1, lambda operation: operation if operation == "none" else f"gate({operation})"
    )
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


def _nasbench_cell(found: Nasbench) -> str:
    states = ["x", *(f"n{number}" for number in range(1, len(found.nodes) + 1))]
    part = Part(found.nodes, (len(found.nodes),))
    return "\n".join(
        [
            "cell block {",
            "  input x",
            f"  node {names_text(states[1:])} : sum",
            *_edges(part, states, 1, NASBENCH_OPS.__getitem__),
            f"  output {states[-1]}",
            "}\n",
        ]
    )


def _edges(part: Part, states: list[str], inputs: int, spelling: Callable[[str], str]) -> Iterator[str]:
    """One statement a wire. A `none` is left out, as in a found file, but where a node gets nothing else."""
    for number, wires in enumerate(part.nodes):
        for wire in [wire for wire in wires if wire.operation != "none"] or wires[:1]:
            yield f"  edge {states[wire.source]} -> {states[inputs + number]} : {spelling(wire.operation)}"
