"""What the steps on text carry from one window to the next: the states of scans."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import application
from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.share import Share
from dartsl.nn.supernet import Supernet

Carries = tuple[Tensor, ...] | None  # (B, H) for each carry of each scan; None: zeros


def gathered(share: Share, carries: Carries) -> list[Tensor] | None:
    """The states of all rows of a batch, from those of a share's: as a checkpoint holds them."""
    return None if carries is None else [share.gathered(carry) for carry in carries]


def own(share: Share, carries: Sequence[Tensor] | None, device: str) -> Carries:
    """The states of a share's rows on a device, from those of all. Raises ValueError for another number of rows."""
    if carries is None:
        return None
    if any(len(carry) != share.whole for carry in carries):
        raise ValueError(f"states of other than {share.whole} rows")
    return tuple(share.own(carry, 0).to(device) for carry in carries)


def started(model: Supernet, carries: Carries, share: Share) -> tuple[Tensor, ...]:
    """The states that a window starts from, as tensors, so that the first step of a text is as any other."""
    return tuple(model.carries(share.size)) if carries is None else carries


def require_rows(model: Supernet, batch: int) -> None:
    """Refuse one row of text where a batch norm would have a single number to normalise."""
    kinds = {kind_of(application(model.graph, str(node))) for node in model.graph.nodes}
    if batch == 1 and any(kind.has("batch_norm") for kind in kinds):
        raise UserError(
            "one row of text leaves the batch norms of the cell a single number to normalise",
            help="give --batch 2 or more",
        )


def window_of(model: Supernet, bptt: int) -> tuple[int, int | None]:
    """The words of a window (`bptt`; 0: the network's own), and the most that one may have: None where any length fits.

    Raises UserError where the network has positions for fewer words.
    """
    own = model.plan.input.length
    kinds = {kind_of(application(model.graph, str(node))) for node in model.graph.nodes}
    most = own if any(kind.has("positions") for kind in kinds) else None
    if most is not None and bptt > most:
        raise UserError(
            f"a window of {bptt} words is longer than the {most} that the network has positions for",
            help=f"give --bptt {most} or less, or the network a longer `tokens`",
        )
    return bptt or own, most
