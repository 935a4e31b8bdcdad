"""Every fault that plans show: of widths, strides and sizes, of all networks and cells of a spec."""

from __future__ import annotations

from dartsl.lang.check.model import Spec
from dartsl.lang.check.together import search_of
from dartsl.lang.codes.diagnostics import Diagnostic, arranged
from dartsl.lang.plan.flow import constant
from dartsl.lang.plan.loose import loose_cells
from dartsl.lang.plan.network_plan import planned
from dartsl.lang.plan.skips import skip_faults


def faults(spec: Spec) -> list[Diagnostic]:
    """Every fault of widths, strides and sizes: each network at its defaults, each cell that stands in none
    with its width a symbol, at stride 1. One report a (code, primary span), in order of the files. And a warning
    for each network whose output does not depend on its input."""
    found: list[Diagnostic] = []
    for network in spec.networks.values():
        config = search_of(spec, network.takes)
        for parts in dict.fromkeys(config.stages.partials(config.partial)):
            result, own = planned(spec, network, {}, parts)
            found.extend(own)
        warning = None if result is None else constant(result)
        found += [] if warning is None else [warning]
        if result is not None and config.auxiliary_skip:
            found += skip_faults(result)
    placed = {name for network in spec.networks.values() for name in network.cells}
    found += loose_cells(spec, [cell for name, cell in spec.cells.items() if name not in placed])
    return arranged(found, [file.source for file in spec.files])
