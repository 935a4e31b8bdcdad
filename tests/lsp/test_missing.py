"""`dartsl lsp` where pygls is not installed, or is an old one."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
from click.testing import CliRunner

from dartsl.cli import cli

OLD = ModuleType("pygls.lsp")
OLD.__path__ = []


@pytest.mark.parametrize("found", [None, OLD])
def test_pygls_is_asked_for(found: ModuleType | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygls.lsp", found)  # None: it cannot be imported
    monkeypatch.delitem(sys.modules, "pygls.lsp.server", raising=False)
    result = CliRunner().invoke(cli, ["lsp"], prog_name="dartsl")
    assert result.exit_code == 1
    assert 'pip install "dartsl[lsp]"' in result.output
