"""An independent check of the whole method: DARTS written naively, and dartsl compared with it."""
