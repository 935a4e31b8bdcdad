"""The pass that a network takes where none is given: for callers that set it beforehand, until they give it."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from dartsl.nn.draws import Draws, stream_seed
from dartsl.nn.passing import PLAIN, BatchKind
from dartsl.nn.share import Share


class Ambient:
    """The pass of a network that is called without one, and the network's draws in that pass."""

    def __init__(self, seed: int) -> None:
        self.source = Draws(seed)
        self.pass_ = PLAIN

    def at(self, step: int, kind: BatchKind) -> int:
        """Turn to one step's batch; gives a seed of that batch for torch's own generators."""
        self.pass_ = replace(self.pass_, step=step, kind=kind)
        return stream_seed(self.source.seed, step, kind)

    @property
    def share(self) -> Share:
        return self.pass_.share

    @share.setter
    def share(self, share: Share) -> None:
        self.pass_ = replace(self.pass_, share=share)

    @property
    def drop_path(self) -> float:
        return self.pass_.drop_path

    @drop_path.setter
    def drop_path(self, probability: float) -> None:
        self.pass_ = replace(self.pass_, drop_path=probability)

    def normal(self, path: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        return self.source.normal(self.pass_, path, shape, like)

    def kept_images(self, path: str, like: Tensor) -> Tensor:
        return self.source.kept_images(self.pass_, path, like)

    def kept(self, path: str, shape: tuple[int, ...], p: float, like: Tensor) -> Tensor:
        return self.source.kept(self.pass_, path, shape, p, like)
