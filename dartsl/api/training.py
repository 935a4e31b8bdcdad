"""Trainings of what was found, and their use: trained, gone on with, measured, and asked about new images or text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from dartsl.api import types
from dartsl.api.arguments import require
from dartsl.api.jobs import (
    Trainable,
    console_of,
    given_of,
    init_of,
    job_of,
    located,
    of_recipe,
    train_config,
    trainable,
)
from dartsl.api.runs import Run, all_ended, ended
from dartsl.api.settings import LossName, TrainSettings
from dartsl.api.specs import Parameters, Plugins, RunLike, SpecLike, path_of
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import exists
from dartsl.run.callbacks import SILENT, Callbacks, Epoch, Step
from dartsl.run.given import NOTHING, Given


def train(
    spec: SpecLike | Trainable,
    out: str | Path | None = None,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    plugins: Plugins = (),
    init: RunLike | None = None,
    data: str | Path | types.Data | None = None,
    loss: types.Loss | LossName | None = None,
    metrics: Mapping[str, types.Metric] | None = None,
    command: str = "dartsl.train(...)",
    console: types.Console | None = None,
    quiet: bool = False,
    on_step: Callable[[Step], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
    **settings: Unpack[TrainSettings],
) -> Run:
    """Train a decided spec's network, or what the run of a search has found, from scratch or from `init`.

    spec        a path, the name of a shipped spec, a Source, a Spec; or the folder of a search's run, whose data are
                then those of the training
    out         the run's folder; by default `runs/`, the spec's name and `-trained`
    network     which one of a spec that has several
    parameters  in place of the network's defaults, such as {"C": 36}
    plugins     files that implement `extern op`s; they are run
    init        the folder of a training, or a .safetensors file, whose weights the training begins with, by name: those
                of the head that are of another size begin afresh, anything else must fit
    data        the name or path of a data set, in place of the spec's or the search's; or torch data sets of (image,
                label): one, of which the part `validation` is set apart, or (training, validation), or (training,
                validation, test). Images are tensors (C, H, W): floating, which the network gets as they are, or
                uint8, which are normalised and augmented. dartsl draws the order, and keys what a data set draws
    loss        `cross_entropy` or `mse`, the setting; or a function of logits (B, classes) and labels (B,) that gives
                the mean loss, in place of the cross entropy; where the spec says `loss = "mse"`, one of standardised
                outputs and targets (B, T), in place of the mean squared error
    metrics     of the same two a number, by name: measured where validation and test errors are
    command     what the run records as its command
    console     where progress goes; by default standard output; quiet=True prints nothing
    on_step, on_epoch   called after each, with a `dartsl.Step` or `dartsl.Epoch`; True stops the run, which is saved
    settings    those of `train {}`, over the spec's and the defaults (`dartsl train --help` explains each):
                dartsl.train("runs/digits", epochs=20)

    The test data are looked at once, at the end. Ctrl-C finishes the step, saves, and raises KeyboardInterrupt:
    `dartsl.resume` goes on. Raises SpecError for a fault in the spec; UserError for a spec that
    leaves choices open, for settings, data or a folder that cannot be used, and for a loss or gradient that is not
    finite: the state before that step is then saved.
    """
    found = trainable(spec)
    given, named = given_of(data, settings, loss, metrics)
    known = plugins or found.plugins
    console, callbacks = console_of(console, quiet), Callbacks(on_step, on_epoch)
    job = job_of(found.spec, network, parameters, known, out, command, console, given, named, callbacks)
    job = replace(job, init=init_of(init))
    config = located(job, train_config(found.spec, named, network, found.inherited))
    from dartsl.training import loop

    return ended(loop.train(of_recipe(job, config, found), config))


def train_seeds(
    spec: SpecLike | Trainable,
    seeds: int,
    out: str | Path | None = None,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    plugins: Plugins = (),
    init: RunLike | None = None,
    data: str | Path | types.Data | None = None,
    loss: types.Loss | LossName | None = None,
    metrics: Mapping[str, types.Metric] | None = None,
    command: str = "dartsl.train_seeds(...)",
    console: types.Console | None = None,
    quiet: bool = False,
    on_step: Callable[[Step], object] | None = None,
    on_epoch: Callable[[Epoch], object] | None = None,
    **settings: Unpack[TrainSettings],
) -> list[Run]:
    """`train` with the seeds 0 to seeds - 1, one after another: their results, of which the last may be unfinished.

    The runs are the folders `seed0`, `seed1`, ... in `out`, by default `runs/`, the spec's name and `-seeds`.
    Arguments are those of `train`. Raises what it raises, and UserError where `out` exists.
    """
    require(seeds=seeds)
    if "seed" in settings:
        raise UserError("`seeds` stands in place of the setting `seed`", "leave `seed` out", exit_code=2)
    found = trainable(spec)
    given, named = given_of(data, settings, loss, metrics)
    known = plugins or found.plugins
    console, callbacks = console_of(console, quiet), Callbacks(on_step, on_epoch)
    job = job_of(found.spec, network, parameters, known, out, command, console, given, named, callbacks)
    job = replace(job, init=init_of(init))
    config = located(job, train_config(found.spec, named, network, found.inherited))
    from dartsl.training import seeds as training

    return all_ended(training.start(of_recipe(job, config, found), config, seeds))


def resume_training(
    run: RunLike,
    *,
    device: str | None = None,
    plugins: Plugins = (),
    epochs: int | None = None,
    console: types.Console | None = None,
    given: Given = NOTHING,
    callbacks: Callbacks = SILENT,
) -> list[Run]:
    """`dartsl.resume` of a training, or of one with several seeds: their results. Raises UserError for another kind of
    run."""
    from dartsl.run.resuming import Anew
    from dartsl.training import seeds

    anew = Anew(device, plugins, epochs, given, callbacks)
    return all_ended(seeds.resume(path_of(run), anew, console=console))


def trains_seeds(run: Path) -> bool:
    """Whether a folder holds the runs of several seeds."""
    from dartsl.training.seeds import SEEDS

    return exists(run / SEEDS)


def evaluate(
    run: RunLike,
    *,
    device: str | None = None,
    plugins: Plugins = (),
    data: str | Path | types.Data | None = None,
    loss: types.Loss | None = None,
    metrics: Mapping[str, types.Metric] | None = None,
) -> types.Evaluated:
    """The test figures of a trained run's last checkpoint, with confidence intervals; on a GPU where there is one,
    unless `device` names another.

    data     other data, by name or path or as a torch data set of (image, label), whose test part is measured: prepared
             as the run's own images are, with its classes, and a text by its vocabulary. Of a run that was given
             (training, validation, test) from Python, the same three stand for its own
    plugins  those of a run that was not made in its folder by this user
    loss, metrics   what the run was started with, where it was given from Python

    Raises UserError, also for other data that do not fit the run.
    """
    from dartsl.run.resuming import Anew
    from dartsl.training import evaluate as evaluation

    require(plugins=plugins)
    given, named = given_of(data, {}, loss, metrics)
    return evaluation.evaluate(path_of(run), Anew(device, plugins, given=given), named.get("data") or None)


def predict(
    run: RunLike | types.Trained,
    images: types.Images,
    *,
    top_k: int | None = None,
    device: str | None = None,
    plugins: Plugins = (),
) -> list[types.Prediction]:
    """The likeliest classes of each image, `top_k` or one, by a trained run's network, with the weights that `evaluate`
    measures; or the numbers that it predicts, in their own units.

    `images` are a path or several: of image files, of folders of them, of .npz files with `x_test` or `x`, of .csv
    files with the columns of the table that trained it; or an array, uint8 (N, H, W, C), or (N, H, W) of one channel.
    Raises UserError.
    """
    from dartsl.training import predict as prediction

    require(plugins=plugins, **({} if top_k is None else {"top_k": top_k}))
    return prediction.predictions(trained(run, device=device, plugins=plugins), images, top_k)


def generate(
    run: RunLike | types.Trained,
    prompt: str,
    *,
    length: int = 100,
    temperature: float = 1.0,
    top_k: int = 0,
    seed: int = 0,
    device: str | None = None,
    plugins: Plugins = (),
) -> types.Continued:
    """What a run trained on text makes of a prompt: `length` more words (or characters), drawn one after another.

    The logits are divided by `temperature` (0: always the likeliest); `top_k` leaves the k likeliest alone (0: all).
    Raises UserError.
    """
    from dartsl.training import generate as generation

    sampling = generation.Sampling(length, temperature, top_k, seed)
    return generation.continued(trained(run, device=device, plugins=plugins), prompt, sampling)


def trained(
    run: RunLike | types.Trained, *, device: str | None = None, plugins: Plugins = ()
) -> types.Trained:
    """A trained run's network (`.model`), in evaluation mode, with the weights that `evaluate` measures and with what
    it takes; no data set is needed. `predict` and `generate` take it in place of the run.

    Raises UserError.
    """
    from dartsl.run.resuming import Anew
    from dartsl.training import trained as training

    if isinstance(run, training.Trained):
        return run
    return training.trained(path_of(run), Anew(device, plugins))
