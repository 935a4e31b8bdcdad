"""A declarative graph language and compiler for differentiable architecture search (DARTS).

The functions below are documented in `dartsl.api.specs`; each is loaded when it is first used, so that importing
dartsl is quick and imports no torch:

    >>> import dartsl
    >>> spec = dartsl.check("darts_cnn")
    >>> dartsl.info("zoo/darts_v2").parameters
    3349342
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dartsl.api.exchanging import export, import_genotype
    from dartsl.api.plotting import plot
    from dartsl.api.specs import check, compile, derive, draw, info, parse, resume, search
    from dartsl.api.trainings import evaluate, generate, predict, train
    from dartsl.lang.diagnostics import SpecError, UserError
    from dartsl.lang.source import Source

    __version__: str

__all__ = [
    "Source",
    "SpecError",
    "UserError",
    "__version__",
    "check",
    "compile",
    "derive",
    "draw",
    "evaluate",
    "export",
    "generate",
    "import_genotype",
    "info",
    "parse",
    "plot",
    "predict",
    "resume",
    "search",
    "train",
]

_HOMES = {
    "Source": "dartsl.lang.source",
    "SpecError": "dartsl.lang.diagnostics",
    "UserError": "dartsl.lang.diagnostics",
    "evaluate": "dartsl.api.trainings",
    "export": "dartsl.api.exchanging",
    "import_genotype": "dartsl.api.exchanging",
    "generate": "dartsl.api.trainings",
    "plot": "dartsl.api.plotting",
    "predict": "dartsl.api.trainings",
    "train": "dartsl.api.trainings",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("dartsl")
        except PackageNotFoundError:  # a source folder that was never installed
            return "unknown"
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "dartsl.api.specs")), name)
    raise AttributeError(f"module 'dartsl' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
