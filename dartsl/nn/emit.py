"""A lowered network as Python text that runs: one class a layer, one for the network.

The text has the same state_dict, and computes the same, as the module it was made from (initial weights are
torch's own, drawn in order). Its network takes the pass too, at the end, and may be called without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import getitem
from typing import Any

from torch import fx, nn

from dartsl.graph.operations import GraphInfo
from dartsl.lang.records.inputs import Series
from dartsl.lang.records.primitives import called, owner
from dartsl.lang.records.record import ModuleSpec
from dartsl.nn import text
from dartsl.nn.builders import TORCH, home
from dartsl.nn.draws import Draws
from dartsl.nn.layers import PASS
from dartsl.nn.plugins import affine_at
from dartsl.nn.single import parts_of

INDENT = "    "
WIDTH = 110
PACKAGE, DRAWS = "dartsl.nn", "dartsl.nn.draws"
# What the text calls modules; those of others get a `_` in front, which no variable has.
PREFIXES = {**TORCH, "dartsl.nn.primitives": "ops"}
# Names of the text's own: a variable of one of these names gets a trailing `_`.
TAKEN = {
    *("self", "torch", "nn", "F", "ops", "group", "draws", "implementation"),
    *("Draws", "DropPath", "Noise", "SkipDropout"),
    *(
        "extern",
        "fused",
        "fused_separable",
        "fused_stack",
        "fused_text",
        "norms",
        "packing",
        "scan",
        "single",
        "text",
    ),
    *("Pass", "PLAIN"),
}


def emit_python(network: fx.GraphModule) -> str:
    """The text of a network that `dartsl.nn.lower.lower` has built."""
    record: GraphInfo = network.meta["info"]
    cells = dict(record.layers)
    blocks = [_header(network, record)]
    for name, layer in network.named_children():
        if isinstance(layer, fx.GraphModule):
            blocks.append(_layer_class(name, cells.get(name), layer, record))
    blocks.append(_network_class(network, record))
    return "\n\n\n".join(blocks) + "\n"


def _header(network: fx.GraphModule, record: GraphInfo) -> str:
    functions = [
        node.target
        for layer in network.modules()
        if isinstance(layer, fx.GraphModule)
        for code in (layer.graph, *(part.graph for part in parts_of(layer).values()))
        for node in code.nodes
        if node.op == "call_function"
    ]
    used = {*functions, *map(type, _leaves(network, record))}
    homes = {home(thing) for thing in used} - {"_operator"}
    takes = " It takes series as maps of one row, (B, C, 1, L)." if record.input == Series.word else ""
    lines = [f'"""The network `{record.network}`, written by dartsl.{takes}"""', ""]
    if "torch" in homes:
        lines.append("import torch")
    if "torch.nn.functional" in homes:
        lines.append("import torch.nn.functional as F")
    lines += ["from torch import Tensor, nn", ""]
    for module in sorted(each for each in homes if not each.startswith("torch") and each != DRAWS):
        package, _, name = module.rpartition(".")
        known = PREFIXES.get(module, name if package == PACKAGE else f"_{name}")
        start = f"from {package} import {name}" if package else f"import {name}"
        lines.append(start + (f" as {known}" if known != name else ""))
    own = sorted(thing.__name__ for thing in used if home(thing) == DRAWS)
    random = any(isinstance(getattr(module, "draws", None), Draws) for module in network.modules())
    if random:
        lines.append(f"from {DRAWS} import " + ", ".join(sorted(["Draws", *own])))
    lines.append("from dartsl.nn.passing import PLAIN, Pass")
    if any(_is_plugin(spec) for spec in record.modules.values()):
        lines.append("from dartsl.nn.plugins import implementation  # a second argument: [files of --plugin]")
    if random:
        lines += [
            "",
            "draws = Draws(seed=0)  # a pass keys what it draws: network(.., pass_=Pass(step=1))",
        ]
    lines += [
        "",
        "",
        "def group(**modules: nn.Module) -> nn.Module:",
        f'{INDENT}"""Modules under one name."""',
        f"{INDENT}parent = nn.Module()",
        f"{INDENT}for name, module in modules.items():",
        f"{INDENT * 2}parent.add_module(name, module)",
        f"{INDENT}return parent",
    ]
    return "\n".join(lines)


def _layer_class(name: str, cell: str | None, layer: fx.GraphModule, record: GraphInfo) -> str:
    what = f"an instance of the cell `{cell}`" if cell is not None else "outside the cells"
    what = "which offers a choice" if cell == name else what
    lines = [
        f"class {type(layer).__name__}(nn.Module):",
        f'{INDENT}"""Layer `{name}`, {what}."""',
        "",
        f"{INDENT}def __init__(self) -> None:",
        f"{INDENT * 2}super().__init__()",
    ]
    for child, module in layer.named_children():
        lines += _definition(f"{INDENT * 2}self.{child} = ", module, f"{name}.{child}", record, "")
    return "\n".join([*lines, "", *_forward(layer)])


def _network_class(network: fx.GraphModule, record: GraphInfo) -> str:
    lines = [
        f"class {type(network).__name__}(nn.Module):",
        f'{INDENT}"""The whole network. Mixing weights (rows, columns) come in, one tensor per table."""'
        if record.alphas
        else f'{INDENT}"""The whole network."""',
        "",
        f"{INDENT}def __init__(self) -> None:",
        f"{INDENT * 2}super().__init__()",
    ]
    for child, module in network.named_children():
        if isinstance(module, fx.GraphModule):
            lines.append(f"{INDENT * 2}self.{child} = {type(module).__name__}()")
        else:  # nothing needs it: it holds its modules and computes nothing
            lines += _definition(f"{INDENT * 2}self.{child} = ", module, child, record, "")
    return "\n".join([*lines, "", *_forward(network)])


def _definition(start: str, module: nn.Module, path: str, record: GraphInfo, end: str) -> Iterator[str]:
    """The lines that build a module: nested groups down to the modules that compute."""
    if _is_leaf(module):
        yield f"{start}{_constructor(module, record.modules.get(path), affine_at(record, path))}{end}"
        return
    margin = " " * (len(start) - len(start.lstrip()) + len(INDENT))
    yield f"{start}group("
    for child, inner in module.named_children():
        yield from _definition(f"{margin}{child}=", inner, f"{path}.{child}", record, ",")
    yield f"{margin[len(INDENT) :]}){end}"


def _constructor(module: nn.Module, spec: ModuleSpec | None, affine: bool) -> str:
    if spec is not None and _is_plugin(spec):
        values = ["", *(f"{name}={value!r}" for name, value in spec.arguments)]
        place = f"{spec.in_shape[0]}, {spec.out_shape[0]}, {spec.stride[0]}, {affine}"
        return f"implementation({called(spec.primitive)!r})({place}{', '.join(values)})"
    arguments = [module.extra_repr()]  # of torch's own, too, the arguments of the call that builds them
    if isinstance(module, nn.BatchNorm2d | nn.BatchNorm1d):
        arguments = [str(module.num_features), *([] if module.affine else ["affine=False"])]
    if isinstance(getattr(module, "draws", None), Draws):
        arguments.insert(0, "draws")
    elif isinstance(module, text.Embedding) and module.dropout is not None:
        arguments.append(_constructor(module.dropout, None, affine))
    return f"{_function(type(module))}({', '.join(arguments)})"


def _is_leaf(module: nn.Module) -> bool:
    """Whether a module computes, and does not only hold others under their names."""
    return type(module) is not nn.Module and not isinstance(module, fx.GraphModule)


def _leaves(network: fx.GraphModule, record: GraphInfo) -> Iterator[nn.Module]:
    """The modules that compute, but plugins and what is in them."""
    plugins = {path for path, spec in record.modules.items() if _is_plugin(spec)}
    for path, module in network.named_modules():
        parts = path.split(".")
        if _is_leaf(module) and not any(".".join(parts[:end]) in plugins for end in range(2, len(parts) + 1)):
            yield module


def _is_plugin(spec: ModuleSpec) -> bool:
    return owner(spec.primitive).has("opaque")


# --------------------------------------------------------------------- forward


def _forward(module: fx.GraphModule) -> Iterator[str]:
    """The lines of `forward`, one assignment an application, and of the candidates that it calls as methods."""
    yield from _method("forward", module.graph)
    for name, part in parts_of(module).items():
        yield ""
        yield from _method(name, part.graph)


def _method(title: str, code: fx.Graph) -> Iterator[str]:
    nodes = list(code.nodes)
    inputs = ", ".join(map(_parameter, (node for node in nodes if node.op == "placeholder")))
    results = next(node.args[0] for node in nodes if node.op == "output")
    kind = "Tensor" if isinstance(results, fx.Node) else "tuple[Tensor, ...]"
    if isinstance(results, fx.Node) and results.target is text.bundle:
        kind = "text.TextOutput"
    yield f"{INDENT}def {title}(self, {inputs}) -> {kind}:"
    for node in nodes:
        if node.op in ("call_function", "call_module") and not _inlined(node):
            yield from _assignment(node)
    yield f"{INDENT * 2}return {_value(results)}"


def _parameter(node: fx.Node) -> str:
    if node.target == PASS:
        return f"{_name(node)}: Pass = PLAIN"
    if node.type is tuple:
        return f"{_name(node)}: tuple[single.Choice, ...]"
    return f"{_name(node)}: Tensor"


def _assignment(node: fx.Node) -> Iterator[str]:
    call = f"self.{node.target}" if node.op == "call_module" else _function(node.target)
    arguments = [_value(argument) for argument in node.args]
    arguments += [f"{name}={_value(value)}" for name, value in node.kwargs.items()]
    line = f"{INDENT * 2}{_name(node)} = {call}({', '.join(arguments)})"
    if len(line) <= WIDTH:
        yield line
        return
    yield f"{INDENT * 2}{_name(node)} = {call}("
    for argument in arguments:
        yield f"{INDENT * 3}{argument},"
    yield f"{INDENT * 2})"


def _inlined(node: fx.Node) -> bool:
    """Rows of mixing weights, and parts of a layer's result, are written where they are used."""
    return node.target is getitem


def _value(argument: object) -> str:
    if isinstance(argument, fx.Node):
        if _inlined(argument):
            return f"{_value(argument.args[0])}[{argument.args[1]}]"
        if argument.op == "get_attr":
            return f"self.{argument.target}"
        return _name(argument)
    if isinstance(argument, tuple | list):
        return "(" + ", ".join(_value(item) for item in argument) + ("," if len(argument) == 1 else "") + ")"
    return repr(argument)


def _name(node: fx.Node) -> str:
    return f"{node.name}_" if node.name in TAKEN else node.name


def _function(thing: Any) -> str:
    """How the text names a function or a class."""
    module = home(thing)
    if module == DRAWS:
        return str(thing.__name__)
    package, _, name = module.rpartition(".")
    own = name if package == PACKAGE else f"_{name}"
    prefix = "nn" if module.startswith("torch.nn.modules") else PREFIXES.get(module, own)
    return f"{prefix}.{thing.__name__}"
