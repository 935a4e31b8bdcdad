"""`%%darts NAME`: a notebook's cell that is a spec."""

from __future__ import annotations

from functools import partial
from importlib import import_module
from keyword import iskeyword
from pathlib import Path
from typing import Any

from dartsl.lang.codes.diagnostics import SpecError
from dartsl.lang.codes.source import Source


class CellError(SpecError):
    """A cell whose spec has errors. IPython shows the diagnostics alone, in colours: a traceback would say nothing."""

    def _render_traceback_(self) -> list[str]:
        return self.render(color=True).splitlines()


def load(shell: Any) -> None:
    """`%load_ext dartsl`: give an IPython shell its magic."""
    import_module("dartsl.api.drawing")  # which gives specs their pictures
    shell.register_magic_function(partial(darts, shell), "cell", "darts")


def unload(shell: Any) -> None:
    """`%unload_ext dartsl`: take the magic away."""
    shell.magics_manager.magics["cell"].pop("darts", None)


def darts(shell: Any, line: str, cell: str) -> None:
    """Check the spec that the cell holds, draw it, and bind it to NAME: a Spec, for dartsl.info, search, train, ...

    Its imports are found from the working directory. A spec with errors is shown with them and binds nothing: what
    NAME stood for is gone. Raises CellError then, so that no later cell runs on another spec, and UsageError for what
    is no name.
    """
    from IPython.core.error import UsageError
    from IPython.display import display

    from dartsl.lang import checker
    from dartsl.lang.codes.render import report

    name = line.strip()
    if not name.isidentifier() or iskeyword(name):
        raise UsageError("%%darts takes the name to which the spec is bound: %%darts mine")
    shell.user_ns.pop(name, None)
    found = checker.diagnose(Source(name, cell, Path.cwd() / f"{name}.darts"))
    if found.spec is None:
        raise CellError(found.diagnostics)
    print(report(name, found.diagnostics, found.size, color=True))
    shell.push({name: found.spec})
    display(found.spec)
