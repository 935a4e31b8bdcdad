"""Which device a run is on: `auto` becomes the one that run.json then records."""

from __future__ import annotations

import torch

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.folder import RunFolder
from dartsl.run.torchrun import place

AUTO = "auto"


def chosen(device: str) -> str:
    """`auto` is `cuda` where torch finds a GPU for each process of this machine, else `cpu`; others are as they are.

    Apple's GPUs (`mps`) have to be asked for: no test has compared what they compute.
    """
    if device != AUTO:
        return device
    found = place()
    processes = 1 if found is None else found.here
    return "cuda" if torch.cuda.is_available() and torch.cuda.device_count() >= processes else "cpu"


def device_of(folder: RunFolder, given: str | None) -> str:
    """The device that a run goes on with: the one that is `given`, or the run's own.

    Raises UserError where the run's own is a GPU and this machine has none: another device draws other numbers.
    """
    if given is not None:
        return chosen(given)
    device = chosen(str(folder.info.settings.get("device")))
    if device.startswith("cuda") and not torch.cuda.is_available():
        command = folder.kind.go_on(folder.path, "--device", "cpu")
        raise UserError(
            f"{folder.path} was on `{device}`, and torch finds no GPU here",
            help=f"`{command}` goes on without it, but not bit for bit",
        )
    return device
