"""A declarative graph language and compiler for differentiable architecture search (DARTS).

Its functions are those of `dartsl.api`, which the command line calls too; each has a docstring (`help(dartsl.search)`).
They are loaded when one is first used, so that importing dartsl is quick and imports no torch:

    >>> import dartsl
    >>> spec = dartsl.check("darts_cnn")
    >>> dartsl.info("zoo/darts_v2").parameters
    3349342

A mistake in a spec raises SpecError, which carries every diagnostic; any other mistake of a user raises UserError. Both
are dartsl.Error.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dartsl.api import (
        Run,
        bench,
        check,
        check_gradients,
        compare,
        compile,
        derive,
        diff,
        draw,
        emit,
        evaluate,
        export,
        features,
        fix,
        fmt,
        generate,
        import_genotype,
        info,
        latency,
        lookup,
        methods,
        parse,
        plot,
        predict,
        report,
        resume,
        resume_sweep,
        sample,
        search,
        shipped_specs,
        sweep,
        train,
        train_seeds,
        trained,
    )
    from dartsl.lang.codes.diagnostics import Error, SpecError, UserError
    from dartsl.lang.codes.source import Source
    from dartsl.run.callbacks import Epoch, Step

    __version__: str

__all__ = [
    "Epoch",
    "Error",
    "Run",
    "Source",
    "SpecError",
    "Step",
    "UserError",
    "__version__",
    "bench",
    "check",
    "check_gradients",
    "compare",
    "compile",
    "derive",
    "diff",
    "draw",
    "emit",
    "evaluate",
    "export",
    "features",
    "fix",
    "fmt",
    "generate",
    "import_genotype",
    "info",
    "latency",
    "lookup",
    "methods",
    "parse",
    "plot",
    "predict",
    "report",
    "resume",
    "resume_sweep",
    "sample",
    "search",
    "shipped_specs",
    "sweep",
    "train",
    "train_seeds",
    "trained",
]

_HOMES = {
    "Source": "dartsl.lang.codes.source",
    "Epoch": "dartsl.run.callbacks",
    "Error": "dartsl.lang.codes.diagnostics",
    "Step": "dartsl.run.callbacks",
    "SpecError": "dartsl.lang.codes.diagnostics",
    "UserError": "dartsl.lang.codes.diagnostics",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import PackageNotFoundError, version

        try:
            return version("dartsl")
        except PackageNotFoundError:  # a source folder that was never installed
            return "unknown"
    if name in __all__:
        return getattr(import_module(_HOMES.get(name, "dartsl.api")), name)
    raise AttributeError(f"module 'dartsl' has no attribute '{name}'")


def load_ipython_extension(shell: Any) -> None:
    """`%load_ext dartsl`: a notebook's cells may then be specs, by `%%darts NAME`."""
    from dartsl.notebook.magic import load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """`%unload_ext dartsl`: without it again."""
    from dartsl.notebook.magic import unload

    unload(shell)


def __dir__() -> list[str]:
    return sorted(__all__)
