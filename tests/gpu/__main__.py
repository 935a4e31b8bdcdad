"""`python -m tests.gpu --minutes 8 -o gpu.json`: what only a GPU can show, in one run, as one JSON file.

Parity with the CPU, steps for which the host never waits, times and memory, resumption, a real search. What was not run
says so. Exit code 1 where something is wrong.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import torch

from tests.gpu.registry import Machine, all_cases
from tests.gpu.runner import NO_TIME, Worker, failures, run_all


@click.command(help=__doc__)
@click.option("--minutes", default=8.0, help="no piece is begun later than that, and none goes on longer")
@click.option("--device", default="cuda")
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="images of 32 x 32 for the search")
@click.option("--small/--whole", default=False, help="tiny networks, to try the script itself")
@click.option("--case", "names", multiple=True, type=click.Choice(list(all_cases())), help="by default all")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("gpu.json"))
def main(
    minutes: float, device: str, data: Path | None, small: bool, names: tuple[str, ...], output: Path
) -> None:
    machine = Machine(device, small, data)
    cases = [case for name, case in all_cases().items() if not names or name in names]
    worker, host = Worker(machine), about(machine)
    found: dict[str, dict[str, Any]] = {}
    try:
        for found in run_all(cases, machine, minutes, worker.ask, click.echo):
            document = {"machine": host, "minutes": minutes, "cases": found}
            output.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    finally:
        worker.close()
    wrong = failures(found)
    late = [f"{case}: {piece}" for case, each in found.items() for piece in each if each[piece] == NO_TIME]
    click.echo(output.read_text(encoding="utf-8"))
    for name in wrong:
        click.echo(f"failed   {name}")
    for name in late:
        click.echo(f"not run  {name}")
    raise SystemExit(int(bool(wrong)))


def about(machine: Machine) -> dict[str, Any]:
    """What the numbers were taken on; nothing here begins to use the device."""
    properties = torch.cuda.get_device_properties(machine.device) if machine.on_gpu else None
    return {
        "device": machine.device if properties is None else properties.name,
        "memory_bytes": None if properties is None else properties.total_memory,
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if machine.on_gpu else None,
        "small": machine.small,
        "data": None if machine.data is None else machine.data.name,
    }


if __name__ == "__main__":
    main()
