"""What is to be run: a spec's network, where to, and who hears of it. No torch."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from dartsl.lang.check.model import Network, Spec
from dartsl.lang.checker import pick_network
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.nn.plugin_files import Files
from dartsl.run.callbacks import SILENT, Callbacks
from dartsl.run.given import NOTHING, Given
from dartsl.run.init import Init

if TYPE_CHECKING:
    from rich.console import Console


@dataclass(frozen=True)
class Job:
    """One search or training as a user asks for it. Its settings, of a type of their own, come beside it.

    spec        a checked one
    network     its name; None: the only one that the spec's own file has
    parameters  in place of the network's defaults, such as {"C": 36}
    plugins     files that implement `extern op`s
    out         the run's folder, which must not exist or be empty; None: one in `runs/`, named after the spec, with
                -2, -3, ... where that is taken
    command     what `run.json` records as the command
    console     where progress goes; None: standard output
    given       data, a loss, metrics from Python, in place of what the settings say
    callbacks   who hears of each step and epoch, and may stop the run
    asked       the settings that the call itself names, over those of the spec
    init        whose weights the run begins with; None: fresh ones
    notes       what is to be said before the first epoch
    """

    spec: Spec
    network: str | None = None
    parameters: Mapping[str, Fraction | int] = field(default_factory=dict)
    plugins: Files = ()
    out: Path | None = None
    command: str = ""
    console: Console | None = None
    given: Given = NOTHING
    asked: Collection[str] = ()
    callbacks: Callbacks = SILENT
    init: Init | None = None
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> Source:
        """The text of the spec's own file."""
        return self.spec.root.source

    def picked(self) -> Network:
        """The network that is meant. Raises UserError, SpecError."""
        return pick_network(self.spec, self.network)

    def plan(self, partial: int = 1) -> Plan:
        """The network's plan, for a search perhaps with partial channels. Raises UserError, SpecError."""
        return plan(self.spec, self.picked(), self.parameters, partial)
