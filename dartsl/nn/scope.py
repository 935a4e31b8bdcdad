"""Where the lowering writes: the code of a layer, or that of the network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import fx

from dartsl.nn.layers import Layer, short
from dartsl.nn.lowered import Lowered
from dartsl.nn.packs import Packed


@dataclass(frozen=True)
class Scope:
    """Where applications are written down: in a layer's code, or in that of the network.

    layer    the layer whose code it is; None: the network
    weights  the mixing weights of each table, a tensor, or (`each`) taken apart already
    matrices of embeddings in other layers, by their paths
    pass_    the pass; None: nothing here depends on it
    packs    what applications read of what was put together for several, by keyword
    """

    code: fx.Graph
    root: Lowered
    layer: str | None
    weights: Mapping[str, fx.Node]
    each: bool = False
    matrices: Mapping[str, fx.Node] = field(default_factory=dict)
    pass_: fx.Node | None = None
    packs: Packed = field(default_factory=dict)

    def target(self, path: str) -> str:
        """The path of a module as it is seen from here."""
        return path if self.layer is None else short(path, self.layer)

    def name(self, node: str) -> str:
        return self.target(node).replace(".", "_")

    def passes(self, layer: Layer) -> tuple[fx.Node, ...]:
        """The pass, where a layer takes it."""
        return (self.pass_,) if layer.passed and self.pass_ is not None else ()
