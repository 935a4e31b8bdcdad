"""`--deterministic`: a search that is stopped and goes on is bit for bit one that never stopped."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import torch

import dartsl
from tests.gpu.registry import Machine, Piece, case
from tests.search.runs import same

SPECS = {"digits": {"C": 2, "n": 1}, "text": {"H": 8}, "lstm": {"H": 8}}


@case(share=0.04, fresh=True)  # torch looks once in a process how cuBLAS is set up
def deterministic(machine: Machine) -> Iterator[Piece]:
    """Images of both orders, and text."""
    for spec, order in machine.choose(
        (("text", "1"), ("lstm", "1"), ("digits", "1"), ("digits", "2")), small=1
    ):
        yield f"{spec}, order {order}", partial(goes_on, machine, spec, order)


def goes_on(machine: Machine, spec: str, order: str) -> str:
    """Two epochs, and two of which the first is stopped after its second step: both checkpoints are equal."""
    settings: Any = {
        "parameters": SPECS[spec],
        "order": order,
        "device": machine.device,
        "deterministic": True,
    }
    settings |= {"batch": 256, "quiet": True}
    with tempfile.TemporaryDirectory() as folder:
        whole, parts = Path(folder) / "whole", Path(folder) / "parts"
        dartsl.search(spec, whole, epochs=2, **settings)
        dartsl.search(spec, parts, epochs=2, on_step=lambda step: step.step == 2, **settings)
        dartsl.resume(parts, quiet=True)
        states = [torch.load(each / "checkpoint.pt", weights_only=True)["state"] for each in (whole, parts)]
    same(*states)
    return "bit for bit"
