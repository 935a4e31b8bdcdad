"""One operation an edge: where all mixing weights of a row but one are 0, the others are not computed (GDAS, Dong and
Yang, CVPR 2019, arXiv 1910.04465).

A candidate of such an edge is a method of its layer, which the edge calls where it is the one that was chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from torch import Tensor, fx

from dartsl.nn.lowered import Lowered
from dartsl.nn.tree import function_from


class Choice(NamedTuple):
    """What an edge computes in a pass.

    weights  its row of mixing weights, (columns,)
    place    the column of the candidate that was chosen
    """

    weights: Tensor
    place: int


def one_of(
    choice: Choice,
    candidates: Sequence[Callable[..., Tensor]],
    inputs: Sequence[Any],
    columns: Sequence[int],
    shape: tuple[int, ...],
    beside: int | None = None,
) -> Tensor:
    """The chosen candidate times its mixing weight, and what stands in the column `beside` those of candidates.

    (B, *shape). `columns` has the place of each candidate in the row; one that is not there gives zeros. All of
    them are called with `inputs`, the first of which is what the edge comes from, (B, ...).
    """
    result = None
    for column, candidate in zip(columns, candidates, strict=True):
        if column in (choice.place, beside):
            term = choice.weights[column] * candidate(*inputs)
            result = term if result is None else result + term
    if result is not None:
        return result
    source: Tensor = inputs[0]
    return source.new_zeros(()).expand(source.shape[0], *shape)


def rows(choices: Sequence[Choice]) -> tuple[Tensor, ...]:
    """The mixing weights of each row, (columns,)."""
    return tuple(choice.weights for choice in choices)


class Part:
    """A candidate as a method of its layer; its code is compiled when it is called first."""

    def __init__(self, graph: fx.Graph) -> None:
        self.graph = graph
        self._function: Callable[..., Any] | None = None

    def __get__(self, layer: Lowered, owner: type) -> Callable[..., Any]:
        return partial(self._call, layer)

    def _call(self, layer: Lowered, *inputs: Any) -> Any:
        if self._function is None:
            self._function = function_from(self.graph)
        return self._function(layer, *inputs)


def parts_of(layer: fx.GraphModule) -> dict[str, Part]:
    """The candidates that the code of a layer calls as methods, by name; those of its plain code are not among them."""
    known = layer.parts() if isinstance(layer, Lowered) else {}
    found: dict[str, Part] = {}
    waiting = [layer.graph]
    while waiting:
        names = [str(node.target) for node in waiting.pop(0).nodes if node.op == "get_attr"]
        new = {name: known[name] for name in names if name in known and name not in found}
        found |= new
        waiting += [part.graph for part in new.values()]  # of edges in a cell within a candidate
    return found
