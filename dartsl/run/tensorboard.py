"""Event files for TensorBoard: the learning curves of a run, an epoch at a time, beside its history."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.syntax.paths import reason
from dartsl.run.curves import curves
from dartsl.run.files import Row
from dartsl.run.folder import RunFolder

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

EVENTS = "tensorboard"  # the folder, in the run's


def require_tensorboard(wanted: bool, run: Path) -> None:
    """Raises UserError where event files are wanted, and what writes them is not installed, or cannot in that run."""
    if wanted:
        _writer_class()
        try:
            str(run).encode()
        except UnicodeEncodeError:
            raise UserError(
                f"TensorBoard cannot write in {run}, whose name is not UTF-8",
                "name another folder by --out, or leave out --tensorboard",
            ) from None


@contextmanager
def events(folder: RunFolder) -> Iterator[Callable[[Row], None]]:
    """What adds a row of the history to a run's event files; nothing, where its settings do not ask for them.

    Raises UserError where they do and the package is missing, or the files cannot be written.
    """
    if not folder.info.settings.get("tensorboard"):
        yield lambda row: None
        return
    make, path = _writer_class(), folder.path / EVENTS
    writer: SummaryWriter | None = None

    def add(row: Row) -> None:
        nonlocal writer
        with _explained(path):
            if writer is None:
                # A run that goes on may come to an epoch again that a crash has lost: what is there of it is purged.
                writer = make(str(path), purge_step=row["epoch"])
            for panel in curves([row]):
                for line in panel.lines:
                    tag = f"{panel.title}/{line.name}".replace(" ", "_")
                    for epoch, value in line.points:
                        writer.add_scalar(tag, value, epoch)
            writer.flush()

    try:
        yield add
    finally:
        if writer is not None:
            with _explained(path):
                writer.close()


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, UnicodeEncodeError) as error:
        raise UserError(f"cannot write in {path}: {reason(error)}") from error


def _writer_class() -> type[SummaryWriter]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise UserError(
            "event files for TensorBoard need the package tensorboard",
            help="pip install 'dartsl[tensorboard]', or leave out --tensorboard",
        ) from None
    return SummaryWriter
