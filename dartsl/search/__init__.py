"""The search: the bilevel step, the loop around it, and what is derived from the alphas."""
