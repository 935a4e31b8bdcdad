"""What one pass over a network depends on besides its inputs, weights and alphas: an argument, never a state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from dartsl.nn.share import WHOLE, Share

BatchKind = Literal["train", "validation"]
KINDS: tuple[BatchKind, ...] = ("train", "validation")


@dataclass(frozen=True)
class Pass:
    """One pass in training mode; two passes that are equal see the same random draws.

    step, kind  which batch it is over: they key everything random in the network
    share       the part of the batch that this process computes
    drop_path   the probability with which drop-path drops an image's map
    frozen      no running statistic moves (nor `num_batches_tracked`); the batch's own ones normalise all the same
    """

    step: int = 0
    kind: BatchKind = "train"
    share: Share = WHOLE
    drop_path: float = 0.0
    frozen: bool = False

    def __post_init__(self) -> None:
        """Raises ValueError on a kind of batch that does not exist."""
        if self.kind not in KINDS:
            raise ValueError(f"kind is `train` or `validation`, not {self.kind!r}")


PLAIN = Pass()
