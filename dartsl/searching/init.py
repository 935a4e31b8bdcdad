"""A search that begins with the weights of another one's supernet: a warm start."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from dartsl.graph.tables import DECIDED
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import exists
from dartsl.nn.supernet import Supernet
from dartsl.run.files import read_file
from dartsl.run.first_weights import begin_as, require_as_it_was
from dartsl.run.folder import RunFolder
from dartsl.run.init import Init
from dartsl.run.job import Job
from dartsl.run.kinds import SEARCH
from dartsl.run.layout import RUN
from dartsl.run.weights import weights_of

HEADS = ("network.head.",)  # whose tensors may differ: another task has other classes


def begun_with(model: Supernet, job: Job) -> tuple[Job, list[str]]:
    """Give a supernet the weights that its search is to begin with: the job, with what was read, and what is to be said
    of it. Running statistics are among them; alphas are where `job.init` says so, and optimisers never.

    Raises UserError where the path is no search's folder, or no longer what the run was to begin with, and where its
    tensors are not those of this network.
    """
    if job.init is None:
        return job, []
    init, said = _begin_with(model, job.init)
    return replace(job, init=init), [said]


def _begin_with(model: Supernet, init: Init) -> tuple[Init, str]:
    path = Path(init.path)
    if not exists(path / RUN):
        raise UserError(
            f"{path} is not the folder of a search",
            "a search begins with the weights of another one, whose network has all candidates",
        )
    folder = RunFolder.open(path)
    folder.require(SEARCH, "name a search: what was trained has the weights of one operation an edge")
    tensors, _ = weights_of(folder)
    digest = hashlib.sha256(read_file(folder.checkpoint)).hexdigest()
    require_as_it_was(init, digest)
    own = {name: value for name, value in model.state_dict().items() if _taken(name, init.alphas)}
    given = {name: value for name, value in tensors.items() if _taken(name, init.alphas)}
    fresh, said = begin_as(own, given, init.path, HEADS)
    said += ", alphas too" if init.alphas else "; alphas begin afresh"
    return replace(init, sha256=digest, fresh=fresh), said


def _taken(name: str, alphas: bool) -> bool:
    """Whether a tensor of a supernet is one of those that are taken over: what was decided of its edges is not."""
    return name.startswith("network.") or (alphas and not name.startswith(f"{DECIDED}_"))
