"""Operations whose implementation is Python: a spec declares `extern op name(...)`, a user names the code.

An implementation is a function `name(in_channels, out_channels, stride, affine, **arguments) -> nn.Module`
(language rule 5). It maps (B, in_channels, H, W) to (B, out_channels, ceil(H / stride), ceil(W / stride)), vectors
(B, in_channels) to (B, out_channels), and a sequence (T, B, in_channels) to (T, B, out_channels); `affine`
says whether batch norms in it have parameters of their own (rule 10). It comes from a file (`--plugin
FILE.py`), as the file's object of the operation's name, or from an installed package's entry point of that
name in `dartsl.primitives`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from dartsl.graph.build import build
from dartsl.graph.operations import GraphInfo, info
from dartsl.lang.check.model import REACHING, Spec
from dartsl.lang.codes.diagnostics import Diagnostic, Label, SpecError, UserError, arranged
from dartsl.lang.codes.source import Span
from dartsl.lang.codes.suggestions import close
from dartsl.lang.plan.network_plan import plan as make_plan
from dartsl.lang.plan.parts import steps
from dartsl.lang.plan.terms import CellLayer, Plan, Step, Term
from dartsl.lang.records.primitives import built_in, called
from dartsl.lang.records.record import ModuleSpec
from dartsl.lang.syntax.ast import ExternDecl
from dartsl.nn.contract import Builder, PluginError, build_plugin, probe, standing_at
from dartsl.nn.plugin_files import Files, Named, named_files, run_file, summary

GROUP = "dartsl.primitives"

Implementations = Files | Mapping[str, Builder]


# --------------------------------------------------------------------- finding


def implementation(primitive: str, files: Named = ()) -> Builder | None:
    """The implementation of one operation: from the first file that has it, else an entry point, else None.

    Raises UserError for a file that is missing or fails when it runs, and for an entry point that fails to
    load.
    """
    return _implementation(primitive, [run_file(file) for file in named_files(files)])


def _implementation(primitive: str, modules: Iterable[object]) -> Builder | None:
    for module in modules:
        found = getattr(module, primitive, None)
        if callable(found):
            builder: Builder = found
            return builder
    for entry in entry_points(group=GROUP, name=primitive):
        try:
            loaded: Builder = entry.load()
        except KeyboardInterrupt:
            raise
        except BaseException as fault:  # SystemExit too: a plugin does not end the program
            raise UserError(
                f"the plugin of `{primitive}` ({entry.value}) cannot be loaded: {summary(fault)}"
            ) from fault
        return loaded
    return None


def resolve(plan: Plan, declared: Mapping[str, Span], plugins: Implementations = ()) -> dict[str, Builder]:
    """The implementation of every operation of a plan that is not built in, by its kind.

    `declared` holds the places of the `extern op` declarations; `plugins` are files, or implementations by
    name (entry points are looked up too). No file is run where no operation needs one. Raises SpecError (E0411) that
    reports every operation without one, UserError for a file that is missing or fails.
    """
    return _resolved(uses(plan), declared, plugins)


def _resolved(
    needed: Mapping[str, Span], declared: Mapping[str, Span], plugins: Implementations
) -> dict[str, Builder]:
    if not needed:
        return {}
    given = plugins if isinstance(plugins, Mapping) else {}
    modules = [] if isinstance(plugins, Mapping) else [run_file(file) for file in named_files(plugins)]
    found: dict[str, Builder] = {}
    faults = []
    for kind, span in needed.items():
        name = called(kind)
        builder = given.get(name) or _implementation(name, modules)
        if builder is None:
            faults.append(_missing(name, span, declared.get(name), modules))
        else:
            found[kind] = builder
    if faults:
        raise SpecError(faults)
    return found


def uses(plan: Plan) -> dict[str, Span]:
    """The kind of each operation of a plan that is not built in, with the place where it is used first."""
    found: dict[str, Span] = {}
    for _, step in _plugin_steps(plan):
        found.setdefault(step.primitive, step.span)
    return found


def _plugin_steps(plan: Plan) -> Iterator[tuple[str, Step]]:
    """Each step of a plan that is not built in, with its layer."""
    for layer in plan.layers:
        if isinstance(layer, CellLayer):
            terms: Iterable[Term | None] = (*layer.inputs, *(t for edge in layer.built for t in edge))
        else:
            terms = (layer.term,)
        for step in (step for term in terms if term is not None for step in steps(term)):
            if built_in(step.primitive) is None:
                yield layer.name, step


# ------------------------------------------------------------------- building


def affine_at(record: GraphInfo, path: str) -> bool:
    """Whether batch norms at a path have parameters of their own: outside cells, and where nothing is left to
    choose (language rule 10)."""
    return dict(record.layers).get(path.split(".")[0]) is None or not record.alphas


# ---------------------------------------------------------------- diagnostics


def _missing(name: str, use: Span, declared: Span | None, modules: Sequence[ModuleType]) -> Diagnostic:
    secondary = () if declared is None else (Label(declared, "declared here, without a body"),)
    title = f"operation `{name}` has no implementation"
    help = (
        f"give the file that defines `{name}` with --plugin FILE.py, "
        f"or install a package with an entry point `{name}` in the group `{GROUP}`"
    )
    return Diagnostic(
        "E0411", title, Label(use, "needed here"), secondary, _renamed(name, modules[-1]) if modules else help
    )


def _renamed(name: str, module: ModuleType) -> str:
    """What to change in a plugin file that has no implementation of an operation."""
    file = Path(str(module.__file__)).name
    own = [
        n
        for n, x in vars(module).items()
        if getattr(x, "__module__", None) == module.__name__ and callable(x)
    ]
    meant = "build" if "build" in own else close(name, own)
    if meant is not None:
        return f"name the function `{name}`: {file} calls it `{meant}`"
    defined = f"defines {', '.join(f'`{n}`' for n in own[:5])}" if own else "defines no function"
    return f"{file} {defined}: it needs `def {name}(in_channels, out_channels, stride, affine, **arguments)`"


def contract_error(fault: PluginError, plan: Plan, declared: Mapping[str, Span]) -> SpecError:
    """E0412 for an implementation that breaks its contract, at the call that it was built for."""
    return SpecError([contract_fault(fault, plan, declared)])


def contract_fault(fault: PluginError, plan: Plan, declared: Mapping[str, Span]) -> Diagnostic:
    """The diagnostic of `contract_error`."""
    name, spec = called(fault.primitive), fault.spec
    span = declared.get(name)
    help = (
        f"it must be {name}(in_channels, out_channels, stride, affine, **arguments) -> nn.Module, "
        "whose output has out_channels channels, size ceil(H / stride), and the type and device of its input"
    )
    if spec is not None and spec.in_shape[0] != spec.out_shape[0]:
        help += f"; declared as `extern op {name}(out = {REACHING})`, out_channels is in_channels"
    return Diagnostic(
        "E0412",
        f"the implementation of `{name}` breaks its contract",
        Label(_built_for(fault, plan), fault.reason),
        () if span is None else (Label(span, "declared here"),),
        help,
    )


def _built_for(fault: PluginError, plan: Plan) -> Span:
    """Where the call stands whose module broke the contract; the first call, where it is not known."""
    layer, spec = fault.path.split(".")[0], fault.spec
    for place, step in _plugin_steps(plan):
        if spec is not None and step.primitive == fault.primitive and layer in ("", place):
            shapes = (step.input.dims, step.output.dims)
            if (step.arguments, step.stride, *shapes) == (
                spec.arguments, spec.stride, spec.in_shape, spec.out_shape,
            ):  # fmt: skip
                return step.span
    return uses(plan)[fault.primitive]


def require_sound(spec: Spec, plan: Plan, plugins: Implementations) -> None:
    """Raises SpecError where an operation of a planned network has no implementation, or one that breaks its
    contract; UserError for a file that is missing or fails."""
    found = _faults(spec, plan, plugins)
    if found:
        raise SpecError(found)


def faults(spec: Spec, plugins: Implementations) -> list[Diagnostic]:
    """E0411 and E0412 for the operations of a spec that are not built in: those of its networks, as they stand at
    their defaults, are built and tried; of others that its root file declares, an implementation must be there.

    Raises UserError for a file that is missing or fails.
    """
    found: list[Diagnostic] = []
    used: set[str] = set()
    for network in spec.networks.values():
        planned = make_plan(spec, network)
        used |= {called(kind) for kind in uses(planned)}
        found += _faults(spec, planned, plugins)
    names = [item.name for item in spec.root.declarations if isinstance(item, ExternDecl)]
    try:
        _resolved({name.id: name.span for name in names if name.id not in used}, {}, plugins)
    except SpecError as missing:
        found += missing.diagnostics
    return arranged(found, [file.source for file in spec.files])


def _faults(spec: Spec, plan: Plan, plugins: Implementations) -> list[Diagnostic]:
    declared = {name: operation.span for name, operation in spec.operations.items()}
    try:
        builders = resolve(plan, declared, plugins)
    except SpecError as missing:
        return list(missing.diagnostics)
    record = info(build(plan))
    found: list[Diagnostic] = []
    tried: set[tuple[ModuleSpec, bool]] = set()
    for path, module in record.modules.items():
        wanted = (module, affine_at(record, path))
        if module.primitive not in builders or wanted in tried:
            continue
        tried.add(wanted)
        try:
            with standing_at(path):
                probe(build_plugin(builders[module.primitive], *wanted), module)
        except PluginError as fault:
            found.append(contract_fault(fault, plan, declared))
    return found
