"""The operations that published cells name, and how a spec writes them.

The library has those of DARTS. Others of the same families, of another size, are defined in the imported spec; what no
family has becomes an `extern op`, where that is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache

from dartsl.exchange.genotype import Wire
from dartsl.lang.check.resolve import RESERVED
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.records.accepted import LARGEST_KERNEL
from dartsl.lang.syntax.grammar import keywords
from dartsl.lang.syntax.loader import read

# The operations that a Genotype of image cells may name; the shipped library defines each under the same name.
IMAGE_OPS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "sep_conv_7x7",
    "dil_conv_3x3",
    "dil_conv_5x5",
    "conv_7x1_1x7",
    "noise",
)
RECURRENT_OPS = ("none", "tanh", "relu", "sigmoid", "identity")
# NAS-Bench-201's operations, as its spec (`nasbench201`) writes them.
NASBENCH_OPS = {
    "none": "none",
    "skip_connect": "skip_connect",
    "nor_conv_1x1": "nor_conv(1)",
    "nor_conv_3x3": "nor_conv(3)",
    "avg_pool_3x3": "avg_pool(3)",
}
# Families by the size k, as the forks of DARTS that have them define them (`nor_conv`: AutoDL-Projects).
_FAMILIES = {
    r"sep_conv_{k}x{k}": "sep_conv({k})",
    r"dil_conv_{k}x{k}": "dil_conv({k})",
    r"max_pool_{k}x{k}": "max_pool({k})/stride > mix_bn",
    r"avg_pool_{k}x{k}": "avg_pool({k})/stride > mix_bn",
    r"nor_conv_{k}x{k}": "relu_conv_bn({k})",
    r"conv_{k}x1_1x{k}": "relu > conv_across({k})/stride > conv_down({k})/stride > bn",
}
# How a Genotype names the library's operations of one size.
FAMILIES = {
    "sep_conv": "sep_conv_{k}x{k}",
    "dil_conv": "dil_conv_{k}x{k}",
    "relu_conv_bn": "nor_conv_{k}x{k}",
}
_CELLS = ("normal", "reduction", "recurrent", "block")  # names of imported cells


def definition(name: str) -> str | None:
    """The body of the operation that a member of a family is, such as `sep_conv(9)` for `sep_conv_9x9`."""
    size = re.search(r"_([0-9]{1,3})x", name)
    if size is None or not 1 <= int(size[1]) <= LARGEST_KERNEL or int(size[1]) % 2 == 0:
        return None
    for pattern, body in _FAMILIES.items():
        if pattern.format(k=size[1]) == name and (size[1] != "1" or name.startswith("nor_conv")):
            return body.format(k=size[1])
    return None


def check_wire(wire: Wire, node: int, inputs: int, known: Iterable[str] | None, where: str) -> Wire:
    """A wire into node `node` (from 0) of a cell whose states begin with `inputs` inputs.

    `known` are the operations that it may have; None: any. Raises UserError.
    """
    if known is not None:
        _check_operation(wire.operation, list(known), where)
    states = inputs + node
    if not 0 <= wire.source < states:
        raise UserError(
            f"{where}: `{_short(wire.operation)}` into node {states} comes from {wire.source}, "
            "which is not an earlier state",
            f"node {states} can be reached from 0 to {states - 1}",
        )
    return wire


def _check_operation(name: str, known: list[str], where: str) -> None:
    if name in known or (known == list(IMAGE_OPS) and definition(name) is not None):
        return
    near = get_close_matches(name, known, 1, cutoff=0.4)
    help = f"did you mean `{near[0]}`?" if near else "known are " + ", ".join(f"`{item}`" for item in known)
    keep = "--keep-unknown makes it an `extern op`, whose Python --plugin gives"
    raise UserError(f"{where}: unknown operation `{_short(name)}`", f"{help}{'' if near else ';'} {keep}")


def spellings(names: Iterable[str], known: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """How a spec names published operations, of which `known` are the library's; and what it declares for that."""
    written: dict[str, str] = {}
    declared: list[str] = []
    library = set(known)
    for name in dict.fromkeys(names):
        if name in library:
            written[name] = name
            continue
        written[name] = identifier(name, written.values())
        body = definition(name)
        declared.append(f"extern op {written[name]}" if body is None else f"op {written[name]} = {body}")
    return written, declared


def identifier(name: str, taken: Iterable[str] = ()) -> str:
    """A name that a declaration of a spec can have, as near to a published one as can be."""
    clean = re.sub(r"[^A-Za-z0-9_]+", "_", name)[:60].strip("_")
    clean = clean if clean[:1].isalpha() else f"op_{clean}".rstrip("_")
    used = {*taken, *_CELLS, *keywords(), *RESERVED, *_library()}
    while clean in used:
        clean += "_"
    return clean


@cache
def _library() -> frozenset[str]:
    """The names of the library that an imported spec may see."""
    specs = [check(read(name)) for name in ("std/cnn", "std/rnn", "nasbench201")]
    return frozenset(name for spec in specs for name in (*spec.operations, *spec.choices))


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:60]}..."
