"""The layers of a network that offered a choice, as a found file writes them: a stage each, with what won."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from dartsl.lang.check.constants import names
from dartsl.lang.check.model import REACHING, Network, Spec
from dartsl.lang.check.within import cells_in
from dartsl.lang.plan.layer_choices import layer_items, strided_layer
from dartsl.lang.syntax.ast import Call, Expr, Name, NetworkDecl, NetworkItem, OpDecl, StageItem
from dartsl.searching.discretise import DerivedCell, KeptEdge

OF_THE_PLACE = {"C", REACHING, "stride"}  # names that mean in an operation's body what they do nowhere else


class DecidedLayers:
    """The stages of a found network.

    A winner stands in place where it is a name or a call that means the same there; another is an operation of its
    own, in `operations`, or a cell, in `cells`, since a chain in a stage would be several layers.
    """

    def __init__(self, spec: Spec, network: Network, cells: Sequence[DerivedCell]) -> None:
        self._won: Mapping[str, KeptEdge] = {each.cell.name: each.edges[0] for each in cells}
        self._network = network
        parameters = (parameter.name.id for parameter in network.parameters)
        self._taken = {
            *spec.operations,
            *spec.choices,
            *(spec.cells.keys() - self._won.keys()),
            *parameters,
        }
        self._spec = spec
        self._layers = {name: self._layer(name, kept) for name, kept in self._won.items()}
        self._cells = {each.cell.name: each for each in cells}
        self._weights: list[KeptEdge | None] = []  # of each stage that is written, the layer that it is

    @property
    def operations(self) -> tuple[OpDecl, ...]:
        """The winners that do not stand in place, and hold no cell."""
        return tuple(
            OpDecl(written, (), self._won[name].candidate.expr, span=written.span)
            for name, written in self._elsewhere()
            if not self._holds(name)
        )

    @property
    def cells(self) -> tuple[DerivedCell, ...]:
        """Those that hold a cell, which no operation can: cells of one edge."""
        return tuple(
            replace(self._cells[name], cell=replace(self._cells[name].cell, name=written.id))
            for name, written in self._elsewhere()
            if self._holds(name)
        )

    def _elsewhere(self) -> Iterator[tuple[str, Name]]:
        for name, written in self._layers.items():
            if isinstance(written, Name) and written is not self._won[name].candidate.expr:
                yield name, written

    def _holds(self, name: str) -> bool:
        """Whether what won a layer holds a cell."""
        return bool(cells_in(self._won[name].candidate.expr, self._spec.cells))

    def items(self, declared: NetworkDecl) -> NetworkDecl:
        """The network, each of its layers that offered a choice in a stage of its own."""
        stages = iter(self._network.stages)
        items: list[NetworkItem] = []
        for item in declared.items:
            items += self._stage(item, next(stages).layers) if isinstance(item, StageItem) else [item]
        return replace(declared, items=tuple(items))

    def commented(self, network: str, weighed: bool) -> Iterator[str]:
        """The lines of the network of `items`, printed, with the weight of each layer that was chosen."""
        weights, weight, held = iter(self._weights), "", ""
        for line in network.splitlines():
            statement = line.startswith("}") or (line.startswith("  ") and not line.startswith("   "))
            yield held + weight if statement else held
            weight = "" if statement else weight
            if line.startswith("  stage ") and (kept := next(weights, None)) is not None and weighed:
                weight = f"  # {kept.weight_text}"
            held = line
        yield held

    def _stage(self, item: StageItem, layers: Expr) -> Iterator[StageItem]:
        """A stage as it was written, where none of its layers offered a choice; else a stage a layer."""
        steps = list(layer_items(layers))
        if not any(isinstance(step, Name) and step.id in self._won for step, _ in steps):
            self._weights.append(None)
            yield item
            return
        for step, stride in steps:
            kept = self._won.get(step.id) if isinstance(step, Name) else None
            self._weights.append(kept)
            layer = step if kept is None or not isinstance(step, Name) else self._layers[step.id]
            yield replace(item, layers=strided_layer(layer, stride))

    def _layer(self, name: str, kept: KeptEdge) -> Expr:
        """What stands in the stage for a layer."""
        expr = kept.candidate.expr
        here = isinstance(expr, Name) or (isinstance(expr, Call) and not self._holds(name))
        if here and not OF_THE_PLACE & {each.id for each in names(expr)}:
            return expr
        name = f"{name}_cell" if self._holds(name) else name  # no cell can have the name of a layer
        while name in self._taken:
            name += "_"
        return Name(name, span=expr.span)
