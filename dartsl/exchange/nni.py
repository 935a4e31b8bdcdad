"""NNI's JSON of choices for its DARTS spaces -> data. Two forms are read:

    NNI 1.x        "normal_n2_p0": "sepconv3x3", "normal_n2_switch": ["normal_n2_p0", "normal_n2_p1"]
                   An operation is a name, its place in DARTS's example, or [] (also all false) where none was chosen;
                   a switch holds keys, numbers of inputs, or a true or false an input.
    NNI 2.x, 3.x   "normal/op_2_0": "sep_conv_3x3", "normal/input_2_0": 0  (or [0])

Both spaces concatenate all nodes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from dartsl.exchange.genotype import MAX_NODES, Genotype, Part, Wire
from dartsl.exchange.literals import MAX_TEXT
from dartsl.exchange.operations import IMAGE_OPS, check_wire
from dartsl.lang.codes.diagnostics import UserError

# In the order of NNI's example, which counts them.
OLD_NAMES = {
    "maxpool": "max_pool_3x3",
    "avgpool": "avg_pool_3x3",
    "skipconnect": "skip_connect",
    "sepconv3x3": "sep_conv_3x3",
    "sepconv5x5": "sep_conv_5x5",
    "dilconv3x3": "dil_conv_3x3",
    "dilconv5x5": "dil_conv_5x5",
}
Known = tuple[str, ...] | None
_OLD = re.compile(r"(normal|reduce)_n([0-9]{1,3})_(p[0-9]{1,3}|switch)")
_NEW = re.compile(r"(normal|reduce)/(op|input)_([0-9]{1,3})_([0-9]{1,3})")
_KEY = re.compile(rf'"(?:{_OLD.pattern}|{_NEW.pattern})"')


def is_nni(text: str) -> bool:
    """Whether a text looks like NNI's JSON."""
    return text.startswith("{") and _KEY.search(text) is not None


def read_nni(text: str, source: str, keep_unknown: bool = False) -> Genotype:
    """`keep_unknown` takes operations of any name.

    Raises UserError where the text is not JSON of that kind, or choices are missing or wrong."""
    if len(text) > MAX_TEXT:
        raise UserError(f"{source} is too long to hold choices: {len(text):,} characters")
    try:
        choices = json.loads(text)
    except json.JSONDecodeError as fault:
        raise UserError(f"{source}:{fault.lineno}: this is not JSON: {fault.msg}") from None
    except (ValueError, RecursionError):
        raise UserError(f"{source} is nested too deeply, or holds a number too long to be read") from None
    keys = list(choices) if isinstance(choices, dict) else []
    if any(_NEW.fullmatch(key) for key in keys):
        read = _new_part
    elif any(_OLD.fullmatch(key) for key in keys):
        read = _old_part
    else:
        raise UserError(
            f"{source} holds no choices of a DARTS space",
            "keys like `normal_n2_p0` (NNI 1) or `normal/op_2_0` (NNI 2 and 3) are read",
        )
    known = None if keep_unknown else IMAGE_OPS
    return Genotype(read(choices, "normal", source, known), read(choices, "reduce", source, known))


def _new_part(choices: Mapping[str, Any], cell: str, source: str, known: Known) -> Part:
    nodes: dict[int, dict[int, Wire]] = {}
    for key, value in choices.items():
        found = _NEW.fullmatch(key)
        if found is None or found[1] != cell or found[2] != "op":
            continue
        node, place = int(found[3]), int(found[4])
        key_input = f"{cell}/input_{node}_{place}"
        given = choices.get(key_input)
        if isinstance(given, list) and len(given) == 1:
            given = given[0]
        if type(given) is not int or not isinstance(value, str):
            raise UserError(f"{source}: `{key}` and `{key_input}` are not an operation and a number")
        wire = check_wire(Wire(value, given), node - 2, 2, known, f"{source}: `{key}`")
        nodes.setdefault(node, {})[place] = wire
    return _part(
        {node: [wires[place] for place in sorted(wires)] for node, wires in nodes.items()}, cell, source
    )


def _old_part(choices: Mapping[str, Any], cell: str, source: str, known: Known) -> Part:
    nodes: dict[int, list[Wire]] = {}
    for key, value in choices.items():
        found = _OLD.fullmatch(key)
        if found is None or found[1] != cell or found[3] != "switch":
            continue
        node = int(found[2])
        if not isinstance(value, list):
            raise UserError(f"{source}: `{key}` is not a list")
        nodes[node] = []
        for place in _chosen(value, key):
            name = f"{cell}_n{node}_p{place}"
            operation = _old_operation(choices.get(name), f"{source}: `{name}`")
            wire = Wire(operation, place)
            nodes[node].append(check_wire(wire, node - 2, 2, known, f"{source}: `{key}`"))
    return _part(nodes, cell, source)


def _chosen(value: list[Any], key: str) -> list[int]:
    """The numbers of the inputs that a switch lets through; -1 for what is none."""
    if value and all(isinstance(item, bool) for item in value):
        return [place for place, item in enumerate(value) if item]
    start = f"{key.removesuffix('switch')}p"
    found = []
    for item in value:
        text = item.removeprefix(start) if isinstance(item, str) and item.startswith(start) else ""
        number = int(text) if re.fullmatch(r"[0-9]{1,3}", text) else -1
        found.append(item if type(item) is int else number)
    return found


def _old_operation(value: Any, where: str) -> str:
    names = list(OLD_NAMES)
    if isinstance(value, list) and all(isinstance(item, bool) for item in value):
        if len(value) > len(names) or sum(value) > 1:
            raise UserError(f"{where} does not choose one operation")
        return OLD_NAMES[names[value.index(True)]] if any(value) else "none"
    if type(value) is int and 0 <= value < len(names):
        return OLD_NAMES[names[value]]
    if isinstance(value, str):
        return OLD_NAMES.get(value, value)
    raise UserError(f"{where} is missing, or no operation")


def _part(nodes: Mapping[int, list[Wire]], cell: str, source: str) -> Part:
    order = sorted(nodes)
    if not order or order != list(range(2, len(order) + 2)) or len(order) > MAX_NODES:
        raise UserError(f"{source}: the nodes of `{cell}` are not 2, 3, ...: {order or 'there is none'}")
    for node in order:
        if not nodes[node]:
            raise UserError(f"{source}: node {node} of `{cell}` has no edge")
    return Part(tuple(tuple(nodes[node]) for node in order), tuple(order))
