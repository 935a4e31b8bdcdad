"""The search: the bilevel step, the session that takes it, and what is derived from the alphas."""
