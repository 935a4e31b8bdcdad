"""The weights that a run begins with, where they are not fresh ones: another run's, or a file's. No torch."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Init:
    """Where a run's first weights are from, as `run.json` keeps it.

    path    the folder of a search, for a search; of a training, or a .safetensors file, for a training
    sha256  of the checkpoint, or of the file; None: it was not read yet
    fresh   the names of the head's tensors that are missing there or of another shape, and begin as fresh ones
    alphas  whether a search takes over alphas, and all that is learnt with them, as well
    """

    path: str
    sha256: str | None = None
    fresh: list[str] = field(default_factory=list)
    alphas: bool = False
