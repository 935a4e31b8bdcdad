"""A found architecture as a `.darts` text that needs nothing but the shipped library."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby
from typing import Any, TypeVar

from dartsl.lang.check.blocks import LOSS
from dartsl.lang.check.constants import names
from dartsl.lang.check.model import Network, Node, Output, Spec
from dartsl.lang.codes.source import Source, Span
from dartsl.lang.plan.parameters import literal
from dartsl.lang.settings.methods import CROSS_ENTROPY
from dartsl.lang.syntax.ast import (
    ExternDecl,
    Import,
    Name,
    NetworkDecl,
    OpDecl,
    OpsDecl,
    Setting,
    SettingsDecl,
    StageItem,
    String,
    Syntax,
)
from dartsl.lang.syntax.library import in_library, used
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.paths import printable
from dartsl.lang.syntax.printer import print_expr, print_file
from dartsl.searching.connected import derive_network
from dartsl.searching.decided_layers import DecidedLayers
from dartsl.searching.discretise import DerivedCell, KeptEdge
from dartsl.searching.readouts import Reading
from dartsl.searching.rules import DEFAULT_RULE, Rule

Item = TypeVar("Item")
OperationDecl = OpDecl | ExternDecl | OpsDecl


@dataclass(frozen=True)
class Provenance:
    """Where a found file comes from. `epoch` counts from 1; `command` is as it can be typed."""

    version: str
    source: str
    spec_hash: str
    seed: int
    epoch: int
    command: str
    cost: str = ""  # of what was found, where the search had a budget

    def lines(self) -> list[str]:
        """One comment line a fact."""
        facts = [
            f"Found by dartsl {self.version}, seed {self.seed}, epoch {self.epoch}.",
            f"source   {self.source}",
            f"sha256   {self.spec_hash}",
            f"command  {self.command}",
            *([f"cost     {self.cost}"] if self.cost else []),
        ]
        return comments(facts)


def comments(facts: Sequence[str]) -> list[str]:
    """Facts at the head of a file, a comment line each."""
    return ["# " + printable(" ".join(fact.splitlines())) for fact in facts]


def found_text(
    spec: Spec,
    network: Network,
    parameters: Mapping[str, Fraction],
    readings: Mapping[str, Reading],
    provenance: Provenance,
    rule: Rule = DEFAULT_RULE,
    loss: str = CROSS_ENTROPY,
) -> str:
    """The found file: provenance, imports, the operations in use, cells, network, `train {}` with the search's loss.

    `parameters` are all of the network's, as used; `readings` are those of each of its cells, and `rule` says what
    is made of them; what it changes is reported too. What other
    imported files define and the network needs is copied, so the text stands alone. It is decided, and
    printed as `dartsl fmt` prints it.
    """
    derivation = derive_network(spec, network, parameters, readings, rule)
    head = [
        *provenance.lines(),
        *(f"# changed  {change.text()}" for change in derivation.changes),
        *(f"# note     {note}" for note in derivation.notes),
    ]
    return decided_text(spec, network, parameters, derivation.cells, head, weighed=True, loss=loss)


def decided_text(
    spec: Spec,
    network: Network,
    parameters: Mapping[str, Fraction],
    cells: Sequence[DerivedCell],
    head: Sequence[str],
    weighed: bool = False,
    loss: str = CROSS_ENTROPY,
) -> str:
    """The text of decided cells, one for each of the network's, after the comment lines of `head`.

    `weighed` says that the edges' weights stand beside them. `loss` is the search's, where the spec says none. The text
    has the version of the file in which the network stands, which knows all that it uses.
    """
    declared = _declared_network(spec, network.name)
    version = network.span.source.version
    layers = DecidedLayers(spec, network, [each for each in cells if each.cell.layer])
    frozen = replace(
        layers.items(declared),
        parameters=tuple(
            replace(parameter, default=literal(parameters[parameter.name.id], parameter.span))
            for parameter in declared.parameters
        ),
    )
    given = [*(each for each in cells if not each.cell.layer), *layers.cells]
    written = _standing(frozen, given)
    idle = [each.cell.name for each in given if each not in written]
    root = replace(spec.root, version=version)
    train = [d for d in root.declarations if isinstance(d, SettingsDecl) and d.kind == "train"]
    keeps = str(spec.train.get(LOSS, loss))
    if keeps != CROSS_ENTROPY:
        train = [_with_loss(train, keeps, root.span)]
    elif version == 1:
        train = [_without_loss(block) for block in train]
    top = replace(
        root,
        imports=_library_imports(spec, version),
        declarations=_operations(spec, written, frozen, layers.operations),
        comments=(),
    )
    bottom = replace(root, imports=(), declarations=(frozen, *train), comments=())
    draft = [
        *head,
        *(f"# note     cell {name} stands nowhere, and is left out" for name in idle),
        print_file(top),
        *(_cell_text(cell, weighed, version) for cell in written),
        *layers.commented(print_file(bottom).removeprefix(f"darts {version}\n"), weighed),
    ]
    return print_file(parse(Source("found.darts", "\n".join(draft))))


def _standing(network: NetworkDecl, cells: Sequence[DerivedCell]) -> list[DerivedCell]:
    """The cells that are layers of a network, and those within them; others were held by what did not win."""
    known = {each.cell.name: each for each in cells}
    stages = (item.layers for item in network.items if isinstance(item, StageItem))
    waiting = [name.id for layers in stages for name in names(layers)]
    found = set[str]()
    while waiting:
        name = waiting.pop()
        if name in known and name not in found:
            found.add(name)
            waiting += [each.id for kept in known[name].edges for each in names(kept.candidate.expr)]
    return [each for each in cells if each.cell.name in found]


def _with_loss(blocks: Sequence[SettingsDecl], loss: str, span: Span) -> SettingsDecl:
    """The `train {}` among these, or an empty one, with a loss."""
    block = blocks[0] if blocks else SettingsDecl("train", (), span=span)
    if any(setting.name.id == LOSS for setting in block.settings):
        return block
    setting = Setting(Name(LOSS, span=block.span), String(loss, span=block.span), span=block.span)
    return replace(block, settings=(setting, *block.settings))


def _without_loss(block: SettingsDecl) -> SettingsDecl:
    """The same `train {}` without its loss, which darts 1 does not know."""
    return replace(block, settings=tuple(each for each in block.settings if each.name.id != LOSS))


def _cell_text(found: DerivedCell, weighed: bool, version: int) -> str:
    cell = found.cell
    lines = [f"cell {cell.name} {{"]
    for inputs in _runs(cell.inputs, lambda item: item.operation):
        operation = inputs[0].operation
        chain = "" if operation is None else f" : {print_expr(operation)}"
        lines.append(f"  input {names_text([item.name for item in inputs])}{chain}")
    after = {kept.edge.source: kept for kept in found.edges if kept.edge.target in cell.merging}
    nodes = [node for node in cell.nodes if node.name not in cell.merging]
    for same in _runs(nodes, lambda item: (item.merge, item.mix_bn, item.of)):
        lines.append(f"  {_node_text(same, after, weighed)}")
    for kept in found.edges:
        if kept.edge.target not in cell.merging:
            lines.append(f"  {edge_text(kept)}{_comment(kept, weighed)}")
    places = {node.name: place for place, node in enumerate(cell.nodes)} if version > 1 else {}
    outputs = ", ".join(_output_text(output, places) for output in cell.outputs)
    return "\n".join([*lines, f"  output {outputs}", "}", ""])


def _node_text(nodes: Sequence[Node], after: Mapping[str, KeptEdge], weighed: bool) -> str:
    """Nodes that one statement declares; one alone, where operations follow its merge."""
    first = nodes[0]
    names = names_text([node.of or node.name for node in nodes])
    chain = f"{first.merge} > mix_bn" if first.mix_bn else first.merge
    if first.of is None:
        return f"node {names} : {chain}"
    kept = after[first.name]
    return f"node {names} : {chain} > {print_expr(kept.candidate.expr)}{_comment(kept, weighed)}"


def _comment(kept: KeptEdge, weighed: bool) -> str:
    return f"  # {kept.weight_text}" if weighed and kept.weight_text else ""


def edge_text(kept: KeptEdge) -> str:
    """An edge as one statement; or what follows the merge of a node."""
    node, _, merge = kept.edge.source.partition(".")
    expr = print_expr(kept.candidate.expr)
    if merge:
        return f"node {node} : {merge} > {expr}"
    return f"edge {kept.edge.source} -> {kept.edge.node} : {expr}"


def names_text(names: Sequence[str]) -> str:
    """`c0, c1`, and three or more names that count up as a range: `n0..n3`."""
    parts = [re.fullmatch(r"(.*?)(0|[1-9]\d*)", name) for name in names]
    stems = {part[1] for part in parts if part}
    numbers = [int(part[2]) for part in parts if part]
    counting = len(numbers) == len(names) and numbers == list(range(numbers[0], numbers[0] + len(names)))
    if len(names) >= 3 and len(stems) == 1 and counting:
        return f"{names[0]}..{names[-1]}"
    return ", ".join(names)


def _output_text(output: Output, places: Mapping[str, int]) -> str:
    """A value of an output. By `places` a range stands for its names in order of declaration (darts 2)."""
    declared = sorted(output.nodes, key=lambda name: places.get(name, 0))
    inner = names_text(output.nodes) if declared == list(output.nodes) else ", ".join(output.nodes)
    text = inner if output.merge is None else f"{output.merge}({inner})"
    return f"{text} > mix_bn" if output.mix_bn else text


def _runs(items: Sequence[Item], key: Callable[[Item], Any]) -> Iterator[list[Item]]:
    """Neighbours with an equal key, which one statement can declare."""
    for _, run in groupby(items, key):
        yield list(run)


def _declared_network(spec: Spec, name: str) -> NetworkDecl:
    return next(
        declaration
        for file in spec.files
        for declaration in file.declarations
        if isinstance(declaration, NetworkDecl) and declaration.name.id == name
    )


def _library_imports(spec: Spec, version: int) -> tuple[Import, ...]:
    """The library files that the files of this version and of earlier ones name, each once."""
    found: dict[str, Import] = {}
    for file in spec.files:
        if not in_library(file.source) and file.version <= version:
            for item in file.imports:
                if item.path.value.startswith("std/"):
                    found.setdefault(item.path.value, item)
    return tuple(found.values())


def _operations(
    spec: Spec, found: Sequence[DerivedCell], network: NetworkDecl, layers: Sequence[OpDecl]
) -> tuple[OperationDecl, ...]:
    """What the found network uses of operations defined outside the library, in order of definition, and the
    operations that its layers are."""
    own: dict[str, OperationDecl] = {
        declaration.name.id: declaration
        for file in spec.files
        if not in_library(file.source)
        for declaration in file.declarations
        if isinstance(declaration, OperationDecl)
    }
    waiting: list[Syntax] = [network, *layers]
    for derived in found:
        waiting += [item.operation for item in derived.cell.inputs if item.operation is not None]
        waiting += [kept.candidate.expr for kept in derived.edges]
    named = used(waiting, own)
    return (*(declaration for name, declaration in own.items() if name in named), *layers)
