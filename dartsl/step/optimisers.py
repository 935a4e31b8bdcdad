"""The optimisers of weights and alphas: torch's own, as DARTS makes them, without a wait for the device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


def sgd(weights: Sequence[nn.Parameter], lr: float, momentum: float, weight_decay: float) -> torch.optim.SGD:
    """SGD with momentum, as DARTS trains weights with; the same numbers as weight after weight, in a few operations."""
    return torch.optim.SGD(weights, lr=lr, momentum=momentum, weight_decay=weight_decay, foreach=True)


def adam(
    alphas: Sequence[nn.Parameter], lr: float, betas: tuple[float, float], weight_decay: float
) -> torch.optim.Adam:
    """Adam, as DARTS trains alphas with."""
    # In a group, since torch takes no empty list of parameters.
    return Adam([{"params": list(alphas)}], lr=lr, betas=betas, weight_decay=weight_decay)


class Adam(torch.optim.Adam):
    """torch's Adam, to the last bit, but for the count of steps: a number, where torch keeps a tensor that it reads
    back in every step (and its fused one rounds in other ways)."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Take one step (Kingma and Ba, arXiv 1412.6980, algorithm 1; the order of operations is torch's)."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._move(parameter, parameter.grad, group)
        return None

    def load_state_dict(self, state_dict: Any) -> None:
        """Take over a state; torch makes a tensor of each count."""
        super().load_state_dict(state_dict)
        for state in self.state.values():
            state["step"] = int(state["step"])

    def _move(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        count = state["step"] = state["step"] + 1
        first, second = group["betas"]
        if group["weight_decay"] != 0:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(gradient, 1 - first)
        square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        root = (square.sqrt() / (1 - second**count) ** 0.5).add_(group["eps"])
        parameter.addcdiv_(mean, root, value=-group["lr"] / (1 - first**count))
