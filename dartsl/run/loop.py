"""The loop that every long run goes through: epochs, steps, checkpoints, Ctrl-C, and steps that fail.

It knows nothing of what is trained: a `Session` does, of which a search and a training each have their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from rich.console import Console

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run import checkpoint
from dartsl.run.callbacks import SILENT, Answer, Callbacks, Ending, Epoch, Step, answer_of
from dartsl.run.curves import Panel, curves
from dartsl.run.files import Row, write_json
from dartsl.run.folder import RunFolder
from dartsl.run.interrupt import interruption
from dartsl.run.parallel import ALONE, Group
from dartsl.run.progress import Figures, RunProgress
from dartsl.run.schema import Check, MisfitError
from dartsl.run.tensorboard import events
from dartsl.run.torchrun import OwnError
from dartsl.step.finite import NonFiniteError


@dataclass(frozen=True)
class EpochEnd:
    """What the end of an epoch gives: rows to record, each with its `epoch`, and figures to show.

    history  the row of `history.jsonl`
    beside   those of the other files to which such a run adds a row an epoch, by their names
    figures  what a display shows of the epoch
    said     lines for the user
    phase    what part of the run it belongs to, in words; nothing in a run of one part
    """

    history: Row
    beside: Mapping[str, Row] = field(default_factory=dict)
    figures: Figures = field(default_factory=dict)
    said: Sequence[str] = ()
    phase: str = ""


class Session(Protocol):
    """What is trained, its data, and how far it has come: `epoch` counts the epochs that are over.

    `advice` says what may help where a number is not finite (`finite`) and where memory is short (`memory`).
    """

    epoch: int

    @property
    def finished(self) -> bool:
        """Whether there is no step left to take."""

    @property
    def advice(self) -> Mapping[str, str]:
        """What may help, by what went wrong."""

    @property
    def vocabulary(self) -> Mapping[str, Any] | None:
        """What `vocabulary.json` is to hold; None for images."""

    @property
    def steps(self) -> int:
        """Steps per epoch, for the progress."""

    @property
    def place(self) -> int:
        """Steps of the current epoch that are done, the one in hand included."""

    @property
    def phase(self) -> str:
        """What part of the run the epoch belongs to, in words; nothing in a run of one part."""

    def begin_epoch(self) -> None:
        """Make ready for the steps of an epoch; harmless in mid-epoch, after a step that `verify` found sound."""

    def left(self) -> Iterator[Any]:
        """The batches that are left in the current epoch."""

    def take_step(self, batch: Any) -> None:
        """Take one step; now and then what `verify` says."""

    def verify(self) -> None:
        """Raise NonFiniteError where a step since the last sound state was not finite."""

    def undo(self) -> None:
        """Go back to the last sound state: after NonFiniteError that before the step which failed."""

    def end_epoch(self) -> EpochEnd:
        """Count the epoch as done; `epoch` may be an earlier one then, to which it goes back. Raises NonFiniteError."""

    def figures(self) -> Figures:
        """What a progress display shows, as of the last step whose figures are on the host."""

    def read(self) -> Figures:
        """The same as of now. The host waits for the device."""

    def state_dict(self) -> dict[str, Any]:
        """All that a later session needs to go on bit for bit: tensors, numbers and strings only."""

    def schema(self) -> Check:
        """What a state must be, to be loaded."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state that fits the schema. Raises KeyError, ValueError, TypeError or RuntimeError."""


def run_session(
    session: Session,
    folder: RunFolder,
    epochs: int,
    device: str,
    console: Console,
    group: Group = ALONE,
    callbacks: Callbacks = SILENT,
    *,
    last: bool = True,
) -> Ending:
    """Take all steps that are left, unless Ctrl-C or a callback stops it; then it is saved, as after each epoch.

    `epochs` is the last one, for the progress; `last` is False where another session goes on with the run.
    Raises UserError for a step that is not finite or finds too little memory: a sound state is then saved, that before
    the step that is not finite (of several processes, one that finds too little memory saves nothing: the others are
    in mid-step). Of a `group` the first process calls the callbacks, and all stop at the same step.
    """
    done = session.epoch * session.steps + session.place
    with (
        RunProgress(console, epochs, session.steps, done, lambda: _panels(folder)) as progress,
        interruption(progress.interrupted if group.chief else lambda: None) as stop,
        events(folder) if group.chief else nullcontext(lambda row: None) as tell,
    ):
        while not session.finished:
            with _failing_safely(session, folder, device, group, saved=True):
                session.begin_epoch()
            for batch in _read(session, group):
                with _failing_safely(session, folder, device, group):
                    session.take_step(batch)
                _show(progress, session)
                answer = _answer(callbacks.on_step, _step_of(session, folder), group)
                interrupted = stop.requested
                if group.any(interrupted or answer.stop):
                    with _failing_safely(session, folder, device, group):
                        session.verify()
                    save(session, folder, group)
                    _say_stopped(_place(session), progress, folder, group)
                    return Ending(False, group.any(interrupted), _fault(answer, group))
            with _failing_safely(session, folder, device, group):
                end = session.end_epoch()
            with group.together():
                if group.chief:
                    folder.record(end.history, end.beside)
                    tell(end.history)
            save(session, folder, group)
            number = int(end.history["epoch"])
            if session.epoch < number:
                _forget(session, folder, group)
            progress.epoch(number, end.figures, end.phase)
            for line in end.said:
                progress.say(line)
            answer = _answer(callbacks.on_epoch, Epoch(folder.path, number, epochs, end.history), group)
            if group.any(answer.fault is not None or (answer.stop and not (session.finished and last))):
                _say_stopped(f"after epoch {session.epoch}", progress, folder, group)
                return Ending(False, fault=_fault(answer, group))
        interrupted = group.any(stop.requested)
        if interrupted and not last:
            _say_stopped(f"after epoch {session.epoch}", progress, folder, group)
        return Ending(last or not interrupted, interrupted=interrupted)


def _panels(folder: RunFolder) -> list[Panel]:
    return [panel for panel in curves(folder.history()) if panel.title in folder.kind.panels]


def _show(progress: RunProgress, session: Session) -> None:
    progress.step(session.epoch + 1, session.place, session.figures(), session.steps, session.phase)


def _place(session: Session) -> str:
    return f"in epoch {session.epoch + 1} after step {session.place}"


def _step_of(session: Session, folder: RunFolder) -> Step:
    return Step(folder.path, session.epoch + 1, session.place, session.steps, session.read)


def _answer(callback: Callable[[Any], object] | None, event: Step | Epoch, group: Group) -> Answer:
    """What the callback of the first process says; those of the others are not called."""
    return answer_of(callback, event) if group.chief else Answer()


def _fault(answer: Answer, group: Group) -> BaseException | None:
    """The error of the first process's callback, on all processes: none of them goes on as if there were none."""
    fault = answer.fault
    said = group.broadcast("" if fault is None else f"{type(fault).__name__}: {fault}")
    return UserError(f"a callback of process 0 raised {said}") if said and fault is None else fault


def _say_stopped(place: str, progress: RunProgress, folder: RunFolder, group: Group) -> None:
    progress.say(f"stopped {place}; everything is saved")
    progress.say(f"go on with: {group.command(folder.kind.go_on(folder.path))}")


def _read(session: Session, group: Group) -> Iterator[Any]:
    """The batches that are left in the epoch. Raises UserError."""
    with _own_fault(group):
        yield from session.left()


@contextmanager
def _own_fault(group: Group) -> Iterator[None]:
    """Of several processes one alone may meet a file that cannot be read, and reports it. Raises UserError."""
    try:
        yield
    except OwnError:
        raise
    except UserError as error:
        if group.world == 1:
            raise
        message = f"process {group.rank}: {error.message}"
        raise OwnError(message, help=error.help, exit_code=error.exit_code) from error


def save(session: Session, folder: RunFolder, group: Group = ALONE) -> None:
    """Write the checkpoint, of several processes the first one. Raises UserError."""
    state = session.state_dict()  # on all of them: each may hold a part
    with group.together():
        if group.chief:
            checkpoint.save(folder.checkpoint, folder.info.identity, state)


def begin(session: Session, folder: RunFolder, group: Group = ALONE) -> None:
    """Write what is there before the first step: a text's vocabulary, and a checkpoint. Raises UserError."""
    with group.together():
        if group.chief and session.vocabulary is not None:
            write_json(folder.vocabulary, session.vocabulary)
    save(session, folder, group)


def restore(session: Session, folder: RunFolder, group: Group = ALONE) -> None:
    """Bring a session to where the run stopped, and forget what came after; a run that died before its first
    checkpoint begins. Raises UserError for a misfit."""
    if group.any(group.chief and folder.unbegun):
        begin(session, folder, group)
        return
    load(session, folder)
    _forget(session, folder, group)


def _forget(session: Session, folder: RunFolder, group: Group) -> None:
    """Forget the rows of epochs that the checkpoint does not know of. Raises UserError."""
    with group.together():
        if group.chief:
            folder.keep_epochs(session.epoch)


def load(session: Session, folder: RunFolder) -> None:
    """Bring a session to where the run stopped; nothing is written. Raises UserError for a misfit."""
    state = checkpoint.load(folder.checkpoint, folder.info.identity)
    try:
        session.schema()(state, "state")
    except MisfitError as place:
        raise UserError(
            f"{folder.checkpoint} does not fit the run it lies in: `{place}` is missing or not what it was"
        ) from None
    try:
        session.load_state_dict(state)
        if not 0 <= session.place <= session.steps:
            raise ValueError("more is done of an epoch than there is in it")
    except (KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError) as error:
        raise UserError(f"{folder.checkpoint} does not fit the run it lies in") from error


@contextmanager
def _failing_safely(
    session: Session, folder: RunFolder, device: str, group: Group, saved: bool = False
) -> Iterator[None]:
    """A step that fails leaves the state before it in the checkpoint, and a message with advice.

    `saved`: the checkpoint has that state already.
    """
    try:
        with _own_fault(group):
            yield
    except NonFiniteError as fault:
        place = f"step {session.place} of epoch {session.epoch + 1}"
        session.undo()
        save(session, folder, group)
        raise UserError(
            f"{place}: the {fault.quantity} is not finite; "
            f"the largest gradient is {fault.largest:g}, of {fault.parameter}",
            help=f"{session.advice['finite']}; the state before this step is saved in {folder.path}",
        ) from None
    except RuntimeError as error:  # GPUs have an error of their own for it, the CPU has not
        if not isinstance(error, torch.OutOfMemoryError) and "you tried to allocate" not in str(error):
            raise
        if group.world > 1:
            raise OwnError(
                f"process {group.rank}: {device} has too little memory for a step of this size",
                help=session.advice["memory"],
            ) from error
        if not saved:
            session.undo()
            save(session, folder)
        raise UserError(
            f"{device} has too little memory for a step of this size", help=session.advice["memory"]
        ) from error


@contextmanager
def held(folder: RunFolder, group: Group) -> Iterator[None]:
    """Hold the folder for this run alone; of several processes the first one does. Raises UserError."""
    with ExitStack() as stack:
        with group.together():
            if group.chief:
                stack.enter_context(folder.held())
        yield


@contextmanager
def own_generators(device: str) -> Iterator[None]:
    """Leave torch's own generators, which each pass seeds for plugins, to the caller as they were."""
    found = torch.device(device)
    with torch.random.fork_rng(devices=[found] if found.type == "cuda" else []):
        yield
