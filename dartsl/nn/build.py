"""What a network is built with, besides a spec, one of its networks and that network's parameters. No torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dartsl.graph.target import DEFAULT_LEVEL, Target, target_of
from dartsl.lang.settings.methods import LATER, NORMAL, SOFTMAX
from dartsl.lang.settings.values import SearchConfig, TrainConfig

if TYPE_CHECKING:
    from dartsl.graph.passes import Pass
    from dartsl.nn.supernet import Device, Type


OF_KERNELS = ("fuse", "pools", "terms")  # the passes whose applications own kernels compute


@dataclass(frozen=True)
class Build:
    """How a network is built: its speed, its memory and its first numbers, and what a search or a training adds.

    level       of optimisation, 0 to 2
    target      what the passes choose for; None: the kind of `device`
    passes      in place of those of the level
    seed        of weights, alphas and all that passes draw
    device      where parameters lie; `meta` gives a network of shapes without numbers
    dtype       of parameters, activations and logits
    memory      "low": layers are computed again in the backward pass; or "normal"
    amp         convolutions and linear layers compute in bfloat16; weights, alphas and logits keep their type
    kernels     "auto": own kernels where they are faster (`dartsl.nn.kernels`); "off": without the pass for them
    relaxation  by name, what gives the mixing weights where there are choices (`dartsl.nn.relaxations`)
    alphas_start  where alphas begin, `normal` or `zero`
    edge_weights  with a learnt weight for each edge, beside the alphas (`dartsl.nn.edges`)
    projected   with a tensor for what is decided of each edge (`dartsl.nn.projection`), for a search
    auxiliary_skip  with a skip connection beside the candidates of each edge, for a search
    skip_dropout  with dropout after skip connections, for a search
    drop_path   with drop-path on the edges, for training
    auxiliary   with the auxiliary head, for training
    """

    level: int = DEFAULT_LEVEL
    target: Target | None = None
    passes: tuple[Pass, ...] | None = None
    seed: int = 0
    device: Device = "cpu"
    dtype: Type = "float32"
    memory: str = "normal"
    amp: bool = False
    kernels: str = "auto"
    relaxation: str = SOFTMAX
    alphas_start: str = NORMAL
    edge_weights: bool = False
    projected: bool = False
    auxiliary_skip: bool = False
    skip_dropout: bool = False
    drop_path: bool = False
    auxiliary: bool = False

    @classmethod
    def of(cls, config: SearchConfig | TrainConfig) -> Build:
        """What the settings of a search or of a training ask for."""
        common = cls(
            level=config.optimise,
            seed=config.seed,
            device=config.device,
            dtype=config.dtype,
            memory=config.memory,
            kernels=config.kernels,
        )
        if isinstance(config, SearchConfig):
            return replace(
                common,
                amp=config.amp,
                relaxation=config.relaxation,
                alphas_start=config.alphas_start,
                edge_weights=config.edge_weights,
                projected=config.derive in LATER,
                auxiliary_skip=config.auxiliary_skip,
                skip_dropout=config.skip_dropout > 0,
            )
        # A training computes in a shorter type by itself: its evaluation does too, and float16 scales the loss.
        return replace(common, drop_path=config.drop_path > 0, auxiliary=config.auxiliary > 0)

    @property
    def chosen_target(self) -> Target:
        """The target that is given, or that of the device."""
        return self.target or target_of(str(self.device))

    @property
    def chosen_passes(self) -> tuple[Pass, ...]:
        """The passes that are given, or those of the level. Raises ValueError for a level that does not exist."""
        from dartsl.graph.passes import passes_of  # and networkx: a command that only checks needs none

        if self.passes is not None:
            return self.passes
        found = passes_of(self.level, self.chosen_target)
        return (
            found if self.kernels != "off" else tuple(each for each in found if each.name not in OF_KERNELS)
        )


DEFAULT = Build()
