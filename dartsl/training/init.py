"""A training that begins with the weights of another one, by the names of tensors: fine-tuning."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import exists
from dartsl.nn.supernet import Supernet
from dartsl.run.files import read_file
from dartsl.run.first_weights import begin_as, require_as_it_was
from dartsl.run.folder import RunFolder
from dartsl.run.init import Init
from dartsl.run.kinds import TRAIN
from dartsl.run.layout import RUN
from dartsl.run.weights import weights_of
from dartsl.training.weights import AUXILIARY

HEADS = ("network.head.", AUXILIARY)  # whose tensors may differ: another task has other classes


def begin_with(model: Supernet, init: Init) -> tuple[Init, str]:
    """Give a model its first weights, and say what was read and which of its tensors stay fresh: as a record, and in a
    sentence.

    All but heads must be there, in the same shape, and nothing else. Raises UserError where that is not so, where the
    path is no training's folder and no .safetensors file, and where it is no longer what `init` has seen.
    """
    tensors, digest = _read(Path(init.path))
    require_as_it_was(init, digest)
    fresh, said = begin_as(model.state_dict(), tensors, init.path, HEADS)
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
