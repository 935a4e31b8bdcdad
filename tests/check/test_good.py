"""Sound specs: those that are shipped, and tests/good."""

from __future__ import annotations

from pathlib import Path

import pytest

from dartsl.lang.checker import diagnose
from dartsl.lang.syntax.loader import read_file
from dartsl.lang.syntax.resources import shipped_specs

GOOD = {path.stem: path for path in sorted((Path(__file__).parents[1] / "good").glob("*.darts"))}
SPECS = {**GOOD, **shipped_specs()}


@pytest.mark.parametrize("name", SPECS)
def test_nothing_is_found(name: str) -> None:
    report = diagnose(read_file(SPECS[name], f"{name}.darts"))
    errors = [(d.code, d.title, d.primary.span.position) for d in report.errors]
    assert errors == []
    assert report.spec is not None
    assert report.spec.warnings == report.diagnostics


def test_the_corners_of_the_rules_give_no_warning() -> None:
    assert diagnose(read_file(GOOD["corners"], "corners.darts")).diagnostics == ()
