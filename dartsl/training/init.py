"""A training that begins with the weights of another one, by the names of tensors: fine-tuning."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from dartsl.lang.diagnostics import UserError
from dartsl.lang.paths import exists
from dartsl.nn.supernet import Supernet
from dartsl.run.files import read_file
from dartsl.run.folder import RunFolder
from dartsl.run.init import Init
from dartsl.run.kinds import TRAIN
from dartsl.run.layout import RUN
from dartsl.run.weights import weights_of
from dartsl.training.weights import AUXILIARY

HEADS = ("network.head.", AUXILIARY)  # whose tensors may differ: another task has other classes


@torch.no_grad()
def begin_with(model: Supernet, init: Init) -> tuple[Init, str]:
    """Give a model its first weights, and say what was read and which of its tensors stay fresh: as a record, and in a
    sentence.

    All but heads must be there, in the same shape, and nothing else. Raises UserError where that is not so, where the
    path is no training's folder and no .safetensors file, and where it is no longer what `init` has seen.
    """
    path = Path(init.path)
    tensors, digest = _read(path)
    if init.sha256 not in (None, digest):
        raise UserError(
            f"{path} is not what the run was to begin with: its SHA-256 is {digest}, not {init.sha256}",
            "bring that back, or start another run",
        )
    own = model.state_dict()
    _require_fitting(path, own, tensors)
    fresh = [name for name, value in own.items() if name not in tensors or tensors[name].shape != value.shape]
    for name in own.keys() - set(fresh):
        own[name].copy_(tensors[name])
    said = f"{len(own) - len(fresh)} of {len(own)} tensors begin as those of {path}"
    if fresh:
        shape = tuple(own[fresh[0]].shape)
        there = f"{tuple(tensors[fresh[0]].shape)} there" if fresh[0] in tensors else "not there"
        said += f"; of the head {', '.join(fresh)} begin afresh: {fresh[0]} is {shape}, {there}"
    return replace(init, sha256=digest, fresh=fresh), said


def _read(path: Path) -> tuple[Mapping[str, Tensor], str]:
    """The tensors of a training (those that `dartsl eval` measures) or a file, and a SHA-256. Raises UserError."""
    if exists(path / RUN):
        folder = RunFolder.open(path)
        folder.require(TRAIN, "name a training: a supernet has the weights of all candidates")
        return weights_of(folder)[0], hashlib.sha256(read_file(folder.checkpoint)).hexdigest()
    if path.suffix != ".safetensors" or not path.is_file():
        raise UserError(
            f"{path} is neither the folder of a training nor a .safetensors file",
            "`dartsl export RUN --to safetensors` writes one",
        )
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = read_file(path)
    try:
        return load(content), hashlib.sha256(content).hexdigest()
    except SafetensorError as error:
        raise UserError(f"{path} is damaged: {error}") from error


def _require_fitting(path: Path, own: Mapping[str, Tensor], tensors: Mapping[str, Tensor]) -> None:
    """Raise UserError where a tensor that is none of a head's is missing, too many, or of another shape."""
    misfits = [
        f"{name} is {_shape(own.get(name))} here and {_shape(tensors.get(name))} there"
        for name in [*own, *(name for name in tensors if name not in own)]
        if not name.startswith(HEADS) and _shape(own.get(name)) != _shape(tensors.get(name))
    ]
    if misfits:
        more = f", and {len(misfits) - 1} tensors more do not fit" if misfits[1:] else ""
        raise UserError(
            f"{path} has weights of another network: {misfits[0]}{more}",
            "only the head may be another: take the same cells and the same --set",
        )


def _shape(value: Tensor | None) -> str:
    return "missing" if value is None else str(tuple(value.shape))
