"""Several processes at one run, each with a part of every batch (PyTorch's torch.distributed, started by torchrun).

All processes hold the same weights and alphas, draw the same orders and take the same steps; what is a mean over a
batch is summed over them. The first one writes files and speaks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from itertools import count
from typing import TYPE_CHECKING

import torch
from rich.console import Console
from torch import Tensor, nn
from torch import distributed as dist

from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.nn.share import Share
from dartsl.run.interrupt import outlive_torchrun
from dartsl.run.torchrun import OwnError, Place, place

if TYPE_CHECKING:
    from torch.distributed.distributed_c10d import Store

PATIENCE = timedelta(minutes=10)  # that a process waits for the others
# Numbers the runs of a script. torchrun keeps its store as long as the script runs, and with it what the processes of
# one run wrote there: in a group by the same name those of the next one would look for addresses that are gone.
_RUNS = count()


class Group:
    """The processes of a run: here one, for which everything is as if there were no groups."""

    rank = 0
    world = 1

    @property
    def chief(self) -> bool:
        """Whether this is the process that writes and speaks."""
        return self.rank == 0

    def device(self, device: str) -> str:
        """The device of this process, where the settings name `device`. Raises UserError."""
        return device

    def command(self, command: str) -> str:
        """How a `dartsl` command is typed for so many processes."""
        return command

    def console(self, console: Console | None) -> Console:
        """Where this process prints."""
        return console or Console()

    def share(self, whole: int) -> Share:
        """This process's part of a batch of `whole` rows."""
        return Share(0, whole, whole)

    def shares(self, whole: int, parts: int) -> list[Share]:
        """The same for a batch that is taken in `parts` of nearly equal size, as far as it has rows."""
        count = max(1, min(parts, whole))
        sizes = [whole // count + (place < whole % count) for place in range(count)]
        return [self.share(size) for size in sizes]

    def any(self, flag: bool) -> bool:
        """Whether any of the processes says so."""
        return flag

    def broadcast(self, text: str) -> str:
        """What the first process says."""
        return text

    def require_same(self, what: str, text: str) -> None:
        """Raises UserError on all processes where one has another text than the first."""

    def align(self, model: nn.Module) -> None:
        """Give all processes the first one's parameters and buffers."""

    @contextmanager
    def together(self) -> Iterator[None]:
        """All processes leave this with the same error, if one of them has one (UserError or SpecError)."""
        yield


ALONE = Group()


class Processes(Group):
    """Several processes, joined by torch.distributed."""

    def __init__(self, found: Place) -> None:
        self.rank = found.rank
        self.world = found.world
        self._place = found

    def device(self, device: str) -> str:
        if device == "cpu":
            return device
        if not on_gpu(device):
            raise UserError(f"several processes run on `cpu` or `cuda`, not on `{device}`")
        if device != "cuda":
            raise UserError(
                f"each process needs a GPU of its own, and `{device}` is one", help="--device cuda"
            )
        return f"cuda:{self._place.local}"

    def command(self, command: str) -> str:
        return command.replace("dartsl ", f"torchrun --nproc-per-node {self._place.here} -m dartsl ", 1)

    def console(self, console: Console | None) -> Console:
        return super().console(console) if self.chief else Console(quiet=True)

    def share(self, whole: int) -> Share:
        base, more = divmod(whole, self.world)
        size = base + (self.rank < more)
        if size == 0:
            return Share(0, 1, whole, False, self.sum_)
        return Share(self.rank * base + min(self.rank, more), size, whole, True, self.sum_)

    def sum_(self, tensors: Sequence[Tensor]) -> None:
        """Sum tensors over the processes, in place: one message for each type and device."""
        groups: dict[tuple[torch.dtype, torch.device], list[Tensor]] = {}
        for tensor in tensors:
            groups.setdefault((tensor.dtype, tensor.device), []).append(tensor)
        with torch.no_grad():
            for members in groups.values():
                flat = torch.cat([tensor.reshape(-1) for tensor in members])
                self._call(dist.all_reduce, flat)
                parts = torch.split_with_sizes(flat, [tensor.numel() for tensor in members])
                for tensor, part in zip(members, parts, strict=True):
                    tensor.copy_(part.view_as(tensor))

    def any(self, flag: bool) -> bool:
        return self._least(0 if flag else 1) == 0

    def broadcast(self, text: str) -> str:
        return self._said(text, 0)

    def require_same(self, what: str, text: str) -> None:
        if self.any(self.broadcast(text) != text):
            raise UserError(f"the processes have different {what}")

    def align(self, model: nn.Module) -> None:
        with torch.no_grad():
            for tensor in [*model.parameters(), *model.buffers()]:
                self._call(dist.broadcast, tensor.detach(), 0)

    @contextmanager
    def together(self) -> Iterator[None]:
        fault: UserError | SpecError | None = None
        try:
            yield
        except OwnError:
            raise  # the others are not there to agree with
        except (UserError, SpecError) as error:
            fault = error
        first = self._least(self.world if fault is None else self.rank)
        if first == self.world:
            return
        record = {
            "message": str(fault),
            "help": getattr(fault, "help", None),
            "exit_code": getattr(fault, "exit_code", 1),
        }
        said = json.loads(self._said(json.dumps(record), first))
        if fault is not None and first == self.rank:
            raise fault
        where = f"process {first}: " if first else ""
        raise UserError(where + said["message"], said["help"], said["exit_code"])

    def _least(self, number: int) -> int:
        """The least of the processes' numbers."""
        found = torch.tensor([number])
        self._call(dist.all_reduce, found, dist.ReduceOp.MIN)
        return int(found)

    def _said(self, text: str, source: int) -> str:
        """The text of one process, on all."""
        data = torch.tensor(list(text.encode("utf-8", "surrogatepass")), dtype=torch.uint8)
        length = torch.tensor([len(data)])
        self._call(dist.broadcast, length, source)
        if self.rank != source:
            data = torch.empty(int(length), dtype=torch.uint8)
        if len(data):
            self._call(dist.broadcast, data, source)
        return bytes(data.tolist()).decode("utf-8", "surrogatepass")

    def _call(self, talk: Callable[..., object], *arguments: object) -> None:
        """Raises OwnError where another process does not answer."""
        try:
            talk(*arguments)
        except RuntimeError as error:
            outlive_torchrun()
            raise OwnError(
                f"process {self.rank} of {self.world} has lost the others: one of them ended, or did not answer",
                help="the run goes on from its last checkpoint with --resume",
            ) from error


@contextmanager
def joined(device: str, found: Place | None = None) -> Iterator[Group]:
    """The group of this process: `ALONE` unless torchrun (or `found`) says that there are others.

    CPUs talk by gloo, GPUs by nccl. Raises UserError.
    """
    found = found or place()
    if found is None:
        yield ALONE
        return
    if on_gpu(device) and not dist.is_nccl_available():
        raise UserError("this torch has no nccl, by which several GPUs talk", help="--device cpu")
    # torch's optimisers load it in any case. Loaded within a group it holds on to the group, whose threads are then
    # still there when the process ends, and crash it now and then (seen with torch 2.13).
    import_module("torch._dynamo")
    try:
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if on_gpu(device) else "gloo",
            store=_store(found),
            rank=found.rank,
            world_size=found.world,
            timeout=PATIENCE,
        )
    except (RuntimeError, ValueError) as error:
        raise OwnError(f"process {found.rank} does not find the others: {error}") from error
    try:
        group = Processes(found)
        if on_gpu(device) and found.local < torch.cuda.device_count():
            torch.cuda.set_device(found.local)
        yield group
        group.any(False)  # no process leaves while another one still reads from it
    finally:
        dist.destroy_process_group()


def _store(found: Place) -> Store:
    """Where the processes of one run leave word for each other. Raises RuntimeError, ValueError."""
    from torch.distributed.distributed_c10d import PrefixStore  # a torch without torch.distributed lacks it
    from torch.distributed.rendezvous import rendezvous

    store, _, _ = next(rendezvous(found.meeting, found.rank, found.world, timeout=PATIENCE))
    store.set_timeout(PATIENCE)
    return PrefixStore(f"dartsl {next(_RUNS)}", store)


def on_gpu(device: str) -> bool:
    """Whether a setting names an NVIDIA GPU, as far as its text says."""
    return device.partition(":")[0] == "cuda"
