"""Going back to an earlier epoch with more weight decay, in place of a stop: RobustDARTS's adaptive regularisation.

Source: Zela et al. (arXiv 1909.09656), section 5.2, and the authors' code. Weights, alphas and what both optimisers
keep are those after that epoch; the order of the data and what is drawn go on, so that what comes is no repetition.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map

from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.supernet import Supernet
from dartsl.run.schema import Check, number, record, table
from dartsl.run.state import optimizer, tensors
from dartsl.searching.stops import Sharp, Stop

NEARLY = 1 + 1e-9  # a decay that was multiplied up to the most one may be off it by roundings


class Rollback:
    """The states that a search may go back to, and how often it has.

    They are those after the epochs that the stop rule may return, now and after each rollback that is left. Epochs
    count from 1.
    """

    def __init__(
        self, model: Supernet, weights: torch.optim.SGD, alphas: torch.optim.Adam, config: SearchConfig
    ) -> None:
        self._model = model
        self._optimizers: Mapping[str, torch.optim.Optimizer] = {
            "weights_optimizer": weights,
            "alphas_optimizer": alphas,
        }
        self._config = config
        self._rule = Sharp.of(config)
        self._kept: dict[int, dict[str, Any]] = {}

    @property
    def on(self) -> bool:
        """Whether this search goes back in the place of stopping."""
        return self._config.rollback

    @property
    def decay(self) -> float:
        """The weight decay of now."""
        return float(self._optimizers["weights_optimizer"].param_groups[0]["weight_decay"])

    @property
    def left(self) -> int:
        """How many times it may still go back."""
        if not self.on:
            return 0
        times, decay = 0, self.decay * self._config.rollback_factor
        while 0 < decay <= self._config.rollback_most * NEARLY:
            times, decay = times + 1, decay * self._config.rollback_factor
        return times

    def keep(self, epoch: int) -> None:
        """Keep the state after an epoch where it may be needed, and let go of those that no longer are."""
        if self.left and self._rule.may_return(epoch):
            self._kept[epoch] = self._state()
        oldest = epoch - self.left * self._rule.back
        self._kept = {each: state for each, state in self._kept.items() if self.left and each >= oldest}

    def after(self, epoch: int, stop: Stop | None) -> tuple[int, Sequence[str]]:
        """Called after an epoch, in which the rule would stop or not: the epoch that the search goes on from, and lines
        that say so where it is another."""
        self.keep(epoch)
        if stop is None or stop.epoch is None or not self.left:
            return epoch, ()
        return stop.epoch, (f"{self.go(stop.epoch)}: {stop.reason}",)

    def go(self, epoch: int) -> str:
        """Go back to the state after an epoch, with more weight decay; a line that says so."""
        state = deepcopy(self._kept[epoch])  # an optimiser takes tensors over as they are
        self._model.load_state_dict(state["model"])
        decay = self.decay * self._config.rollback_factor
        for name, each in self._optimizers.items():
            each.load_state_dict(state[name])
        self._set(decay)
        self._kept = {each: kept for each, kept in self._kept.items() if self.left and each <= epoch}
        return f"back to epoch {epoch}, with weight decay {decay:g}"

    def figures(self) -> dict[str, float]:
        """What the history has of it: the weight decay of now."""
        return {"weight_decay": self.decay} if self.on else {}

    def state_dict(self) -> dict[str, Any]:
        """The weight decay of now, and the states that are kept."""
        if not self.on:
            return {}
        return {**self.figures(), "kept_epochs": {str(epoch): state for epoch, state in self._kept.items()}}

    def schema(self) -> dict[str, Check]:
        """What each part of `state_dict` must be."""
        kept = record({"model": tensors(self._model.state_dict()), **self.optimizers_schema()}, closed=True)
        return {"weight_decay": number(0), "kept_epochs": table(kept)} if self.on else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the parts of a state that `state_dict` gave. Raises KeyError, ValueError."""
        if self.on:
            self._kept = {int(epoch): kept for epoch, kept in state["kept_epochs"].items()}
            self._set(float(state["weight_decay"]))

    def optimizers_state(self) -> dict[str, Any]:
        """What both optimisers keep. The weight decay in it is that of the settings."""
        found = {name: each.state_dict() for name, each in self._optimizers.items()}
        for group in found["weights_optimizer"]["param_groups"]:
            group["weight_decay"] = self._config.weight_decay  # of a copy: torch makes one
        return found

    def optimizers_schema(self) -> dict[str, Check]:
        """What that must be, by a session that begins."""
        weights, alphas = self._optimizers.values()
        return {
            "weights_optimizer": optimizer(weights, "momentum_buffer"),
            "alphas_optimizer": optimizer(alphas, "exp_avg", "exp_avg_sq"),
        }

    def _set(self, decay: float) -> None:
        self._optimizers["weights_optimizer"].param_groups[0]["weight_decay"] = decay

    def _state(self) -> dict[str, Any]:
        state = {"model": dict(self._model.state_dict()), **self.optimizers_state()}
        copied: dict[str, Any] = tree_map(_on_cpu, state)
        return copied


def _on_cpu(value: Any) -> Any:
    return value.detach().to("cpu", copy=True) if isinstance(value, Tensor) else value
