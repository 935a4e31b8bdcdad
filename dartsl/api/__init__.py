"""All that dartsl does, as functions: what the command line calls, and what `import dartsl` gives.

Importing this imports no torch; a function imports it when it needs it. README.md says which module has what.
"""

from __future__ import annotations

from dartsl.api.comparing import compare
from dartsl.api.compiling import bench, compile, emit, latency
from dartsl.api.describing import info
from dartsl.api.drawing import draw, plot
from dartsl.api.exchanging import export, import_genotype
from dartsl.api.extracting import features
from dartsl.api.presets import methods
from dartsl.api.reporting import report
from dartsl.api.runs import Run
from dartsl.api.sampling import sample
from dartsl.api.searching import check_gradients, derive, resume, search
from dartsl.api.specs import check, diff, fix, fmt, parse, shipped_specs
from dartsl.api.sweeping import resume_sweep, sweep
from dartsl.api.tables import lookup
from dartsl.api.training import evaluate, generate, predict, train, train_seeds, trained

__all__ = [
    "Run",
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
