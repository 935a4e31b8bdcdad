"""A network as a feature extractor."""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.api import types
from dartsl.api.arguments import require
from dartsl.lang.codes.diagnostics import UserError


def features(model: types.Supernet, layers: str | Sequence[str]) -> types.Features:
    """A torch module from the inputs of a network to the outputs of some of its layers, by name.

    layers  of the network, one or several, such as ["layer3", "head"]; one of images gives (B, C, H, W), one of text
            (T, B, H)

    The module computes on the network's own parameters, in the mode that the network is in. Raises UserError for a
    layer that the network does not have.
    """
    from dartsl.nn.features import Features
    from dartsl.nn.supernet import Supernet

    if not isinstance(model, Supernet):
        what = "give what dartsl.compile or run.model() gives"
        raise UserError(
            f"a value of the type {type(model).__name__} is no network of dartsl", what, exit_code=2
        )
    require(layers=layers)
    return Features(model, [layers] if isinstance(layers, str) else layers)
