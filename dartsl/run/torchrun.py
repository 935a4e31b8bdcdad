"""What torchrun says of a process: its number among those of a run. Nothing here imports torch."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from dartsl.lang.codes.diagnostics import UserError

TORCHRUN = "TORCHELASTIC_RUN_ID"  # torchrun sets it for the processes that it starts
PATIENCE = 20.0  # seconds
NEEDED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Place:
    """A process among those of one run.

    rank, world   its number, from 0, and how many there are
    local, here   the same on its machine alone
    meeting       where the processes meet, as torch.distributed takes it
    """

    rank: int
    world: int
    local: int
    here: int
    meeting: str = "env://"


class OwnError(UserError):
    """An error that this process alone knows of, so that it reports it itself, be it the first or not."""


def place(environment: Mapping[str, str] | None = None) -> Place | None:
    """This process's place; None where it is alone, started without torchrun. Raises UserError for nonsense."""
    found = os.environ if environment is None else environment
    if not all(name in found for name in NEEDED):
        return None
    try:
        rank, world, local = (int(found[name]) for name in NEEDED[:3])
        here = int(found.get("LOCAL_WORLD_SIZE", world))
    except ValueError:
        raise UserError(
            "RANK, WORLD_SIZE or LOCAL_RANK is not a number", help="start it by torchrun"
        ) from None
    return Place(rank, world, local, here) if world > 1 else None


def is_first() -> bool:
    """Whether this process speaks for all."""
    try:
        found = place()
    except UserError:
        return True
    return found is None or found.rank == 0


def let_the_first_speak() -> None:
    """Wait, in a process that leaves a message to the first one, until torchrun ends it, or for `PATIENCE`.

    torchrun ends all processes as soon as one has ended with a fault: if that were this one, the first would perhaps
    have said nothing yet.
    """
    if TORCHRUN in os.environ and not is_first():
        threading.Event().wait(PATIENCE)


def require_one_process(command: str) -> None:
    """Refuse to do the same several times over, where torchrun starts what shares no work. Raises UserError."""
    if place() is not None:
        raise UserError(f"`{command}` runs in one process: start it without torchrun")
