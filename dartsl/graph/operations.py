"""The operation graph: one networkx DiGraph of primitive applications for a whole network.

Node ids are strings; `graph.nodes[id]["op"]` is an `Application`. Edges follow `Application.inputs` (a DiGraph
has no parallel edges and no order, so the tuple is what counts; the verifier holds both together).
`graph.graph["info"]` is a `GraphInfo`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import networkx as nx

from dartsl.graph.tables import AlphaTable
from dartsl.lang.records.record import Argument, ModuleSpec

# What an attribute holds: a value, or tuples of values (a stride, the columns of a mix, the entries of a combine).
Value = Argument | tuple["Value", ...]


@dataclass(frozen=True)
class Application:
    """One application of a primitive or of a merge.

    kind        a primitive's name (language: std/prelude), a merge (`sum concat mean product lerp`), `input`
                (the image, or the tokens), `mix` (the sum of its inputs, weighted by a row of a table of mixing
                weights), or one of the kinds of dartsl/graph/kinds.py
    attributes  evaluated arguments, and `stride` for what can stride; for `mix`: `table`, `row`, and `columns`
                where it leaves candidates out (each input's place in the row)
    inputs      ids, in order; for `mix` in order of the columns of the row
    shape       of the output, without the batch axis: (C, H, W), (C,), or (C, T) of a sequence, whose tensor
                is (T, B, C)
    layer       the layer it belongs to (`stem0`, `layer3`, `head`)
    state       paths of the modules whose parameters and buffers it uses (keys of `GraphInfo.modules`), all of its
                own layer. A batch norm without affine with several paths stands for that many equal ones. A tied
                `linear` has two: its own, with the bias, and that of the embedding whose matrix it takes.
    random      the key of its random draws, for `noise` and other random primitives
    batch       how many times the images of the batch the output has (more than 1 after space_to_batch); a
                vector of several batches is a tensor (batch, B, C)
    """

    kind: str
    attributes: tuple[tuple[str, Value], ...]
    inputs: tuple[str, ...]
    shape: tuple[int, ...]
    layer: str
    state: tuple[str, ...] = ()
    random: str | None = None
    batch: int = 1

    def attribute(self, name: str) -> Value:
        return dict(self.attributes)[name]


@dataclass(frozen=True)
class GraphInfo:
    """What belongs to the whole graph. Passes leave it alone, `output` apart, which may be computed elsewhere: layers,
    modules and alphas, and with them the state_dict, are the same at every level."""

    network: str
    input: str
    output: str
    layers: tuple[tuple[str, str | None], ...]  # (layer, the cell it is an instance of)
    modules: Mapping[str, ModuleSpec] = field(default_factory=dict)
    alphas: tuple[AlphaTable, ...] = ()
    carries: tuple[str, ...] = ()  # each `carry`, in order of layers and of the carries of each


def application(graph: nx.DiGraph, node: str) -> Application:
    """The application of a node id."""
    found: Application = graph.nodes[node]["op"]
    return found


def info(graph: nx.DiGraph) -> GraphInfo:
    """The graph's own record."""
    found: GraphInfo = graph.graph["info"]
    return found
