"""Operations whose implementation is Python: a spec declares `extern op name(...)`, a user names the code.

An implementation is a function `name(in_channels, out_channels, stride, affine, **arguments) -> nn.Module`
(language rule 5). It maps (B, in_channels, H, W) to (B, out_channels, ceil(H / stride), ceil(W / stride)); `affine`
says whether batch norms in it have parameters of their own (rule 10). It comes from a file (`--plugin
FILE.py`), as the file's object of the operation's name, or from an installed package's entry point of that
name in `dartsl.primitives`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from dartsl.graph.operations import GraphInfo
from dartsl.lang.diagnostics import Diagnostic, Label, SpecError, UserError
from dartsl.lang.source import Span
from dartsl.lang.suggestions import close
from dartsl.lang.terms import CellLayer, Plan, Step, Term
from dartsl.lang.terms import Sequence as Steps
from dartsl.nn.contract import Builder, PluginError
from dartsl.nn.plugin_files import Files, Named, named_files, run_file, summary
from dartsl.nn.primitives import BUILT_IN

GROUP = "dartsl.primitives"

Plugins = Files | Mapping[str, Builder]


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


def resolve(plan: Plan, declared: Mapping[str, Span], plugins: Plugins = ()) -> dict[str, Builder]:
    """The implementation of every operation of a plan that is not built in.

    `declared` holds the places of the `extern op` declarations; `plugins` are files, or implementations by
    name (entry points are looked up too). No file is run where no operation needs one. Raises SpecError (E0411) that
    reports every operation without one, UserError for a file that is missing or fails.
    """
    needed = uses(plan)
    if not needed:
        return {}
    given = plugins if isinstance(plugins, Mapping) else {}
    modules = [] if isinstance(plugins, Mapping) else [run_file(file) for file in named_files(plugins)]
    found: dict[str, Builder] = {}
    faults = []
    for name, span in needed.items():
        builder = given.get(name) or _implementation(name, modules)
        if builder is None:
            faults.append(_missing(name, span, declared.get(name), modules))
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


def contract_error(fault: PluginError, use: Span, declared: Span | None) -> SpecError:
    """The diagnostic E0412 for an implementation that breaks its contract."""
    secondary = () if declared is None else (Label(declared, "declared here"),)
    diagnostic = Diagnostic(
        "E0412",
        f"the implementation of `{fault.primitive}` breaks its contract",
        Label(use, fault.reason),
        secondary,
        f"it must be {fault.primitive}(in_channels, out_channels, stride, affine, **arguments) -> nn.Module, "
        "whose output has out_channels channels, size ceil(H / stride), and the type and device of its input",
    )
    return SpecError([diagnostic])
