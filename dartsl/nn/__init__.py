"""Operation graphs as torch modules: primitives, lowering, the supernet. Torch is imported from here on."""
