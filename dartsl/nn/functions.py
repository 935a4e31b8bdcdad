"""The functions that applications become whose kinds passes have made, or that stand in networks of text alone."""

from __future__ import annotations

from dartsl.nn import channels, fused, fused_pools, fused_separable, fused_stack, fused_text, text

FUSED = {
    **fused.FUNCTIONS,
    **fused_stack.FUNCTIONS,
    **fused_separable.FUNCTIONS,
    **fused_pools.FUNCTIONS,
    **fused_text.FUNCTIONS,
    **text.FUNCTIONS,
    **channels.FUNCTIONS,
}
