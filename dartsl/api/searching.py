"""Searches: begun, gone on with, and what their alphas stand for."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Unpack

from dartsl.api import types
from dartsl.api.arguments import require
from dartsl.api.jobs import beside, console_of, given_of, init_of, job_of, located, search_config
from dartsl.api.runs import Run, ended
from dartsl.api.settings import LossName, SearchSettings
from dartsl.api.specs import Parameters, Plugins, RunLike, SpecLike, check, path_of, source_of
from dartsl.lang.check.model import Spec
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import exists
from dartsl.lang.syntax.syntax_faults import shown
from dartsl.run.callbacks import SILENT, Callbacks, Epoch, Step
from dartsl.run.commands import command_line
from dartsl.run.given import NOTHING, Given
from dartsl.run.kinds import FOUND, SEARCH
from dartsl.run.layout import RUN
from dartsl.run.notes import log_warnings

RULES = ("connected", "argmax", "threshold", "perturbation", "sampled")


def search(
    spec: SpecLike,
    out: str | Path | None = None,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    plugins: Plugins = (),
    data: str | Path | types.Data | None = None,
    init: RunLike | None = None,
    init_alphas: bool = False,
    loss: types.Loss | LossName | None = None,
    metrics: Mapping[str, types.Metric] | None = None,
    command: str = "dartsl.search(...)",
    console: types.Console | None = None,
    quiet: bool = False,
    on_step: Callable[[Step], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
    **settings: Unpack[SearchSettings],
) -> Run:
    """Search a spec's network; the run's folder then holds the cells found, as text and as a picture.

    spec        a path, the name of a shipped spec, a Source or a Spec
    out         the run's folder; by default `runs/` and the spec's name, with -2, -3, ... where that is taken
    network     which one of a spec that has several
    parameters  in place of the network's defaults, such as {"C": 36}
    plugins     files that implement `extern op`s; they are run
    data        the name or path of a data set, in place of the spec's; or torch data sets of (image, label): one, of
                which the part `split` trains weights and the rest alphas, or (one for weights, one for alphas).
                Images are tensors (C, H, W): floating, which the network gets as they are, or uint8, which are
                normalised and augmented. dartsl draws the order, and keys what a data set draws at random
    init        the folder of another search of this network, whose weights this one begins with, by name: those of
                its last checkpoint, running statistics too; a head of another shape begins afresh. Alphas begin afresh,
                unless `init_alphas` says otherwise
    loss        `cross_entropy` or `mse`, the setting; or a function of logits (B, classes) and labels (B,) that gives
                the mean loss, in place of the cross entropy; where the spec says `loss = "mse"`, one of standardised
                outputs and targets (B, T), in place of the mean squared error
    metrics     of the same two a number, by name: measured on the validation batches, as loss and accuracy are
    command     what the run records as its command
    console     where progress goes; by default standard output
    quiet       True prints nothing
    on_step     called after each step with a `dartsl.Step`, on_epoch after each epoch with a `dartsl.Epoch`: one that
                returns True stops the run, which is saved; what one raises is raised as it is, once the run is saved
    settings    those of `search {}`, over the spec's and the defaults (`dartsl search --help` explains each):
                dartsl.search("digits", epochs=3)

    Ctrl-C finishes the step, saves, and raises KeyboardInterrupt: `resume` goes on.
    Raises SpecError for a fault in the spec; UserError for settings, data or a folder that cannot be used, and for a
    loss or gradient that is not finite: the state before that step is then saved.
    """
    checked = spec_to_search(spec)
    given, named = given_of(data, settings, loss, metrics)
    console, callbacks = console_of(console, quiet), Callbacks(on_step, on_epoch)
    files = beside(checked, plugins)
    job = job_of(checked, network, parameters, files, out, command, console, given, named, callbacks)
    job = replace(job, init=init_of(init, init_alphas))
    config = located(job, search_config(checked, named, network))
    from dartsl.searching import loop

    return ended(loop.search(job, config))


def resume(
    run: RunLike,
    *,
    device: str | None = None,
    plugins: Plugins = (),
    epochs: int | None = None,
    data: types.Data | None = None,
    loss: types.Loss | None = None,
    metrics: Mapping[str, types.Metric] | None = None,
    console: types.Console | None = None,
    quiet: bool = False,
    on_step: Callable[[Step], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
) -> Run | list[Run]:
    """Go on with a run that was interrupted, of a search or a training, as if it had never stopped.

    run      its folder; of several seeds the one that holds theirs: the results are then a list, one a seed
    device   in place of the run's own
    plugins  those of a run that was not made in its folder by this user
    epochs   another last epoch, of a run that is finished or not: from then on its schedules are those of so many
    data, loss, metrics   what the run was started with, where it was given from Python: a run records only what they
             are called, and how many images there are
    console, quiet, on_step, on_epoch   as those of `search`

    On the CPU it goes on bit for bit, with the same torch and number of threads. Raises UserError for a folder,
    checkpoint or data set that is not what the run left, and what `search` and `train` raise.
    """
    from dartsl.api.training import resume_training, trains_seeds
    from dartsl.run.folder import RunFolder

    path = path_of(run)
    anew: Any = {"device": device, "plugins": plugins, "epochs": epochs}
    anew |= {"console": console_of(console, quiet), "given": Given(data, loss, metrics or {})}
    anew["callbacks"] = Callbacks(on_step, on_epoch)
    seeds = trains_seeds(path)
    if not seeds and RunFolder.open(path).kind == SEARCH:
        return resume_search(path, **anew)
    found = resume_training(path, **anew)
    return found if seeds else found[0]


def resume_search(
    run: RunLike,
    *,
    device: str | None = None,
    plugins: Plugins = (),
    epochs: int | None = None,
    console: types.Console | None = None,
    given: Given = NOTHING,
    callbacks: Callbacks = SILENT,
) -> Run:
    """`resume` of a search. Raises UserError for another kind of run."""
    from dartsl.run.resuming import Anew
    from dartsl.searching import loop

    anew = Anew(device, plugins, epochs, given, callbacks)
    return ended(loop.resume(path_of(run), anew, console=console))


def check_gradients(
    spec: SpecLike,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    plugins: Plugins = (),
    data: str | Path | types.Data | None = None,
    loss: types.Loss | LossName | None = None,
    **settings: Unpack[SearchSettings],
) -> types.Comparison:
    """The alpha gradients of a search's first step by first, second and exact order, and how far apart they are.

    Nothing is searched and no folder is made. Arguments are those of `search`. Raises what it raises, and
    UserError where a gradient is not finite.
    """
    checked = spec_to_search(spec)
    given, named = given_of(data, settings, loss)
    job = job_of(checked, network, parameters, beside(checked, plugins), given=given)
    config = located(job, search_config(checked, named, network))
    from dartsl.searching import check_gradients as checking

    return checking.check_gradients(job, config)


def derive(run: RunLike, epoch: int | None = None, rule: str | None = None) -> str:
    """The cells that a run's alphas stand for, as the text of a spec; after its last epoch, or after `epoch`.

    `rule` is connected (the likeliest cells whose output depends on the input), argmax (the strongest operations),
    threshold (those of them that weigh enough), perturbation or sampled (as was decided); by default the run's own.
    Raises UserError where there is no such run, epoch or rule.
    """
    from dartsl.searching.derive import rederive

    require(epoch=epoch)
    _require_rule(rule)
    return rederive(path_of(run), epoch, rule)


def derivation(run: RunLike, epoch: int | None = None, rule: str | None = None) -> types.Derivation:
    """What `derive` writes, edge by edge, with what was changed lest the output not depend on the input.

    Raises UserError.
    """
    from dartsl.run.folder import RunFolder
    from dartsl.searching import derive as deriving

    require(epoch=epoch)
    _require_rule(rule)
    return deriving.derivation(RunFolder.open(path_of(run)), epoch, rule)


def spec_to_search(spec: SpecLike) -> Spec:
    """The spec, checked, its warnings logged; a run's folder is none, since what it has found is decided.

    Raises SpecError, UserError.
    """
    if isinstance(spec, Spec):
        return spec
    try:
        source = source_of(spec)
    except UserError:
        if isinstance(spec, str | os.PathLike) and exists(Path(spec) / RUN):
            raise _of_run(Path(spec)) from None
        raise
    checked = check(source)
    log_warnings(checked.warnings)
    return checked


def _of_run(path: Path) -> UserError:
    """What is said where the folder of a run is to be searched."""
    from dartsl.run.folder import RunFolder

    kind = RunFolder.open(path).kind
    help = f"it is a run: `{kind.go_on(path)}` goes on with it"
    if kind == SEARCH:
        train = command_line("dartsl", "train", path)
        help += f", `{train}` trains what it has found, {path / FOUND}"
    return UserError(f"{shown(str(path))} is a folder, not a spec", help, exit_code=2)


def _require_rule(rule: str | None) -> None:
    if rule not in (None, *RULES):
        raise UserError(
            f"there is no rule `{rule}`", "connected, argmax, threshold, perturbation or sampled", exit_code=2
        )
