"""What layers of a network give, beside what the network gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.supernet import Supernet


class Features(nn.Module):
    """A network as a feature extractor: its inputs to the outputs of some of its layers, by name.

    An image layer gives (B, C, H, W), the head (B, classes); one of text a sequence (T, B, H).
    """

    def __init__(self, model: Supernet, layers: Sequence[str]) -> None:
        """Raises UserError for a layer that the network does not have, or does not compute."""
        super().__init__()
        self.model = model
        self.layers = tuple(layers)
        known = [name for name, layer in model.network.named_children() if type(layer) is not nn.Module]
        for name in self.layers:
            if name not in known:
                raise UserError(f"the network has no layer `{name}`", help="one of " + ", ".join(known))

    def forward(self, *inputs: Any) -> dict[str, Tensor]:
        """The inputs of the network -> by layer, what it gives."""
        found: dict[str, list[Any]] = {name: [] for name in self.layers}
        handles = []
        try:
            for name, values in found.items():
                layer = self.model.network.get_submodule(name)
                handles.append(
                    layer.register_forward_hook(lambda _, __, given, values=values: values.append(given))
                )
            self.model(*inputs)
        finally:
            for handle in handles:
                handle.remove()
        return {name: _whole(values) for name, values in found.items()}


def _whole(values: Sequence[Any]) -> Tensor:
    """What a layer gave; that of a loop, which is called once a step, as a sequence."""
    given = [value[-1] if isinstance(value, tuple) else value for value in values]
    return torch.stack(given) if len(given) > 1 else given[0]
