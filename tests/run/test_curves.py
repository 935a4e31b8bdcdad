"""The data of a run's picture: which numbers of a history go into which panel."""

from __future__ import annotations

import math
from typing import Any

import pytest

from dartsl.run.curves import CellShares, EdgeShares, Line, Panel, averaged_since, curves

SEARCH = [
    {
        "epoch": epoch,
        "lr": 0.02 / epoch,
        "train_loss": 2.0 / epoch,
        "train_accuracy": 0.25 * epoch,
        "validation_loss": 3.0 / epoch,
        "validation_accuracy": 0.125 * epoch,
        "entropy": {"normal": 1.5, "reduction": 1.25 / epoch},
        "seconds": 4,
    }
    for epoch in (1, 2)
]
TEXT = {
    "epoch": 1,
    "lr": 20.0,
    "averaged": False,
    "train_loss": 5.0,
    "train_perplexity": 148.4,
    "validation": {"val_loss": 4.0, "val_ppl": 54.6},
    "seconds": 1.5,
}


def test_a_search_of_images() -> None:
    assert curves(SEARCH) == [
        Panel("loss", (Line("training", ((1, 2.0), (2, 1.0))), Line("validation", ((1, 3.0), (2, 1.5))))),
        Panel(
            "accuracy",
            (Line("training", ((1, 0.25), (2, 0.5))), Line("validation", ((1, 0.125), (2, 0.25)))),
        ),
        Panel("entropy", (Line("normal", ((1, 1.5), (2, 1.5))), Line("reduction", ((1, 1.25), (2, 0.625))))),
        Panel("learning rate", (Line("lr", ((1, 0.02), (2, 0.01))),)),
        Panel("seconds", (Line("epoch", ((1, 4.0), (2, 4.0))),)),
    ]


def test_a_training_of_text() -> None:
    found = {panel.title: panel.lines for panel in curves([TEXT])}
    assert found["loss"] == (Line("training", ((1, 5.0),)), Line("validation", ((1, 4.0),)))
    assert found["perplexity"] == (Line("training", ((1, 148.4),)), Line("validation", ((1, 54.6),)))
    assert averaged_since([TEXT, TEXT | {"epoch": 2}]) is None
    assert averaged_since([TEXT, TEXT | {"epoch": 2, "averaged": True}]) == 2


def test_what_is_missing_or_beyond_all_bounds_leaves_no_point() -> None:
    """A training with --final watches nothing, an accuracy of no image is null, and a validation can diverge."""
    rows: list[dict[str, Any]] = [
        {"epoch": 1, "train_loss": 2.0, "train_accuracy": None, "validation": None},
        {
            "epoch": 2,
            "train_loss": 1.0,
            "train_accuracy": 0.5,
            "validation": {"val_acc": 0.25, "val_top5": None},
        },
        {"epoch": 3, "train_loss": math.inf, "train_perplexity": 1e304, "validation": {"val_acc": math.nan}},
    ]
    assert curves(rows) == [
        Panel("loss", (Line("training", ((1, 2.0), (2, 1.0))),)),
        Panel("accuracy", (Line("training", ((2, 0.5),)), Line("validation", ((2, 0.25),)))),
    ]
    assert curves([]) == []


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"train_loss": 1.0}], "epochs are not in order"),
        ([{"epoch": "1"}], "epochs are not in order"),
        ([{"epoch": True}], "epochs are not in order"),
        ([{"epoch": 2}, {"epoch": 2}], "epochs are not in order"),
        ([{"epoch": 1, "train_loss": "low"}], "`train_loss` of epoch 1 is not a number"),
        ([{"epoch": 1, "train_loss": True}], "`train_loss` of epoch 1 is not a number"),
        ([{"epoch": 1, "train_loss": 10**400}], "`train_loss` of epoch 1 is too large"),
        ([{"epoch": 1, "entropy": {"normal": []}}], "`entropy` of epoch 1 is not a number"),
        ([{"epoch": 1, "validation": 3}], "`validation` of epoch 1 is not what it was"),
    ],
)
def test_a_damaged_history_is_refused(rows: list[dict[str, Any]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        curves(rows)


def test_means_of_a_cell_add_up_to_one() -> None:
    first = EdgeShares("a -> b", "b", ("none", "skip_connect"), ((0.5, 0.25), (0.5, 0.75)), 1, 0.5, True, 0.5)
    second = EdgeShares(
        "a -> c", "c", ("skip_connect", "conv(3)"), ((0.5, 0.75), (0.5, 0.25)), 0, 0.5, True, 0.5
    )
    cell = CellShares("cell", (1, 2), (first, second))
    assert cell.labels == ("none", "skip_connect", "conv(3)")
    assert cell.means() == (
        Line("none", ((1, 0.25), (2, 0.125))),
        Line("skip_connect", ((1, 0.5), (2, 0.75))),
        Line("conv(3)", ((1, 0.25), (2, 0.125))),
    )
