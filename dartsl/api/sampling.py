"""Random architectures of a search space."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path

import dartsl
from dartsl.api.arguments import require
from dartsl.api.jobs import job_of, of_run, require_loss
from dartsl.api.specs import Parameters, SpecLike, check, names_a_run


def sample(
    spec: SpecLike,
    network: str | None = None,
    parameters: Parameters | None = None,
    *,
    seed: int = 0,
    count: int = 1,
    unique: bool = False,
    command: str = "dartsl.sample(...)",
) -> list[str]:
    """The texts of `count` random architectures of a space: decided specs, as a search writes what it finds.

    Each is drawn evenly from all that `info` counts as the space, and by itself: number i of a seed is the same
    whatever `count` is. Some may be equal; with `unique` no two are isomorphic: equal but for the names of
    nodes. A run stands for the space that was searched, with its parameters. `command` stands in the texts' heads.
    Raises SpecError, UserError; also with `unique` where the space has too few architectures.
    """
    from dartsl.lang.plan.network_plan import plan
    from dartsl.run.folder import spec_hash
    from dartsl.searching.sampling import Drawing, drawn_texts, require_enough

    require(seed=seed, count=count, unique=unique, command=command)
    network, parameters = of_run(spec, network, parameters)
    job = job_of(check(_space(spec)), network, parameters)
    checked = job.spec
    require_loss(job.picked(), {}, checked.train)  # what is drawn keeps it
    values = plan(checked, job.picked(), job.parameters).parameters
    if unique:
        require_enough(checked, job.picked(), count)
    drawing = Drawing(dartsl.__version__, job.source.name, spec_hash(checked.files), seed, command)
    return list(islice(drawn_texts(checked, job.picked(), values, drawing, unique), count))


def _space(spec: SpecLike) -> SpecLike:
    """What was searched, of a run; else the spec as it is."""
    from dartsl.run.folder import RunFolder

    if isinstance(spec, str | os.PathLike) and names_a_run(spec):
        return RunFolder.open(Path(spec)).spec
    return spec
