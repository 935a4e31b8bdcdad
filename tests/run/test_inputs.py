"""What `run.json` keeps of a run's data: it comes back exactly, and what no run has written is refused."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from dartsl.lang.codes.diagnostics import UserError
from dartsl.run.inputs import ImageInputs, Inputs, TextInputs, read_inputs, read_vocabulary

IMAGES = ImageInputs((3, 8, 6), (0.1, 1 / 3, 0.7), (0.2, 0.3, 1e-7), ("cat", "f\udcff", "ō"), 9)


@pytest.mark.parametrize("inputs", [IMAGES, TextInputs("char"), TextInputs("word")])
def test_inputs_come_back_to_the_last_bit(inputs: Inputs) -> None:
    assert read_inputs(json.loads(json.dumps(asdict(inputs)))) == inputs


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"kind": "sound"}, "kind"),
        ({"shape": [3, 8]}, "shape"),
        ({"shape": [3, 0, 8]}, "shape"),
        ({"shape": [3, True, 8]}, "shape"),
        ({"mean": [0.1]}, "mean"),
        ({"mean": [0.1, "0.2", 0.3]}, "mean"),
        ({"std": [0.1, 0.2, 0.0]}, "std"),
        ({"std": [0.1, 0.2, float("nan")]}, "std"),
        ({"std": [0.1, 0.2, 10**400]}, "std"),
        ({"classes": []}, "classes"),
        ({"classes": ["cat", 5]}, "classes"),
        ({"resize": -1}, "resize"),
        ({"resize": None}, "resize"),
        ({"kind": "text", "level": "line"}, "level"),
        ({"kind": "text", "level": ["word"]}, "level"),
    ],
)
def test_what_no_run_has_written_is_refused(change: dict[str, Any], what: str) -> None:
    record = json.loads(json.dumps(asdict(IMAGES)))
    with pytest.raises(ValueError, match=what):
        read_inputs(record | change)


@pytest.mark.parametrize("record", [None, [], "images", {}])
def test_what_is_no_object_is_refused(record: object) -> None:
    with pytest.raises(ValueError, match=r"no object|kind"):
        read_inputs(record)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_a_vocabulary_that_is_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "vocabulary.json")
    with pytest.raises(UserError, match="it is not a regular file"):
        read_vocabulary(tmp_path / "vocabulary.json", 2)


@pytest.mark.parametrize("text", ["[" * 100_000, '{"vocabulary": ["a"]}', "[]", '{"vocabulary": ["a", 1]}'])
def test_a_damaged_vocabulary_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "vocabulary.json").write_text(text)
    with pytest.raises(UserError, match=r"vocabulary\.json is damaged"):
        read_vocabulary(tmp_path / "vocabulary.json", 2)
