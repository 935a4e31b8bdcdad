"""The settings of `search {}` and `train {}`, without torch."""
