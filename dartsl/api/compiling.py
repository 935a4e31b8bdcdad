"""Networks: compiled to torch, written out as text, and measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from dartsl.api import types
from dartsl.api.arguments import require
from dartsl.api.jobs import beside, job_of, of_run
from dartsl.api.specs import Parameters, Plugins, SpecLike, check
from dartsl.graph.target import TARGETS
from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.build import Build

if TYPE_CHECKING:
    from dartsl.graph.passes import Pass
    from dartsl.graph.target import Target

CASES = ("forward_backward", "first", "second", "exact")
Form = Literal["python", "graph", "dot", "passes"]


def compile(
    spec: SpecLike,
    network: str | None = None,
    parameters: Parameters | None = None,
    *,
    seed: int = 0,
    device: types.Device = "cpu",
    dtype: types.Type = "float32",
    level: int = 2,
    memory: Literal["normal", "low"] = "normal",
    amp: bool = False,
    relaxation: str = "softmax",
    alphas_start: Literal["normal", "zero"] = "normal",
    edge_weights: bool = False,
    partial: int = 1,
    auxiliary_skip: bool = False,
    drop_path: bool = False,
    auxiliary: bool = False,
    plugins: types.Implementations = (),
) -> types.Supernet:
    """A network as a torch module: images (B, C, H, W), normalised, to logits (B, classes).

    spec        a path, the name of a shipped spec, a Source or a Spec; a decided one gives a network without alphas.
                Of a run, what it has found or trained, with its parameters; `run.model()` has its weights too
    network     which one of a spec that has several
    parameters  in place of the network's defaults, such as {"C": 36}
    seed        of weights and alphas, and of what is random in a pass
    dtype       of weights, alphas and logits: float32, float64 or bfloat16, by name or torch's own
    level       of optimisation, 0 to 2: the mathematics and the state_dict are the same
    memory      "low": each layer is computed again in the backward pass; or "normal"
    amp         convolutions and linear layers compute in bfloat16
    relaxation  what gives the mixing weights of choices
    alphas_start  where alphas begin: "normal", near 0, or "zero"
    auxiliary_skip  with a skip connection beside the candidates of each edge, as a search with this setting has
    edge_weights  with a learnt weight for each edge, as a search with this setting has
    partial     mix one of so many parts of each edge's channels, as a search with this setting does
    drop_path, auxiliary   with drop-path on the edges and with the auxiliary head, as a training may have them
    plugins     files that implement `extern op`s (they are run), or implementations by name

    Raises SpecError for a fault in the spec, UserError for a network, parameter, device or type that does not exist,
    for any other argument that is not one of its values, and for a plugin that fails.
    """
    from dartsl.nn import supernet
    from dartsl.run.beside import plugins_beside

    asked: Any = {
        "level": level, "seed": seed, "dtype": dtype, "memory": memory, "amp": amp, "relaxation": relaxation,
        "alphas_start": alphas_start, "edge_weights": edge_weights, "auxiliary_skip": auxiliary_skip,
        "drop_path": drop_path, "auxiliary": auxiliary,
    }  # fmt: skip
    require(**asked, partial=partial, plugins=plugins)
    asked |= {"level": int(level), "seed": int(seed)}  # draws are keyed by values and types
    checked = check(spec)
    planned = job_of(checked, *of_run(spec, network, parameters)).plan(int(partial))
    build = Build(device=device, **asked)
    known = plugins or plugins_beside(checked.root.source)
    return supernet.from_plan(checked, planned, build, known)


def emit(
    spec: SpecLike,
    form: Form = "python",
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    level: int = 2,
    until: str | None = None,
    passes: str | None = None,
    target: str = "cpu",
    partial: int = 1,
    plugins: Plugins = (),
) -> str:
    """A network as text: code in Python, its operation graph, that graph as DOT, or what each pass did.

    level   of optimisation, 0 to 2; `until` stops after the pass of that name
    passes  in place of a level's, such as "cse,fold,stack(limit=32768)"
    target  the kind of device that passes choose for: cpu or cuda
    partial  as a search with this setting mixes channels

    Raises SpecError; UserError for a network, parameter or pass that does not exist.
    """
    require(form=form, level=level, partial=partial)
    if target not in TARGETS:
        raise UserError(f"there is no target `{target}`", "one of " + ", ".join(TARGETS), exit_code=2)
    chosen = TARGETS[target]
    applied = _passes(passes, level, until, chosen)
    checked = check(spec)
    planned = job_of(checked, network, parameters).plan(int(partial))
    if form == "python":
        from dartsl.nn.emit import emit_python
        from dartsl.nn.supernet import from_plan

        # Shapes and names are all that the text needs, so no numbers are drawn.
        meta = Build(level=level, passes=applied, target=chosen, device="meta")
        return emit_python(from_plan(checked, planned, meta, beside(checked, plugins)).network)
    from dartsl.graph.build import build
    from dartsl.graph.listing import listing, operations_dot, passes_listing
    from dartsl.graph.passes import apply

    built = build(planned)
    optimised = apply(built, applied)
    if form == "passes":
        return passes_listing(built, optimised, chosen, f"-O{level}" if passes is None else "--passes")
    return listing(optimised.graph) if form == "graph" else operations_dot(optimised.graph)


def _passes(text: str | None, level: int, until: str | None, target: Target) -> tuple[Pass, ...]:
    """The passes that are asked for. Raises UserError where there is none of a name."""
    from dartsl.graph.passes import PipelineError, parse, passes_of

    if text is None:
        try:
            return passes_of(level, target, until)
        except ValueError as fault:
            raise UserError(str(fault), exit_code=2) from None
    try:
        return parse(text)
    except PipelineError as fault:
        where = f"{text}\n{'^':>{fault.column}}"
        raise UserError(f"--passes: {fault.reason}\n{where}", fault.help, exit_code=2) from None


def latency(
    spec: SpecLike,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    device: str = "auto",
    batch: int = 1,
    dtype: types.Type = "float32",
    level: int = 2,
    threads: int | None = None,
    repeats: int = 30,
    plugins: Plugins = (),
    watch: Callable[[int, int], None] = lambda done, parts: None,
) -> types.CostTable:
    """How many milliseconds each part of a network of images takes on a device, for `cost = "FILE.json"`.

    Every candidate of every edge is measured in every layer, and what lies outside of the edges; parts that compute the
    same on the same shapes once. `.text()` of what is returned is such a file's.

    device   `cpu`, a GPU such as `cuda:0`, or `auto`: a GPU if there is one
    batch    images that go through a part at once; the time is that of all of them
    level    of optimisation, 0 to 2
    threads  of the CPU; None: as torch has it
    repeats  timed calls of a part, whose median counts
    watch    is called with the number of parts that are measured, and that of all

    Raises SpecError, UserError.
    """
    from dartsl.run.devices import chosen
    from dartsl.searching.latency import Setup, latencies

    require(batch=batch, level=level, dtype=dtype, repeats=repeats, threads=threads, plugins=plugins)
    checked = check(spec)
    planned = job_of(checked, *of_run(spec, network, parameters)).plan()
    build = Build(device=chosen(device), dtype=dtype, level=level)
    setup = Setup(build, batch, repeats, threads=threads)
    return latencies(checked, planned, setup, beside(checked, plugins), watch=watch)


def bench(
    spec: SpecLike,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    batch: int = 4,
    repeats: int = 3,
    cases: str | Sequence[str] = CASES,
    device: str = "cpu",
    plugins: Plugins = (),
    say: Callable[[str], None] = lambda text: None,
) -> Sequence[types.Row | types.GpuRow]:
    """What the optimising passes gain: for each case a row at -O0, at -O2, and at -O2 with low memory.

    cases    of forward_backward (one pass), first, second and exact (a search step of that order)
    batch    images per step, from each half, or rows of text
    repeats  rounds per median
    device   `cpu`; or a GPU such as `cuda:0`, where steps are measured that are replayed as CUDA graphs, too
    say      is called with what is being measured

    Raises SpecError, UserError.
    """
    from dartsl.nn.placing import torch_device
    from dartsl.searching import bench as benching

    require(batch=batch, repeats=repeats, plugins=plugins)
    asked = [cases] if isinstance(cases, str) else list(cases)
    for case in asked:
        if case not in CASES:
            raise UserError(f"there is no case `{case}`", "one of " + ", ".join(CASES), exit_code=2)
    job = job_of(check(spec), network, parameters, plugins)
    trial = benching.Trial(job, batch)
    kind = torch_device(device).type
    if kind == "cuda":
        from dartsl.searching.bench_gpu import bench_gpu

        return bench_gpu(trial, device, asked, repeats=repeats, say=say)
    if kind != "cpu":
        raise UserError(f"nothing is measured on the device `{device}`", "take cpu, or a GPU such as cuda:0")
    return benching.bench(trial, asked, repeats=repeats, say=say)
