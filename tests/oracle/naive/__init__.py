"""DARTS for images, one module an operation, written from the method's description alone.

Nothing here imports dartsl, and nothing here is fast: models are copied whole where the method asks for a
pass at other weights. Source: Liu, Simonyan and Yang, "DARTS: Differentiable Architecture Search", ICLR 2019.
"""
