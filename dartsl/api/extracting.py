"""A network as a feature extractor."""

from __future__ import annotations

from collections.abc import Sequence

from dartsl.api import types


def features(model: types.Supernet, layers: Sequence[str]) -> types.Features:
    """A torch module from the inputs of a network to the outputs of some of its layers, by name.

    layers  of the network, such as ["layer3", "head"]; an image layer gives (B, C, H, W), one of text (T, B, H)

    The module computes on the network's own parameters, in the mode that the network is in. Raises UserError for a
    layer that the network does not have.
    """
    from dartsl.nn.features import Features

    return Features(model, layers)
