"""Where a search stands: what its alphas say of candidates, as the history and the progress have it."""

from __future__ import annotations

from dartsl.graph.budget import budget
from dartsl.lang.settings.methods import COST
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.supernet import Supernet
from dartsl.searching.prices import pricing
from dartsl.searching.readouts import Reading, entropies, readings
from dartsl.searching.rules import Rule
from dartsl.searching.skips import skip_counts


class Standing:
    """What is read from the mixing weights of a supernet, as they are now."""

    def __init__(self, model: Supernet, config: SearchConfig) -> None:
        self._model = model
        self._config = config
        self._budget = (
            budget(model.plan, pricing(config.cost)(model.plan)) if COST in config.penalty else None
        )

    def readings(self) -> dict[str, Reading]:
        """What each table says, as a run's readers have it."""
        config, model = self._config, self._model
        return readings(config.relaxation, model.tables, model.architecture(), config.edge_weights)

    def entropy(self) -> dict[str, float]:
        """The mean entropy of each table's rows of mixing weights, in nats."""
        rows = {table: entropies(reading.weights) for table, reading in self.readings().items()}
        return {table: sum(values) / len(values) for table, values in rows.items()}

    def cost(self) -> dict[str, float]:
        """The expected cost of what would be found, where there is a budget."""
        if self._budget is None:
            return {}
        weights = {table: reading.weights for table, reading in self.readings().items()}
        return {"cost": self._budget.expected(weights)}

    def skips(self) -> dict[str, dict[str, int]]:
        """How many skip connections each cell would have, where the curvature is computed too."""
        if self._config.curvature == 0:
            return {}
        floor = Rule.of(vars(self._config)).floor
        return {"skips": skip_counts(self._model.plan, self.readings(), floor)}
