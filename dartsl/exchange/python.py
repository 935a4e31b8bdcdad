"""`Genotype(...)` literals of the DARTS family -> data.

    Genotype(normal=[('sep_conv_3x3', 1), ('skip_connect', 0), ...], normal_concat=range(2, 6), reduce=..., ...)
    Genotype(normal=[[('sep_conv_3x3', 1), ('skip_connect', 0)], ...], ...)     pairs a node, any number of them
    Genotype(recurrent=[('relu', 0), ...], concat=range(1, 9))

alone, or as `NAME = Genotype(...)` in a Python file.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TypeGuard

from dartsl.exchange.genotype import (
    IMAGE_OPS,
    MAX_NODES,
    RECURRENT_OPS,
    Genotype,
    Part,
    Recurrent,
    Wire,
    check_concat,
    check_wire,
)
from dartsl.exchange.literals import Reader, parse_python
from dartsl.lang.diagnostics import UserError

IMAGE_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
RECURRENT_FIELDS = ("recurrent", "concat")


def read_genotype(text: str, source: str, name: str | None) -> tuple[str | None, Genotype | Recurrent]:
    """The genotype of a Python text, and the name that it has there.

    `source` is what messages call the text; `name` picks one where there are several. Raises UserError.
    """
    found = _genotypes(parse_python(text, source), source)
    names = [each for each in found if each is not None]
    if not found:
        raise UserError(f"{source} holds no `Genotype(...)`", "it is read, never run: only literals count")
    if name is not None and name not in found:
        has = f"it holds {', '.join(names)}" if names else "its genotype has no name"
        raise UserError(f"{source} holds no genotype `{name}`", has)
    if name is None and len(found) > 1:
        raise UserError(f"{source} holds several genotypes", f"pick one by --name: {', '.join(names)}")
    picked: str | None = next(iter(found)) if name is None else name
    return picked, _genotype(found[picked], Reader(source))


def _genotypes(tree: ast.Module, source: str) -> dict[str | None, ast.Call]:
    """The calls of `Genotype` by the names that a file's statements give them; later ones replace earlier."""
    found: dict[str | None, ast.Call] = {}
    for statement in tree.body:
        if isinstance(statement, ast.Expr) and _is_genotype(statement.value):
            found[None] = statement.value
        if isinstance(statement, ast.AnnAssign):
            targets: Sequence[ast.expr] = [statement.target]
        elif isinstance(statement, ast.Assign):
            targets = statement.targets
        else:
            continue
        value = statement.value
        if isinstance(value, ast.Name) and value.id in found:
            value = found[value.id]  # `DARTS = DARTS_V2`
        if value is not None and _is_genotype(value):
            found.update({target.id: value for target in targets if isinstance(target, ast.Name)})
    return found


def _is_genotype(node: ast.expr) -> TypeGuard[ast.Call]:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return isinstance(name, str) and name.startswith("Genotype")


def _genotype(call: ast.Call, reader: Reader) -> Genotype | Recurrent:
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    recurrent = "recurrent" in given or (not set(given) & set(IMAGE_FIELDS) and len(call.args) == 2)
    fields = RECURRENT_FIELDS if recurrent else IMAGE_FIELDS
    values: dict[str, ast.expr] = dict(zip(fields, call.args, strict=False))
    if len(call.args) > len(fields):
        raise UserError(f"{reader.at(call)}: a Genotype has {len(fields)} fields: {', '.join(fields)}")
    for name, value in given.items():
        if name is not None and name in fields and name not in values:
            values[name] = value
        elif not (isinstance(value, ast.Constant) and value.value is None):  # some forks have unused fields
            shown = "**" if name is None else name
            raise UserError(
                f"{reader.at(value)}: a Genotype has no field `{shown}` of this kind, or has it already",
                f"its fields are {', '.join(fields)}",
            )
    for name in fields:
        if name not in values:
            raise UserError(
                f"{reader.at(call)}: this Genotype has no `{name}`", f"it needs {', '.join(fields)}"
            )
    if recurrent:
        return Recurrent(_recurrent(values["recurrent"], values["concat"], reader))
    return Genotype(
        _part(values["normal"], values["normal_concat"], reader),
        _part(values["reduce"], values["reduce_concat"], reader),
    )


def _part(wires: ast.expr, concat: ast.expr, reader: Reader) -> Part:
    items = reader.sequence(wires)
    if not items:
        raise UserError(f"{reader.at(wires)}: this cell has no node")
    if _is_pair(items[0], reader):
        if len(items) % 2:
            raise UserError(
                f"{reader.at(wires)}: {len(items)} pairs are not two a node",
                "a node with another number of edges needs a list of its own: [[('op', 0), ...], ...]",
            )
        nodes = [items[start : start + 2] for start in range(0, len(items), 2)]
    else:
        nodes = [reader.sequence(item) for item in items]
    if len(nodes) > MAX_NODES or max(map(len, nodes)) > MAX_NODES:
        raise UserError(
            f"{reader.at(wires)}: more than {MAX_NODES} nodes, or edges into one, are not accepted"
        )
    read = []
    for number, node in enumerate(nodes):
        if not node:
            raise UserError(f"{reader.at(wires)}: node {number + 2} has no edge")
        read.append(tuple(_wire(pair, number, 2, IMAGE_OPS, reader) for pair in node))
    found = check_concat(reader.integers(concat), len(nodes), 2, reader.at(concat))
    return Part(tuple(read), found)


def _recurrent(wires: ast.expr, concat: ast.expr, reader: Reader) -> Part:
    pairs = reader.sequence(wires)
    if not 1 <= len(pairs) <= MAX_NODES:
        raise UserError(f"{reader.at(wires)}: a recurrent cell has 1 to {MAX_NODES} nodes")
    nodes = tuple((_wire(pair, node, 1, RECURRENT_OPS, reader),) for node, pair in enumerate(pairs))
    return Part(nodes, check_concat(reader.integers(concat), len(nodes), 1, reader.at(concat)))


def _is_pair(node: ast.expr, reader: Reader) -> bool:
    items = reader.sequence(node)
    return bool(items) and not isinstance(items[0], ast.List | ast.Tuple)


def _wire(pair: ast.expr, node: int, inputs: int, known: Sequence[str], reader: Reader) -> Wire:
    items = reader.sequence(pair)
    if len(items) != 2:
        raise UserError(
            f"{reader.at(pair)}: an edge is a pair of an operation and a number, not {len(items)} items"
        )
    wire = Wire(reader.string(items[0]), reader.integer(items[1]))
    return check_wire(wire, node, inputs, known, reader.at(pair))
