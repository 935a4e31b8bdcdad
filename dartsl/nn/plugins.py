"""Operations whose implementation is Python: a spec declares `extern op name(...)`, a user names the code.

An implementation is `build(in_channels, out_channels, stride, affine, **arguments) -> nn.Module` (language
rule 5). It maps (B, in_channels, H, W) to (B, out_channels, ceil(H / stride), ceil(W / stride)); `affine`
says whether batch norms in it have parameters of their own (rule 10). It comes from a file (`--plugin
FILE.py`), as the file's object of the operation's name, or from an installed package's entry point of that
name in `dartsl.primitives`.
"""

from __future__ import annotations

import copy
import importlib.util
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

import torch
from torch import Tensor, nn

from dartsl.graph.operations import GraphInfo, ModuleSpec
from dartsl.lang.diagnostics import Diagnostic, Label, SpecError, UserError
from dartsl.lang.source import Span
from dartsl.lang.terms import Argument, CellLayer, Plan, Step, Term
from dartsl.lang.terms import Sequence as Steps
from dartsl.nn.primitives import BUILT_IN

GROUP = "dartsl.primitives"

Builder = Callable[..., nn.Module]
Plugins = Sequence[str | Path] | Mapping[str, Builder]


class PluginError(Exception):
    """An implementation that breaks its contract; `primitive` names the operation, `reason` says how."""

    def __init__(self, primitive: str, reason: str) -> None:
        super().__init__(f"{primitive}: {reason}")
        self.primitive = primitive
        self.reason = reason


# --------------------------------------------------------------------- finding


def implementation(primitive: str, files: Sequence[str | Path] = ()) -> Builder | None:
    """The implementation of one operation: from the first file that has it, else an entry point, else None.

    Raises UserError for a file that is missing or fails when it runs, and for an entry point that fails to
    load.
    """
    for file in files:
        found = getattr(_load(Path(file)), primitive, None)
        if callable(found):
            builder: Builder = found
            return builder
    for entry in entry_points(group=GROUP, name=primitive):
        try:
            loaded: Builder = entry.load()
        except Exception as fault:
            raise UserError(
                f"the plugin of `{primitive}` ({entry.value}) cannot be loaded: {_summary(fault)}"
            ) from fault
        return loaded
    return None


def _load(path: Path) -> ModuleType:
    """The module in a file that the user has named. Running it is what `--plugin` asks for."""
    if not path.is_file():
        raise UserError(f"no plugin file {path}", help="--plugin takes the path of a Python file")
    found = importlib.util.spec_from_file_location(f"dartsl_plugin_{path.stem}", path)
    if found is None or found.loader is None:
        raise UserError(f"{path} is no Python file", help="the name of a plugin file ends in .py")
    module = importlib.util.module_from_spec(found)
    try:
        found.loader.exec_module(module)
    except Exception as fault:
        raise UserError(f"the plugin file {path} fails: {_summary(fault)}") from fault
    return module


def _summary(fault: BaseException) -> str:
    return f"{type(fault).__name__}: {fault}".rstrip(": ")


def resolve(plan: Plan, declared: Mapping[str, Span], plugins: Plugins = ()) -> dict[str, Builder]:
    """The implementation of every operation of a plan that is not built in.

    `declared` holds the places of the `extern op` declarations; `plugins` are files, or implementations by
    name (entry points are looked up too). Raises SpecError (E0411) that reports every operation without one.
    """
    given = plugins if isinstance(plugins, Mapping) else {}
    files = () if isinstance(plugins, Mapping) else plugins
    for file in files:
        _load(Path(file))  # so that a file which is wrong is reported even where nothing needs it
    found: dict[str, Builder] = {}
    faults = []
    for name, span in uses(plan).items():
        builder = given.get(name) or implementation(name, files)
        if builder is None:
            faults.append(_missing(name, span, declared.get(name)))
        else:
            found[name] = builder
    if faults:
        raise SpecError(faults)
    return found


def uses(plan: Plan) -> dict[str, Span]:
    """Each operation of a plan that is not built in, with the place where it is used first."""
    found: dict[str, Span] = {}
    for layer in plan.layers:
        if isinstance(layer, CellLayer):
            terms: Iterable[Term | None] = (*layer.inputs, *(t for edge in layer.edges for t in edge))
        else:
            terms = (layer.term,)
        for step in (step for term in terms if term is not None for step in steps(term)):
            if step.primitive not in BUILT_IN:
                found.setdefault(step.primitive, step.span)
    return found


def steps(term: Term) -> Iterator[Step]:
    """The primitive steps of a term, in order."""
    if isinstance(term, Step):
        yield term
        return
    parts = term.terms if isinstance(term, Steps) else term.branches
    for part in parts:
        yield from steps(part)


# ------------------------------------------------------------------- building


def affine_at(record: GraphInfo, path: str) -> bool:
    """Whether batch norms at a path have parameters of their own: outside cells, and where nothing is left to
    choose (language rule 10)."""
    return dict(record.layers).get(path.split(".")[0]) is None or not record.alphas


def build_plugin(builder: Builder, spec: ModuleSpec, affine: bool, *, probe: bool = True) -> nn.Module:
    """The module of a plugin operation on the CPU, checked on a batch of two images of zeros.

    Raises PluginError where `build` fails, gives no module, or gives one whose output has another shape than
    (B, out_channels, ceil(H / stride), ceil(W / stride)).
    """
    arguments: dict[str, Argument] = dict(spec.arguments)
    name = spec.primitive
    try:
        module: object = builder(spec.in_shape[0], spec.out_shape[0], spec.stride[0], affine, **arguments)
    except Exception as fault:
        raise PluginError(name, f"its `build` fails with {_summary(fault)}") from fault
    if not isinstance(module, nn.Module):
        raise PluginError(name, f"its `build` gives {type(module).__name__}, not an nn.Module")
    if probe:
        _check(module, spec)
    return module


def _check(module: nn.Module, spec: ModuleSpec) -> None:
    image = torch.zeros(2, *spec.in_shape)
    wanted = (2, *spec.out_shape)
    try:
        with torch.no_grad():
            output: object = copy.deepcopy(module)(image)  # a copy: running statistics must not move
    except Exception as fault:
        reason = f"it fails on an input of shape {tuple(image.shape)} with {_summary(fault)}"
        raise PluginError(spec.primitive, reason) from fault
    shape = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
    if shape != wanted:
        raise PluginError(
            spec.primitive,
            f"at stride {spec.stride[0]} it gives {shape} for {tuple(image.shape)}, where {wanted} is due",
        )


# ---------------------------------------------------------------- diagnostics


def _missing(name: str, use: Span, declared: Span | None) -> Diagnostic:
    secondary = () if declared is None else (Label(declared, "declared here, without a body"),)
    return Diagnostic(
        "E0411",
        f"operation `{name}` has no implementation",
        Label(use, "needed here"),
        secondary,
        f"give the file that defines `{name}` with --plugin FILE.py, "
        f"or install a package with an entry point `{name}` in the group `{GROUP}`",
    )


def contract_error(fault: PluginError, use: Span, declared: Span | None) -> SpecError:
    """The diagnostic E0412 for an implementation that breaks its contract."""
    secondary = () if declared is None else (Label(declared, "declared here"),)
    diagnostic = Diagnostic(
        "E0412",
        f"the implementation of `{fault.primitive}` breaks its contract",
        Label(use, fault.reason),
        secondary,
        "it must be build(in_channels, out_channels, stride, affine, **arguments) -> nn.Module, "
        "whose output has out_channels channels and size ceil(H / stride)",
    )
    return SpecError([diagnostic])
