"""The plugins of the run in whose folder a spec lies. No torch."""

from __future__ import annotations

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.nn.plugin_files import Files, Named
from dartsl.run.kinds import FOUND
from dartsl.run.layout import RUN, SPEC


def plugins_beside(source: Source) -> Files:
    """Those of the run whose found.darts or spec.darts this is, asked for once an operation needs one; else none.

    They are found as a run's own are: where the user has named them for that folder. What asks may raise UserError.
    """
    path = source.path
    if path is None or path.name not in (FOUND, SPEC) or not (path.parent / RUN).exists():
        return ()

    def asked() -> Named:
        from dartsl.run.folder import RunFolder  # and what reads and locks folders: few specs lie in one

        return RunFolder.open(path.parent).plugins()

    return asked


def allowed(files: Files) -> Files:
    """The same files, or none where they would have to be named again: for what can do without."""

    def asked() -> Named:
        try:
            return files() if callable(files) else files
        except UserError:
            return ()

    return asked
