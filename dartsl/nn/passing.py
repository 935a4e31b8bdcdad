"""What one pass over a network depends on besides its inputs, weights and alphas: an argument, never a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from torch import Tensor

from dartsl.nn.share import WHOLE, Share

BatchKind = Literal["train", "validation"]
KINDS: tuple[BatchKind, ...] = ("train", "validation")


@dataclass(frozen=True)
class Scheduled:
    """What a search changes from epoch to epoch, as it is in the epoch of a pass.

    temperature     of a relaxation that draws
    epsilon         how far mixing weights are perturbed at most; 0: they are not (`dartsl.nn.perturbation`)
    auxiliary_skip  the weight of the skip connection beside the candidates of each edge, where there is one
    skip_dropout    the rate of dropout after skip connections
    """

    temperature: float = 1.0
    epsilon: float = 0.0
    auxiliary_skip: float = 1.0
    skip_dropout: float = 0.0

    @property
    def calm(self) -> Scheduled:
        """The same without perturbation, which the weights' step alone has."""
        return replace(self, epsilon=0.0) if self.epsilon else self


STEADY = Scheduled()


@dataclass(frozen=True)
class Pass:
    """One pass; two passes that are equal see the same random draws.

    step, kind  which batch it is over: they key everything random in the network. In a step that is captured an
                `Ahead` (`dartsl.nn.ahead`) stands for the number, which nothing can compute with
    share       the part of the batch that this process computes
    drop_path   the probability with which drop-path drops an image's map, in training mode
    frozen      no running statistic moves (nor `num_batches_tracked`); in training mode the batch's own ones
                normalise all the same
    again       it is computed a second time, for a backward pass: nothing moves that has moved the first time, and
                autograd is handed the same tensors (`dartsl.nn.recompute`)
    scheduled   what depends on the epoch; a step that is captured is captured anew where it has changed
    drawn       by the key of a drop-path: what it keeps, (B, 1, 1, 1), where that was drawn ahead of the pass
    perturbed   by table: mixing weights (rows, columns) in the place of those that the relaxation gives
    """

    step: int = 0
    kind: BatchKind = "train"
    share: Share = WHOLE
    drop_path: float = 0.0
    frozen: bool = False
    again: bool = False
    scheduled: Scheduled = STEADY
    drawn: Mapping[str, Tensor] = field(default_factory=dict, compare=False, repr=False)
    perturbed: Mapping[str, Tensor] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Raises ValueError on a kind of batch that does not exist."""
        if self.kind not in KINDS:
            raise ValueError(f"kind is `train` or `validation`, not {self.kind!r}")


PLAIN = Pass()
