"""Kernels on the CPU, in Triton's interpreter (tests/conftest.py asks for it)."""

from __future__ import annotations

import importlib.util

import pytest

from dartsl.nn.kernels import choice

collect_ignore_glob = [] if importlib.util.find_spec("triton") else ["test_*.py"]  # there for Linux alone


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within it chains on the CPU run through kernels."""
    from dartsl.nn.kernels.stage import Tiles

    monkeypatch.setattr(choice, "interpreted", Tiles(256, 4))
