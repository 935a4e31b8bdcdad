"""A tiny run of every stage for each kind of example: search, train, evaluate, predict and export, from Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from rich.console import Console

import dartsl
from dartsl.api.sweeping import plan_sweep, sweep_lines
from dartsl.cli import cli

QUIET: Any = {"console": Console(quiet=True), "device": "cpu", "batch": 8, "epochs": 1}
RNG = np.random.default_rng(1)
IMAGES = """
darts 1
import "std/cnn"
cell normal {
  input  c0 : preprocess
  node   n : sum
  edge   c0 -> n : skip_connect | conv(3)
  output n
}
network tiny(C = 2, classes = 3) {
  input image(2, 4, 5)
  stem  conv(3) > bn
  stage normal width C
  head  global_avg_pool > linear(classes)
}
"""


SERIES = """
darts 2
import "std/cnn"
cell normal {
  input  c0 : preprocess
  node   n : sum
  edge   c0 -> n : skip_connect | sep_conv(3)
  output n
}
network tiny(C = 2, classes = 3) {
  input series(2, 9)
  stem  conv(3) > bn
  stage normal/2 width C
  head  global_avg_pool > linear(classes)
}
"""
VECTORS = """
darts 2
cell normal {
  input  c0
  node   n : sum
  edge   c0 -> n : identity | linear > bn > relu
  output n
}
network tiny(C = 4, classes = 3) {
  input vector(5)
  stem  linear > bn
  stage normal width C
  head  linear(classes)
}
"""
OF_TWO = VECTORS.replace("vector(5)", "vector(2)").replace("classes = 3", "classes = 2").lstrip()
CASES = {"images": (IMAGES, (4, 5, 2)), "series": (SERIES, (9, 2)), "vectors": (VECTORS, (5,))}


def labelled(count: int, *shape: int) -> dict[str, Any]:
    """Float32 examples whose first number says their class, of 3."""
    labels = RNG.permutation(np.arange(count) % 3)
    found = RNG.normal(size=(count, *shape)).astype("float32") * 7 + 100
    found.reshape(count, -1)[:, 0] += 50 * labels
    test = count // 4
    return {
        "x_train": found[test:], "y_train": labels[test:], "x_test": found[:test], "y_test": labels[:test],
    }  # fmt: skip


def stages(place: Path, spec: str, arrays: dict[str, Any]) -> tuple[dartsl.Run, np.ndarray[Any, Any]]:
    """A search and a training of what it found; the test examples as the network takes them, standardised by hand."""
    np.savez(place / "own.npz", **arrays)
    settings = {"data": str(place / "own.npz"), **QUIET}
    run = dartsl.search(dartsl.Source("tiny", spec.lstrip()), place / "searched", **settings)
    trained = dartsl.train(run, place / "trained", **settings)
    train = arrays["x_train"].astype("float64")
    if "image(" not in spec:  # of images those that validate are measured, too
        train = train[: len(train) - len(train) // 10]
    axes = tuple(range(train.ndim - 1))
    seen = (arrays["x_test"] - train.mean(axes)) / train.std(axes)
    return trained, np.moveaxis(seen, -1, 1).astype("float32")


@pytest.mark.parametrize("kind", CASES)
def test_every_stage(kind: str, tmp_path: Path) -> None:
    spec, shape = CASES[kind]
    arrays = labelled(40, *shape)
    trained, seen = stages(tmp_path, spec, arrays)
    model = trained.model(device="cpu")
    with torch.no_grad():
        logits = model(torch.from_numpy(seen))  # (N, 3)
    test = dartsl.evaluate(trained).test
    assert test.correct == int((logits.argmax(1).numpy() == arrays["y_test"]).sum())
    found = dartsl.predict(trained, arrays["x_test"])
    assert [each.classes[0] for each in found] == [str(label) for label in logits.argmax(1).tolist()]
    np.savez(tmp_path / "new.npz", x=arrays["x_test"])
    assert [each.classes for each in dartsl.predict(trained, tmp_path / "new.npz")] == [
        e.classes for e in found
    ]
    dartsl.export(trained, to="torch", output=tmp_path / "model.pt2")
    extra = {"dartsl.json": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=extra).module()
    swaps = "(B, 2, 9) channels first (swap the last two axes of stored (N, length, channels))"
    assert (swaps in json.loads(extra["dartsl.json"])["takes"]) == (kind == "series")
    raw = torch.from_numpy(np.moveaxis(arrays["x_test"], -1, 1).copy())
    torch.testing.assert_close(program(raw), logits, rtol=1e-4, atol=1e-4)
    with pytest.raises(dartsl.UserError, match=r"trained on float32 .*, which uint8 cannot hold"):
        dartsl.export(trained, to="torch", output=tmp_path / "u.pt2", uint8=True)
    if kind != "images":
        return
    pixels = {name: x.astype("uint8") for name, x in arrays.items() if name[0] == "x"}
    np.savez(tmp_path / "pixels.npz", **arrays | pixels)
    with pytest.raises(dartsl.UserError, match=r"of pixels.npz are uint8, and those that .* float32"):
        dartsl.evaluate(trained, data=str(tmp_path / "pixels.npz"))


TABLE = [
    "size,colour,weight,kind",
    *(f"{n / 7},{'red' if n % 2 else 'blue'},{n % 5},{'ab'[n % 2]}" for n in range(40)),
]


def test_a_table(tmp_path: Path) -> None:
    """Its words become a feature for each category, which later tables get too."""
    (tmp_path / "own.csv").write_text("\n".join(TABLE))
    spec = dartsl.Source("tiny", VECTORS.lstrip().replace("vector(5)", "vector(4)"))
    settings = {
        **QUIET,
        "data": str(tmp_path / "own.csv"),
        "target_column": "kind",
        "parameters": {"classes": 2},
    }
    run = dartsl.search(spec, tmp_path / "searched", **settings)
    trained = dartsl.train(
        run, tmp_path / "trained", **{n: v for n, v in settings.items() if n != "parameters"}
    )
    (tmp_path / "new.csv").write_text("weight,colour,size\n3,red,1.5\n0,blue,0.5\n")
    found = dartsl.predict(trained, tmp_path / "new.csv")
    raw = torch.tensor([[1.5, 0, 1, 3], [0.5, 1, 0, 0]])  # size, blue, red, weight
    again = dartsl.predict(trained, raw)
    assert [each.probabilities for each in found] == [each.probabilities for each in again]
    assert {each.classes[0] for each in found} <= {"a", "b"}
    asked = CliRunner().invoke(cli, ["predict", str(trained.path)])
    assert "Missing argument 'FILES...': a .csv table" in asked.stderr
    (tmp_path / "other.csv").write_text("weight,colour,size,kind\n3,red,1.5,a\n0,blue,0.5,a\n3,red,1.5,b\n")
    test = dartsl.evaluate(trained, data=str(tmp_path / "other.csv")).test
    likely = [each.classes[0] for each in found]
    wanted = sum(each == answer for each, answer in zip([*likely, likely[0]], "aab", strict=True))
    assert (test.images, test.correct, test.of) == (3, wanted, "vectors")
    (tmp_path / "new.csv").write_text("weight,colour,size\n3,green,1.5\n")
    with pytest.raises(dartsl.UserError, match="row 2, column `colour`: `green` is none of its categories"):
        dartsl.predict(trained, tmp_path / "new.csv")


def test_a_table_of_large_numbers_keeps_its_target_from_search_to_prediction(tmp_path: Path) -> None:
    """A training takes the target of its search, and the run of a column of 1e12 opens again."""
    rows = [f"{RNG.normal() * 1e12},{RNG.normal()},{'yes' if n % 2 else 'no'}" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["size,other,answer", *rows]) + "\n")
    spec = dartsl.Source(
        "tiny", VECTORS.replace("vector(5)", "vector(2)").replace("classes = 3", "classes = 2").lstrip()
    )
    data = {"data": str(tmp_path / "t.csv"), **QUIET}
    run = dartsl.search(spec, tmp_path / "searched", target_column="answer", **data)
    trained = dartsl.train(run, tmp_path / "trained", **QUIET)
    assert trained.settings["target_column"] == ["answer"]
    assert len(dartsl.predict(trained, tmp_path / "t.csv")) == 40


def test_what_is_no_number_is_refused_in_predictions_too(tmp_path: Path) -> None:
    trained, _ = stages(tmp_path, VECTORS, labelled(40, 5))
    found = np.zeros((3, 5), np.float32)
    found[1, 2] = np.nan
    with pytest.raises(dartsl.UserError, match="example 1 holds nan, at 2"):
        dartsl.predict(trained, found)


def test_a_sweep_of_a_table_trains_on_the_target_of_its_searches(tmp_path: Path) -> None:
    rows = [f"{n % 7},{n % 5},{'yes' if n % 2 else 'no'}" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["size,other,answer", *rows]) + "\n")
    (tmp_path / "tiny.darts").write_text(OF_TWO + '\nsearch {\n  target_column = "answer"\n}\n')
    folder = plan_sweep(
        tmp_path / "tiny.darts", tmp_path / "sweep", data=str(tmp_path / "t.csv"), seeds=1, random=0, epochs=1,
        train_epochs=1,
    )  # fmt: skip
    trains = [line for line in sweep_lines(folder) if "# dartsl train" in line]
    assert trains
    assert all("--target-column answer" in line for line in trains)
