"""A network that a search could not change. Needs no torch: it is asked first."""

from __future__ import annotations

from dartsl.lang.codes.diagnostics import UserError


def nothing_to_search(network: str) -> UserError:
    """The error of a search on a network without a choice."""
    return UserError(
        f"network `{network}` offers no choice: there is nothing to search",
        "an edge offers a choice as in `edge c0 -> n0 : skip_connect | sep_conv_3x3`; `dartsl train` trains the "
        "network as it is",
    )
