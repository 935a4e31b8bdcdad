"""`python -m tests.gpu --minutes 8 -o gpu.json`: what only a GPU can show, in one run, as one JSON file.

Parity with the CPU in float64, steps for which the host never waits, searches, times and memory. A part that was not
run says so. Exit code 1 where something is wrong.
"""

from __future__ import annotations

import json
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

import click
import torch

from tests.gpu.parts import PARTS


@click.command(help=__doc__)
@click.option("--minutes", default=8.0, help="no part is begun later than that")
@click.option("--device", default="cuda")
@click.option("--small/--whole", default=False, help="tiny networks, to try the script itself")
@click.option("--part", "parts", multiple=True, type=click.Choice(list(PARTS)), help="by default all of them")
@click.option("-o", "--output", type=click.Path(path_type=Path), default=Path("gpu.json"))
def main(minutes: float, device: str, small: bool, parts: tuple[str, ...], output: Path) -> None:
    started = time.monotonic()
    name = torch.cuda.get_device_name() if device == "cuda" else device
    found: dict[str, Any] = {"device": name, "torch": torch.__version__, "small": small}
    wrong = False
    for part in parts or tuple(PARTS):
        click.echo(part)
        try:
            if time.monotonic() - started > 60 * minutes:
                raise TimeoutError("not run: no time was left")
            with tempfile.TemporaryDirectory() as folder:
                found[part] = PARTS[part](device, Path(folder), small)
        except TimeoutError as late:
            found[part] = str(late)
        except Exception:  # whatever it is belongs into the record, and the other parts still run
            found[part] = {"failed": traceback.format_exc()}
            wrong = True
        output.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    click.echo(output.read_text(encoding="utf-8"))
    raise SystemExit(int(wrong))


if __name__ == "__main__":
    main()
