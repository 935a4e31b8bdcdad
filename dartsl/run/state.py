"""What the state in a checkpoint must be, so that nothing is taken over that does not fit: see `dartsl.run.schema`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from dartsl.run.schema import Check, MisfitError, anything, many, maybe, number, record, table, whole

TALLY = record(
    {"loss": number(), "correct": whole(), "count": whole()}, {"errors": many(many(number()), 4)}, closed=True
)
# What an optimiser is made with. The learning rate is set anew in each epoch; other versions of torch have more.
MADE_WITH = ("momentum", "dampening", "nesterov", "weight_decay", "betas", "eps", "amsgrad", "maximize")


def tensor(shape: Iterable[int], dtype: torch.dtype) -> Check:
    """A tensor of a shape and a type."""
    wanted = tuple(shape)

    def check(value: Any, place: str) -> None:
        if not isinstance(value, Tensor) or tuple(value.shape) != wanted or value.dtype != dtype:
            raise MisfitError(place)

    return check


def any_tensor(value: Any, place: str) -> None:
    """A tensor of whatever shape and type."""
    if not isinstance(value, Tensor):
        raise MisfitError(place)


def like(own: Tensor) -> Check:
    """A tensor of another one's shape and type."""
    return tensor(own.shape, own.dtype)


def tensors(own: Mapping[str, Tensor]) -> Check:
    """A tensor for each name, of the shape and type of that name's."""
    return record({name: like(value) for name, value in own.items()}, closed=True)


def generator() -> Check:
    """The state of one of torch's generators on the CPU."""
    return like(torch.default_generator.get_state())


def random_bytes(value: Any, place: str) -> None:
    """The state of a generator on any device: each kind has a size of its own."""
    if not isinstance(value, Tensor) or value.dtype != torch.uint8 or value.dim() != 1:
        raise MisfitError(place)


def batches(steps: int | None = None) -> Check:
    """Where an epoch's batches come from: the generator, and how many of at most `steps` were given."""
    return record({"generator": generator(), "step": whole(high=steps)}, closed=True)


def carries(own: Iterable[Tensor]) -> Check:
    """The states of scans, if there are any yet: those of `own` say shapes and types."""
    checks = [like(carry) for carry in own]

    def check(value: Any, place: str) -> None:
        many(anything, len(checks))(value, place)
        for number_, (each, item) in enumerate(zip(checks, value, strict=True)):
            each(item, f"{place}[{number_}]")

    return maybe(check)


def optimizer(own: torch.optim.Optimizer, *moments: str) -> Check:
    """The state of an optimiser that was made as `own` is; `moments` are the tensors that it keeps for a parameter."""
    weights = [weight for group in own.param_groups for weight in group["params"]]
    entries = table(anything, whole(0, len(weights) - 1))
    groups = many(anything, len(own.param_groups))

    def check(value: Any, place: str) -> None:
        record({"state": entries, "param_groups": groups}, closed=True)(value, place)
        for name, entry in value["state"].items():
            kept: dict[str, Check] = {moment: maybe(like(weights[name])) for moment in moments}
            record({}, {**kept, "step": _step}, closed=True)(entry, f"{place}.state[{name}]")
        for ours, theirs in zip(own.state_dict()["param_groups"], value["param_groups"], strict=True):
            _require_same_group(ours, theirs, f"{place}.param_groups")

    return check


def _require_same_group(ours: Mapping[str, Any], theirs: Any, place: str) -> None:
    record({"params": anything, "lr": number(0)})(theirs, place)
    for name in ("params", *MADE_WITH):
        if name in ours and name in theirs and ours[name] != theirs[name]:
            raise MisfitError(f"{place}.{name}")


def _step(value: Any, place: str) -> None:
    """Adam counts in a tensor."""
    count = value.item() if isinstance(value, Tensor) and value.numel() == 1 else value
    number(0)(count, place)
