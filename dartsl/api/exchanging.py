"""What other tools write, made specs, and specs and runs written for other tools."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

from dartsl.api import types
from dartsl.api.arguments import require
from dartsl.api.jobs import job_of
from dartsl.api.specs import Parameters, Plugins, SpecLike, check, names_a_run
from dartsl.lang.codes.diagnostics import UserError


@dataclass(frozen=True)
class Exported:
    """What a file for another tool holds.

    takes  what the network in it takes; None: it holds cells alone
    fresh  whether its weights are fresh ones: it is of a spec, not of a training
    """

    content: str | bytes
    takes: str | None = None
    fresh: bool = False


def import_genotype(file_or_text: str | Path, name: str | None = None, *, keep_unknown: bool = False) -> str:
    """The text of a spec made of published cells: genotypes of the DARTS family, wherever they stand in a text,
    NAS-Bench-301's tuples, NAS-Bench-201's strings or NNI's choices. Nothing is run.

    `name` picks one of several genotypes; without it the last counts where all have one name, as in a log.
    `keep_unknown` makes operations that dartsl does not know `extern op`s. Raises UserError.
    """
    return imported(file_or_text, name, keep_unknown=keep_unknown).text


def imported(
    file_or_text: str | Path, name: str | None = None, *, keep_unknown: bool = False
) -> types.Imported:
    """What `import_genotype` gives, as `.text`, with `.notes` on where the cells come from. Raises UserError."""
    from dartsl.exchange.importing import import_text

    return import_text(str(file_or_text), name, keep_unknown)


@overload
def export(
    spec: SpecLike,
    to: Literal["genotype", "nasbench201"],
    output: str | Path | None = None,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    epoch: int | None = None,
) -> str: ...


@overload
def export(
    spec: SpecLike,
    to: Literal["onnx", "torch", "safetensors"],
    output: str | Path | None = None,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    epoch: int | None = None,
    seed: int = 0,
    plugins: Plugins = (),
    normalisation: bool = True,
    uint8: bool = False,
) -> bytes: ...


def export(
    spec: SpecLike,
    to: str,
    output: str | Path | None = None,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    epoch: int | None = None,
    seed: int = 0,
    plugins: Plugins = (),
    normalisation: bool = True,
    uint8: bool = False,
) -> str | bytes:
    """A spec or a run's folder for other tools: genotype or nasbench201 (text); onnx, torch or safetensors (bytes).

    output       a file to write too
    network, parameters   of a spec; a run has its own
    epoch        of the run of a search, whose cells as of then are meant
    seed         of the fresh weights of a spec; those of a training's run are its own
    plugins      files that implement `extern op`s; they are run
    normalisation   a training's program takes images in 0..1 and normalises them itself
    uint8        a training's program takes uint8 images, 0..255

    Raises SpecError, UserError; also for what the format cannot hold.
    """
    from dartsl.run.files import write_bytes

    found = exported(
        spec,
        to,
        network=network,
        parameters=parameters,
        epoch=epoch,
        seed=seed,
        plugins=plugins,
        normalisation=normalisation,
        uint8=uint8,
    ).content
    if output is not None:
        write_bytes(Path(output), found if isinstance(found, bytes) else f"{found}\n".encode())
    return found


def exported(
    spec: SpecLike,
    to: str,
    *,
    network: str | None = None,
    parameters: Parameters | None = None,
    epoch: int | None = None,
    seed: int = 0,
    plugins: Plugins = (),
    normalisation: bool = True,
    uint8: bool = False,
) -> Exported:
    """What `export` gives, with what is to be said about it. Raises SpecError, UserError."""
    from dartsl.exchange import exporting
    from dartsl.exchange.formats import FORMATS, TEXTS

    require(epoch=epoch, seed=seed, plugins=plugins)
    if to not in FORMATS:
        raise UserError(f"there is no format `{to}`", "one of " + ", ".join(FORMATS), 2)
    if isinstance(spec, str | os.PathLike) and names_a_run(spec):
        if network is not None or parameters:
            raise UserError(
                "a run has its network and its parameters already", "leave out --network, --set", 2
            )
        subject = exporting.subject_of_run(Path(spec), epoch)
    else:
        if epoch is not None:
            raise UserError("only a run has epochs", "name a run's folder", 2)
        job = job_of(check(spec), network, parameters)
        subject = exporting.subject_of_spec(job.spec, job.network, job.parameters)
    if to in TEXTS:
        return Exported(exporting.export_text(subject, to, uint8=uint8))
    found = exporting.export_bytes(
        subject, to, seed=int(seed), plugins=plugins, normalisation=normalisation, uint8=uint8
    )
    return Exported(found.data, found.takes, fresh=subject.folder is None)
