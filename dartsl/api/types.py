"""The types that the functions take and give which need torch or are slow to import: each is imported when it is asked
for, so that `typing.get_type_hints(dartsl.search)` works, and `import dartsl` imports no torch all the same.

    >>> from dartsl.api import types
    >>> def report(found: types.Evaluated) -> None: ...
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `as`: these are handed on
    from rich.console import Console as Console

    from dartsl.data.given import Data as Data
    from dartsl.exchange.importing import Imported as Imported
    from dartsl.exchange.tables import LookedUp as LookedUp
    from dartsl.graph.diff import SpecDiff as SpecDiff
    from dartsl.nn.features import Features as Features
    from dartsl.nn.plugins import Implementations as Implementations
    from dartsl.nn.supernet import Device as Device
    from dartsl.nn.supernet import Supernet as Supernet
    from dartsl.nn.supernet import Type as Type
    from dartsl.run.weights import Weights as Weights
    from dartsl.run.weights import Which as Which
    from dartsl.searching.bench import Row as Row
    from dartsl.searching.bench_gpu import GpuRow as GpuRow
    from dartsl.searching.by_name import ByName as ByName
    from dartsl.searching.by_name import EdgesByName as EdgesByName
    from dartsl.searching.check_gradients import Comparison as Comparison
    from dartsl.searching.connected import Derivation as Derivation
    from dartsl.searching.prices import CostTable as CostTable
    from dartsl.step.own import Loss as Loss
    from dartsl.step.own import Metric as Metric
    from dartsl.sweeping.comparing import RunComparison as RunComparison
    from dartsl.training.evaluate import Evaluated as Evaluated
    from dartsl.training.generate import Continued as Continued
    from dartsl.training.measured import Tested as Tested
    from dartsl.training.predict import Images as Images
    from dartsl.training.predict import Prediction as Prediction
    from dartsl.training.trained import Trained as Trained

_HOMES = {
    "ByName": "dartsl.searching.by_name",
    "EdgesByName": "dartsl.searching.by_name",
    "Comparison": "dartsl.searching.check_gradients",
    "Console": "rich.console",
    "CostTable": "dartsl.searching.prices",
    "Continued": "dartsl.training.generate",
    "Data": "dartsl.data.given",
    "Derivation": "dartsl.searching.connected",
    "Device": "dartsl.nn.supernet",
    "Evaluated": "dartsl.training.evaluate",
    "Features": "dartsl.nn.features",
    "Images": "dartsl.training.predict",
    "Implementations": "dartsl.nn.plugins",
    "Imported": "dartsl.exchange.importing",
    "LookedUp": "dartsl.exchange.tables",
    "Loss": "dartsl.step.own",
    "Metric": "dartsl.step.own",
    "Prediction": "dartsl.training.predict",
    "Row": "dartsl.searching.bench",
    "RunComparison": "dartsl.sweeping.comparing",
    "GpuRow": "dartsl.searching.bench_gpu",
    "SpecDiff": "dartsl.graph.diff",
    "Supernet": "dartsl.nn.supernet",
    "Tested": "dartsl.training.measured",
    "Trained": "dartsl.training.trained",
    "Type": "dartsl.nn.supernet",
    "Weights": "dartsl.run.weights",
    "Which": "dartsl.run.weights",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'dartsl.api.types' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(_HOMES)
