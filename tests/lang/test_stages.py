"""Stages of a search: as text, as a list, in a spec; how they share the epochs of a run."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from dartsl.lang.checker import check, diagnose
from dartsl.lang.codes.source import Source
from dartsl.lang.records.inputs import Images
from dartsl.lang.settings.stages import SearchStage, Stages
from dartsl.lang.settings.values import search_config
from tests.lang.test_together import IMAGES

FIRST = "stage(keep = 8, epochs = 25, n = 1, skip_dropout = 0.1, partial = 2)"
TEXT = f"{FIRST}, stage(keep = 5, epochs = 25), stage(keep = 3, epochs = 50)"


def test_their_text_and_their_list_are_the_same() -> None:
    found = Stages.of(TEXT)
    assert str(found) == TEXT
    assert found.stages[0] == SearchStage(8, 25, 0.1, (("n", Fraction(1)),), 2)
    first = {"keep": 8, "epochs": 25, "n": 1, "skip_dropout": 0.1, "partial": 2}
    listed = [first, "stage(keep=5, epochs=25,)", SearchStage(3, 50)]
    assert Stages.of(listed) == Stages.of(f"[{TEXT}]") == Stages.of(found) == found
    assert Stages.of("") == Stages() == Stages.of([])
    spec = check(
        Source("s.darts", IMAGES.replace("C = 4", "C = 4, n = 1") + f"search {{ stages = [{TEXT}] }}")
    )
    assert spec.search["stages"] == found


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("stage(keep = 3), stage(keep = 4)", "stage 2 keeps 4"),
        ("stage(keep = 3), stage()", "stage 2 keeps all"),
        ("stage(epochs = 3), stage(keep = 1)", "each says its `epochs`"),
        ("stage(keep = 0)", "a whole number from 1 for `keep`"),
        ("stage(epochs = 1.5)", "a whole number from 1 for `epochs`"),
        ("stage(skip_dropout = 2)", "from 0 to 1"),
        ("stage(partial = 0)", "a whole number from 1 for `partial`"),
        ("stage(keep = 1, keep = 2)", "stages such as"),
        ("stages(keep = 1)", "stages such as"),
        ("stage(keep = 1e999999999)", "stages such as"),
        ("stage(keep 1)", "stages such as"),
        ([{"keep": "2"}], "a number for `keep`"),
        ([{"n": True}], "a number for `n`"),
        ([3], "stages such as"),
        (3, "stages such as"),
    ],
)
def test_what_is_no_stage(value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Stages.of(value)


def test_epochs_are_those_of_the_stages_or_shared_out() -> None:
    found = Stages.of(TEXT)
    assert (found.epochs, found.ends(100), found.ends(10)) == (100, [25, 50, 100], [3, 5, 10])
    assert (found.shortest(100), found.shortest(10), found.shortest(2)) == (25, 2, 0)
    even = Stages.of("stage(), stage(keep = 2), stage(keep = 1)")
    assert (even.epochs, even.ends(9), even.ends(4)) == (0, [3, 6, 9], [1, 3, 4])
    with pytest.raises(ValueError, match="too few for 3 stages"):
        even.ends(2)
    assert search_config(Images, {"stages": TEXT}).epochs == 100
    assert search_config(Images, {"epochs": 7}, {"stages": TEXT}).epochs == 100
    assert search_config(Images, {"stages": TEXT}, {"epochs": 8}).epochs == 8
    assert search_config(Images, {"stages": TEXT, "epochs": 8}).epochs == 8
    assert search_config(Images, {"stages": str(even)}).epochs == 50


@pytest.mark.parametrize(
    ("block", "codes"),
    [
        ("stages = [stage(m = 2)]", ["E0603"]),
        ("stages = [stage(epochs = 5)] epochs = 4", ["E0612"]),
        ("stages = [stage(epochs = 5)] epochs = 5", []),
        ('stages = [stage()] stop = "skips"', ["E0612"]),
        ('stages = [stage(), stage(C = 8)] stages_start = "kept"', ["E0612"]),
        ("stages = [stage(), stage()] warmup = 25", ["E0612"]),
        ("stages = [stage(partial = 4), stage(partial = 2)]", []),
        ("stages = [stage(partial = 2), stage(partial = 3)]", ["E0613"]),
        ("stages = [stage(partial = 2), stage()] partial = 3", ["E0613"]),
        ("stages = [stage(partial = 2), stage(partial = 4)] partial = 3", []),
        ('stages = [stage(partial = 4), stage(partial = 2)] stages_start = "kept"', []),
        ('stages = [stage(partial = 2), stage(partial = 4)] stages_start = "kept"', ["E0612"]),
        ('stages = [stage(), stage(partial = 4)] partial = 2 stages_start = "kept"', ["E0612"]),
        ('stages = [stage(partial = 4), stage()] partial = 4 stages_start = "kept"', []),
        ("stages = [stage(partial = 1.5)]", ["E0603"]),
        ("stages = [5]", ["E0603"]),
        ("epochs = [stage(epochs = 5)]", ["E0603"]),
        ("stages = stage(epochs = 5)", ["E0100"]),
    ],
)
def test_slips_in_a_spec(block: str, codes: list[str]) -> None:
    found = diagnose(Source("s.darts", IMAGES + f"search {{ {block} }}")).diagnostics
    assert [each.code for each in found if each.severity == "error"] == codes
