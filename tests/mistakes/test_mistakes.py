"""What newcomers write by mistake, one mistake a file, and beside it what `dartsl check` says of it.

Files whose text reports no error are no mistakes; they must stay accepted.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from dartsl.lang.checker import diagnose
from dartsl.lang.codes.render import report
from dartsl.lang.syntax.loader import read_file
from tests.conftest import Golden

CASES = sorted(Path(__file__).parent.glob("*.darts"))
# Mistakes that are two, and reported as two.
SEVERAL = {"name_dense": 2, "name_gap": 2, "name_two_files": 2}


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_mistake(path: Path, golden: Golden) -> None:
    found = diagnose(read_file(path, path.name))
    golden(path.with_suffix(".txt"), report(path.name, found.diagnostics, found.size) + "\n")
    assert len(found.diagnostics) <= SEVERAL.get(path.stem, 1)
    assert all(fault.help or fault.primary.text for fault in found.diagnostics)
