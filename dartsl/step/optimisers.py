"""The optimisers of weights and alphas: torch's own, as DARTS makes them, without a wait for the device.

A step has two halves. `prepare` does what the host does: it counts, and computes the factors of this step. `move` is
made of operations on the device alone, so that it can be captured once and replayed with other factors. Factors are
numbers, or tensors that `prepare` writes over where they are `held`: on a GPU always, so that a replayed step and any
other compute the same. On the CPU both round alike, to the last bit, and numbers are faster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dartsl.nn.ahead import Ahead
from dartsl.step.autograd import shift
from dartsl.step.finite import wide

Factor = float | Tensor


def sgd(
    weights: Sequence[nn.Parameter], lr: float, momentum: float, weight_decay: float, nesterov: bool = False
) -> SGD:
    """SGD with momentum, as DARTS trains weights with; the same numbers as weight after weight, in a few operations."""
    return SGD(weights, lr=lr, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov, foreach=True)


def adam(alphas: Sequence[nn.Parameter], lr: float, betas: tuple[float, float], weight_decay: float) -> Adam:
    """Adam, as DARTS trains alphas with."""
    # In a group, since torch takes no empty list of parameters.
    return Adam([{"params": list(alphas)}], lr=lr, betas=betas, weight_decay=weight_decay)


def rate_of(optimizer: torch.optim.SGD, step: object) -> Factor:
    """The learning rate of a step of the weights. `step` is its number, or `Ahead`: then it is prepared already."""
    if not isinstance(optimizer, SGD) or not optimizer.factors.held:
        return float(optimizer.param_groups[0]["lr"])
    if not isinstance(step, Ahead):
        optimizer.prepare()
    return optimizer.factors["lr"]


def advance(optimizer: torch.optim.Optimizer, step: object) -> None:
    """Take one step; `step` is its number, or `Ahead`: then it is prepared already."""
    if isinstance(step, Ahead) and isinstance(optimizer, SGD | Adam):
        optimizer.move()
    else:
        optimizer.step()


class Factors:
    """Numbers that change from step to step, by name; as tensors, (), that stay where they are, or as they are."""

    def __init__(self, parameters: Sequence[Tensor]) -> None:
        place = next((each.device for each in parameters), torch.device("cpu"))
        self.held = place.type != "cpu"
        self._like = wide(torch.zeros((), device=place))  # ()
        self._values: dict[Any, Factor] = {}

    def put(self, name: Any, number: float) -> None:
        """Set a number."""
        if not self.held:
            self._values[name] = number
            return
        held = self._values.get(name)
        if not isinstance(held, Tensor):
            held = self._values[name] = torch.empty_like(self._like)
        held.fill_(number)

    def __getitem__(self, name: Any) -> Factor:
        return self._values[name]

    def tensors(self) -> list[Tensor]:
        """Those that are held."""
        return [value for value in self._values.values() if isinstance(value, Tensor)]


class SGD(torch.optim.SGD):
    """torch's SGD over one group of parameters, to the last bit on the CPU, in two halves."""

    def __init__(self, parameters: Any, **settings: Any) -> None:
        super().__init__(parameters, **settings)
        self.factors = Factors(self.param_groups[0]["params"])

    def prepare(self) -> None:
        """Take over the learning rate of now."""
        self.factors.put("lr", float(self.param_groups[0]["lr"]))

    def step(self, closure: Any = None) -> Any:
        """Take one step; `closure` is not called."""
        self.prepare()
        self.move()
        return None

    @torch.no_grad()
    def move(self) -> None:
        """The half on the device (the order of operations is torch's)."""
        group = self.param_groups[0]
        fed = [weight for weight in group["params"] if weight.grad is not None]
        changes = [weight.grad for weight in fed]
        if not fed:
            return
        if group["weight_decay"] != 0:
            changes = list(torch._foreach_add(changes, fed, alpha=group["weight_decay"]))
        if group["momentum"] != 0:
            buffers = self._with_momentum(fed, changes, group["momentum"])
            ahead = group["nesterov"]
            changes = (
                list(torch._foreach_add(changes, buffers, alpha=group["momentum"])) if ahead else buffers
            )
        shift(fed, changes, -self.factors["lr"])

    def _with_momentum(self, fed: list[Tensor], changes: list[Tensor], momentum: float) -> list[Tensor]:
        """The momentum buffers of these weights, after the step's gradients have gone into them."""
        buffers = [self.state[weight].get("momentum_buffer") for weight in fed]
        old = [
            (buffer, change) for buffer, change in zip(buffers, changes, strict=True) if buffer is not None
        ]
        if old:
            torch._foreach_mul_([buffer for buffer, _ in old], momentum)
            torch._foreach_add_([buffer for buffer, _ in old], [change for _, change in old])
        for weight, buffer, change in zip(fed, buffers, changes, strict=True):
            if buffer is None:  # of the first step
                self.state[weight]["momentum_buffer"] = change.detach().clone()
        return [self.state[weight]["momentum_buffer"] for weight in fed]


class Adam(torch.optim.Adam):
    """torch's Adam, to the last bit on the CPU, in two halves, for parameters of which each has a gradient in each
    step. The count of steps is a number, where torch keeps a tensor that it reads back in every step (and its fused one
    rounds in other ways)."""

    def __init__(self, parameters: Any, **settings: Any) -> None:
        super().__init__(parameters, **settings)
        self.factors = Factors(self.param_groups[0]["params"])

    def prepare(self) -> None:
        """Count a step, and compute its factors."""
        for group in self.param_groups:
            first, second = group["betas"]
            for parameter in group["params"]:
                state = self._state_of(parameter)
                count = state["step"] = state["step"] + 1
                self.factors.put((id(parameter), "root"), (1 - second**count) ** 0.5)
                self.factors.put((id(parameter), "size"), -group["lr"] / (1 - first**count))

    def step(self, closure: Any = None) -> Any:
        """Take one step; `closure` is not called."""
        self.prepare()
        self.move()
        return None

    @torch.no_grad()
    def move(self) -> None:
        """The half on the device (Kingma and Ba, arXiv 1412.6980, algorithm 1; the order of operations is torch's)."""
        for group in self.param_groups:
            for parameter in group["params"]:
                self._move(parameter, parameter.grad, group)

    def load_state_dict(self, state_dict: Any) -> None:
        """Take over a state; torch makes a tensor of each count."""
        super().load_state_dict(state_dict)
        for state in self.state.values():
            state["step"] = int(state["step"])

    def _state_of(self, parameter: Tensor) -> dict[str, Any]:
        state: dict[str, Any] = self.state[parameter]
        if not state:
            state["step"] = 0
            state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
        return state

    def _move(self, parameter: Tensor, gradient: Tensor, group: Mapping[str, Any]) -> None:
        state, (first, second) = self.state[parameter], group["betas"]
        if group["weight_decay"] != 0:
            gradient = gradient.add(parameter, alpha=group["weight_decay"])
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        mean.lerp_(gradient, 1 - first)
        square.mul_(second).addcmul_(gradient, gradient, value=1 - second)
        root, size = (self.factors[id(parameter), name] for name in ("root", "size"))
        if isinstance(root, Tensor):
            root = root.to(square.dtype)
        spread = (square.sqrt() / root).add_(group["eps"])
        if isinstance(size, Tensor):
            parameter.addcdiv_(mean * size.to(mean.dtype), spread)
        else:
            parameter.addcdiv_(mean, spread, value=size)
