"""How a run starts: its folder, what is recorded of it, and its name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from hashlib import sha256
from pathlib import Path

import torch

from dartsl.lang.check.model import Spec
from dartsl.lang.settings.values import SearchConfig, TrainConfig
from dartsl.nn.plugin_files import named_files, pinned
from dartsl.nn.supernet import Supernet
from dartsl.run.files import encoded
from dartsl.run.folder import NO_COPIES, RunFolder, spec_hash, versions
from dartsl.run.inputs import Inputs
from dartsl.run.job import Job
from dartsl.run.kinds import RunKind
from dartsl.run.parallel import ALONE, Group
from dartsl.run.records import RunInfo


@contextmanager
def begun(
    path: Path, spec: Spec, info: RunInfo, group: Group, copies: Mapping[str, str] = NO_COPIES
) -> Iterator[RunFolder]:
    """The folder of a run that begins, held; of several processes the first one makes it. Raises UserError."""
    path = Path(group.broadcast(str(path)))
    with ExitStack() as stack:
        folder = RunFolder(path, info)
        with group.together():
            if group.chief:
                folder = stack.enter_context(RunFolder.begun(path, spec.files, info, copies))
        yield folder


def run_info(
    kind: RunKind,
    job: Job,
    config: SearchConfig | TrainConfig,
    model: Supernet,
    data_hash: str,
    inputs: Inputs,
    group: Group = ALONE,
    copies: Mapping[str, str] = NO_COPIES,
) -> RunInfo:
    """What `run.json` is to hold of a run."""
    plan = job.plan()  # that of a stage's network may be another one
    return RunInfo(
        kind=kind.name,
        source=job.source.name,
        spec_hash=spec_hash(job.spec.files),
        network=plan.network.name,
        parameters={name: str(value) for name, value in plan.parameters.items()},
        settings=json.loads(
            json.dumps({each.name: getattr(config, each.name) for each in fields(config)}, default=str)
        ),
        seed=config.seed,
        command=job.command,
        plugins=[pinned(file) for file in named_files(job.plugins)] if model.plugins else [],
        data_hash=data_hash,
        inputs=inputs,
        versions=surroundings(group, config.device),
        given=job.given.names(),
        init=job.init,
        copies={name: sha256(encoded(text)).hexdigest() for name, text in copies.items()},
    )


def surroundings(group: Group, device: str) -> dict[str, str]:
    """What decides a run's numbers besides the run."""
    found = versions() | {"threads": str(torch.get_num_threads()), "processes": str(group.world)}
    kind = torch.device(device).type
    return found | ({"gpu": torch.cuda.get_device_name(device)} if kind == "cuda" else {})
