"""From a spec or a run to a file that other tools read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

from dartsl.exchange.about import About
from dartsl.exchange.writing import genotype_text, nasbench_string
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan as make_plan
from dartsl.lang.plan.terms import Plan
from dartsl.nn.blame import blamed
from dartsl.nn.plugin_files import Files, Named
from dartsl.run.beside import plugins_beside
from dartsl.run.commands import command_line
from dartsl.run.folder import RunFolder
from dartsl.run.inputs import ImageInputs, Inputs, TextInputs, read_vocabulary, require_fitting
from dartsl.run.kinds import SEARCH, TRAIN
from dartsl.run.layout import RUN


@dataclass(frozen=True)
class Subject:
    """What is exported: a spec's network, and the run that it was trained in, if any."""

    spec: Spec
    plan: Plan
    folder: RunFolder | None = None


def subject_of_spec(
    spec: Spec, network: str | None, parameters: Mapping[str, Fraction | int] | None
) -> Subject:
    """A network of a checked spec. Raises SpecError, UserError."""
    return Subject(spec, make_plan(spec, pick_network(spec, network), parameters or {}))


def subject_of_run(path: Path, epoch: int | None) -> Subject:
    """What a run has found (by a search, after its last epoch or `epoch`) or trained. Raises UserError."""
    folder = RunFolder.open(path)
    if folder.kind == SEARCH:
        from dartsl.searching.derive import rederive

        spec = check(Source(str(path), rederive(path, epoch)))
    else:
        from dartsl.searching.derive import run_network

        if epoch is not None:
            raise UserError("only a search can be exported as of an epoch", exit_code=2)
        spec, _ = run_network(folder)
    network = pick_network(spec, folder.info.network)
    return Subject(spec, make_plan(spec, network, folder.values(network)), folder)


def export_text(subject: Subject, to: str, *, uint8: bool = False) -> str:
    """`genotype` or `nasbench201` text. Raises UserError where it cannot express the cells."""
    _require_program(to, uint8)
    write = genotype_text if to == "genotype" else nasbench_string
    return write(subject.spec, subject.plan)


@dataclass(frozen=True)
class Exported:
    """The content of a file, and what the network in it takes."""

    data: bytes
    takes: str


def export_bytes(
    subject: Subject,
    to: str,
    *,
    seed: int = 0,
    plugins: Named = (),
    normalisation: bool = True,
    uint8: bool = False,
) -> Exported:
    """`onnx`, `torch` or `safetensors`: with the weights of a training, or fresh ones for a spec.

    A program of a training takes images in 0..1 and normalises them, unless `normalisation` is False; with `uint8` it
    takes them as they are stored, 0 .. 255. Raises UserError.
    """
    from dartsl.exchange import weights

    _require_possible(subject, to, normalisation, uint8)
    folder, dtype = subject.folder, "float32"
    files: Files = plugins or plugins_beside(subject.spec.root.source)
    if folder is not None:
        files = partial(folder.plugins, plugins)
    if folder is not None:
        dtype = str(folder.info.settings.get("dtype", dtype))
        seed = folder.info.seed
    about = _about(subject, dtype, normalisation and to != "safetensors", uint8)
    model = weights.model_of(subject.spec, subject.plan, seed=seed, dtype=dtype, plugins=files)
    if folder is not None:
        from dartsl.training.weights import load_trained

        load_trained(model, folder)
    if to == "safetensors":
        return Exported(weights.safetensors_bytes(model, about.texts()), about.takes)
    from dartsl.exchange import programs

    if programs.draws_noise(model):
        raise UserError(
            f"`{subject.plan.network.name}` has `noise` in it, drawn for each batch, which no program of {to} can hold",
            "its weights can be exported: --to safetensors; and its cells: --to genotype",
        )
    export = programs.torch_program if to == "torch" else programs.onnx_bytes
    with blamed(model.plugins):
        return Exported(export(model, about), about.takes)


def _require_possible(subject: Subject, to: str, normalisation: bool, uint8: bool) -> None:
    """Refuse what no file of the format `to` can hold. Raises UserError."""
    folder = subject.folder
    if subject.plan.input.sequence and to != "safetensors":
        raise UserError(
            f"no network of text can be exported to {to}, and `{subject.plan.network.name}` reads text",
            "its weights can be: --to safetensors; and the cell of a `scan`: --to genotype",
        )
    if folder is not None:
        train = command_line("dartsl", "train", folder.path)
        folder.require(TRAIN, train, "and only a training has weights to export")
    _require_program(to, uint8)
    if not uint8:
        return
    if not normalisation:
        raise UserError("images that are normalised before are not uint8", "leave one of the two out", 2)
    if folder is None or folder.info.inputs is None or _prepared(folder.info.inputs):
        raise UserError(
            "no mean and deviation are known that uint8 images could be normalised by",
            "dartsl train SPEC" if folder is None else f"dartsl train --resume {folder.path}",
            exit_code=2,
        )
    if _floats(folder.info.inputs):
        raise UserError(
            f"{folder.path} was trained on float32 {folder.info.inputs.kind}, which uint8 cannot hold",
            exit_code=2,
        )


def _floats(inputs: Inputs) -> bool:
    """Whether a training's images are float32."""
    return isinstance(inputs, ImageInputs) and inputs.floats


def _require_program(to: str, uint8: bool) -> None:
    """Raise UserError where images of a kind are asked for, and the file takes none."""
    if uint8 and to not in ("onnx", "torch"):
        what = "weights" if to == "safetensors" else "cells"
        raise UserError(f"--to {to} writes {what}, and no program that could take uint8 images", exit_code=2)


def _prepared(inputs: Inputs) -> bool:
    """Whether the user's own code prepared the images of a training."""
    return isinstance(inputs, ImageInputs) and inputs.prepared


def _about(subject: Subject, dtype: str, normalised: bool, uint8: bool) -> About:
    """What the export takes. Raises UserError for a run whose files do not fit together."""
    folder = subject.folder
    if folder is None:
        return About(subject.plan, dtype)
    inputs = folder.info.inputs
    if inputs is None or _prepared(
        inputs
    ):  # a run of format 1; or nobody knows here how images were normalised
        return About(subject.plan, dtype)
    require_fitting(inputs, subject.plan, folder.path / RUN)
    if isinstance(inputs, TextInputs):
        return About(subject.plan, dtype, inputs, read_vocabulary(folder.vocabulary, subject.plan.classes))
    return About(subject.plan, dtype, inputs, (), normalised, uint8)
