"""Jobs as tasks of a Ray cluster, all of whose nodes see the sweep's folder, on shared storage."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import dartsl
from dartsl.exchange.extras import needed
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import exists, reason
from dartsl.sweeping.executor import Ended, Task
from dartsl.sweeping.plan import SWEEP
from dartsl.sweeping.processes import Processes

AUTO = "auto"
ADDRESS = "RAY_ADDRESS"  # the variable of the environment that Ray, too, reads where the address is `auto`
ANSWER = 5.0  # seconds until a cluster must answer: Ray itself tries for minutes
LOOK = 0.5  # seconds; Ray interrupts a worker between two looks at its process
LOST = -9  # the exit code of a task whose worker has died
CANCELLED = 130  # that of one that was stopped before it began


class OnRay:
    """An `Executor` of tasks with `threads` CPUs each, and a GPU each where the device is `cuda`.

    on  `auto`, for the cluster that runs on this machine or that RAY_ADDRESS names, or HOST:PORT. Where this process
        is connected to a cluster already, tasks run there.

    A task's process runs below a worker of Ray, and holds a pipe to it: it ends with its worker, and Ray ends workers
    with the process that has asked for them. Raises UserError where Ray is not installed, or cannot do this.
    """

    late = 60.0  # after which NFS looks anew at a folder, at the latest, unless it is mounted otherwise

    def __init__(self, on: str, threads: int, device: str) -> None:
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"  # read when Ray is imported
        self._ray = needed("ray", "ray")
        self._address = os.environ.get(ADDRESS, AUTO) if on == AUTO else on
        if self._address != AUTO:
            _parts(self._address)
        if device.startswith("cuda:"):
            raise UserError(
                f"Ray chooses the GPU of each job, and this sweep is for {device}",
                "plan it for --device cuda",
            )
        self._threads = threads
        self._gpus = 1 if device == "cuda" else 0
        self._running: dict[Any, Task] = {}  # by what Ray promises of them
        self._own = False

    def __enter__(self) -> Self:
        self._own = not self._ray.is_initialized()
        if self._own:
            self._connect()
        try:
            self._room = self._count()
        except UserError:
            self.__exit__()
            raise
        options = {"num_cpus": self._threads, "num_gpus": self._gpus, "scheduling_strategy": "SPREAD"}
        self._work = self._ray.remote(max_retries=0, **options)(work)  # the runner tries again
        return self

    def __exit__(self, *_: object) -> None:
        for promised in self._running:
            self._ray.cancel(promised, force=True)
        self._running = {}
        if self._own:
            self._ray.shutdown()
            self._ray._private.worker.print_to_stdstream = self._says

    @property
    def free(self) -> int:
        """How many tasks the cluster has room for; what others run there is not counted."""
        return max(0, self._room - len(self._running))

    def start(self, task: Task) -> None:
        """Start a task, as soon as Ray has a place for it."""
        self._running[self._work.remote(task, dartsl.__version__)] = task

    def wait(self, seconds: float) -> list[Ended]:
        """The tasks that are over; waits for one, at most so many seconds. Raises UserError where a node cannot run
        them, or none is left that can."""
        if not self._running:
            return []
        tasks = list(self._running)
        self._ray.wait(tasks, timeout=seconds)
        over, _ = self._ray.wait(tasks, num_returns=len(tasks), timeout=0)
        found = [self._ended(promised, self._running.pop(promised)) for promised in over]
        self._room = self._count()
        return found

    def stop(self) -> None:
        """Interrupt the workers, which let their processes save and end."""
        for promised in self._running:
            self._ray.cancel(promised)

    def _connect(self) -> None:
        """Raises UserError."""
        if self._address != AUTO:
            _ask(self._address)
        with _own_sigterm():
            try:
                self._ray.init(address=self._address, log_to_driver=False, logging_level="ERROR")
            except Exception as error:  # of many kinds
                raise _unreachable(self._address, str(error).partition("\n")[0]) from error
        self._says = self._ray._private.worker.print_to_stdstream
        self._ray._private.worker.print_to_stdstream = _unsaid

    def _count(self) -> int:
        """How many tasks there is room for on the nodes that live. Raises UserError where there is none."""
        nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        room = 0
        for node in nodes:
            places = int(node.get("CPU", 0)) // self._threads
            room += min(places, int(node.get("GPU", 0))) if self._gpus else places
        if not room:
            wanted = f"{self._threads} CPUs" + (" and a GPU" if self._gpus else "")
            raise UserError(
                f"no node of the Ray cluster has the {wanted} that the plan gives to each job",
                "plan the sweep with more --jobs, which are those that share a machine"
                if any(node.get("CPU", 0) for node in nodes)
                else "add a node: ray start --address HOST:PORT",
            )
        return room

    def _ended(self, promised: Any, task: Task) -> Ended:
        """How a task that is over has ended. Raises UserError where its node cannot run any."""
        errors = self._ray.exceptions
        try:
            found: Ended | str = self._ray.get(promised)
        except errors.TaskCancelledError:
            return Ended(task.name, CANCELLED, 0.0)
        except errors.RayTaskError as error:  # dartsl is not there, or another
            said = str(error).strip().rpartition("\n")[2]
            raise UserError(
                f"a node of the Ray cluster cannot run {task.name}: {said}",
                "every node needs the same dartsl, in the Python that Ray runs in",
            ) from error
        except errors.RayError as error:
            return Ended(task.name, LOST, 0.0, str(error).partition("\n")[0].partition(". ")[0])
        if isinstance(found, str):
            raise UserError(found, "go on with the sweep once the nodes of the Ray cluster are alike")
        return found


def work(task: Task, version: str) -> Ended | str:
    """Run a task in a process of this machine, on a worker of Ray: how it has ended, or why it cannot run here."""
    if version != dartsl.__version__:
        return f"{socket.gethostname()} has dartsl {dartsl.__version__}, the sweep runs with {version}"
    if not exists(task.folder / SWEEP):
        return f"{socket.gethostname()} does not see the sweep's folder {task.folder}"
    with Processes(1) as place:
        place.start(task)
        try:
            return _over(place)
        except KeyboardInterrupt:  # from `stop`
            place.stop()
            return _over(place)


def _unsaid(*_: object, **__: object) -> None:
    """In place of Ray's function that prints what it hears of its nodes on stdout, where a command's answer is."""


def _over(place: Processes) -> Ended:
    while not (over := place.wait(LOOK)):
        pass
    return over[0]


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep the handler of SIGTERM, which Ray would replace by one that exits at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _parts(address: str) -> tuple[str, int]:
    """Host and port. Raises UserError."""
    host, _, port = address.rpartition(":")
    if "/" in host or not host or not port.isdecimal() or int(port) > 65535:
        raise UserError(
            f"`{address}` is not the address of a Ray cluster",
            "give auto, or HOST:PORT, such as 10.0.0.1:6379",
            2,
        )
    return host.strip("[]"), int(port)


def _ask(address: str) -> None:
    """Raises UserError where nothing answers at an address."""
    try:
        socket.create_connection(_parts(address), ANSWER).close()
    except OSError as error:
        raise _unreachable(address, reason(error)) from error


def _unreachable(address: str, why: str) -> UserError:
    if address == AUTO:
        return UserError(
            f"no Ray cluster is reached: {why}", "start one by ray start --head, or give --on HOST:PORT"
        )
    return UserError(f"the Ray cluster at {address} is not reached: {why}")
