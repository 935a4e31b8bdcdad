"""Widths, strides and sizes of a checked spec, worked out for one network."""
