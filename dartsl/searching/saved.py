"""What a search saves of itself, and takes over again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dartsl.run.schema import Check, number, record, whole
from dartsl.run.state import tensors
from dartsl.searching.kept import STAGE_SCHEMA
from dartsl.searching.stops import PAST, recorded, restored

if TYPE_CHECKING:
    from dartsl.searching.session import SearchSession


def saved(session: SearchSession[Any]) -> dict[str, Any]:
    """All that a later session needs to go on bit for bit: tensors, numbers and strings only."""
    phase = session.following
    return {
        "epoch": session.epoch,
        "step": session.number,
        "seconds": session.seconds,
        **session.sums.state_dict(),
        "model": dict(session.model.state_dict()),
        **session.rollback.optimizers_state(),
        **session.rollback.state_dict(),
        **session.freezing.state_dict(),
        **session.curvature.figures(),
        **recorded(session.past),
        **session.stage.state_dict(),
        **({phase.key: phase.state_dict()} if phase.key else {}),
        **session.random_state(),
    }


def schema_of(session: SearchSession[Any]) -> Check:
    """What a saved state must be."""
    phase = session.following
    return record(
        {
            "epoch": whole(),
            "step": whole(),
            "seconds": number(0),
            **session.sums.schema(),
            "model": tensors(session.model.state_dict()),
            **session.rollback.optimizers_schema(),
            **session.rollback.schema(),
            **session.freezing.schema(),
            **session.random_schema(),
        },
        {**PAST, **STAGE_SCHEMA, "curvature": number(), **({phase.key: phase.schema()} if phase.key else {})},
        closed=True,
    )


def take_over(session: SearchSession[Any], state: Mapping[str, Any]) -> None:
    """Take over a saved state. Raises KeyError, ValueError, TypeError or RuntimeError for a misfit."""
    session.model.load_state_dict(state["model"])
    session.stepper.weights.load_state_dict(state["weights_optimizer"])
    session.stepper.alphas.load_state_dict(state["alphas_optimizer"])
    session.epoch, session.number, session.seconds = (
        int(state["epoch"]),
        int(state["step"]),
        float(state["seconds"]),
    )
    session.load_random_state(state)
    session.sums.load_state_dict(state)
    session.rollback.load_state_dict(state)
    session.freezing.load_state_dict(state)
    session.curvature.value = state.get("curvature")
    session.past = restored(state)
    if session.following.key:
        session.following.load_state_dict(state[session.following.key])
