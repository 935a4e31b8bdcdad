"""`loss = "mse"` through every stage: search, train, evaluate, predict, export, plot and compare."""

from __future__ import annotations

import csv
import json
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import dartsl
from dartsl.cli import cli
from tests.python.test_kinds import QUIET, VECTORS

RNG = np.random.default_rng(2)
SPEC = VECTORS.lstrip().replace("linear(classes)", "linear(2)").replace(", classes = 3", "")
OF_MSE = SPEC + 'search {\n  loss = "mse"\n}\n'


def written(place: Path) -> dict[str, Any]:
    """64 vectors, and two targets that follow from them, of units far apart."""
    x = RNG.normal(size=(64, 5)).astype("float32") * 3 + 20
    y = np.stack([1000 + 50 * x[:, 0], 0.01 * x[:, 1] - 0.02 * x[:, 2]], axis=1)
    names = np.array(["price", "share"])
    arrays = {"x_train": x[15:], "y_train": y[15:], "x_test": x[:15], "y_test": y[:15], "target_names": names}
    np.savez(place / "own.npz", **arrays)
    return arrays


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[dartsl.Run, dartsl.Run, dict[str, Any]]:
    place = tmp_path_factory.mktemp("numbers")
    arrays = written(place)
    settings = {**QUIET, "data": str(place / "own.npz")}
    searched = dartsl.search(dartsl.Source("tiny", OF_MSE), place / "searched", **settings, order="exact")
    trained = dartsl.train(searched, place / "trained", **QUIET | {"epochs": 2}, metrics={"largest": largest})
    return searched, trained, arrays


def largest(predictions: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Of predictions and targets (B, 2), in their own units."""
    assert targets[:, 0].min() > 1000
    return (predictions - targets)[:, 0].abs().max()


def test_figures_are_those_of_the_predictions(run: tuple[dartsl.Run, dartsl.Run, dict[str, Any]]) -> None:
    """R2 and mean absolute error, worked out from what `predict` gives."""
    _, trained, arrays = run
    found = dartsl.predict(trained, arrays["x_test"])
    made = np.array([[each.targets["price"], each.targets["share"]] for each in found])
    wanted = arrays["y_test"].astype("float32").astype("float64")
    apart = made - wanted
    r2 = 1 - (apart**2).sum(0) / ((wanted - wanted.mean(0)) ** 2).sum(0)
    mae = np.abs(apart).mean(0)
    test: Any = trained.test
    assert test.r2 == pytest.approx(r2.mean(), rel=1e-4)
    assert test.mae.value == pytest.approx(mae.mean(), rel=1e-4)
    assert {name: fit["mae"] for name, fit in test.targets.items()} == pytest.approx(
        dict(zip(("price", "share"), mae, strict=True)), rel=1e-4
    )
    ours = arrays["y_train"][:45].astype("float32").astype("float64")  # 4 of 49 validate
    squared = ((apart / ours.std(0)) ** 2).mean(1)
    assert test.mse.value == pytest.approx(squared.mean(), rel=1e-4)
    half = 1.959964 * squared.std(ddof=1) / np.sqrt(len(squared))
    assert test.mse.high - test.mse.value == pytest.approx(half, rel=1e-4)
    assert test.metrics["largest"] == pytest.approx(np.abs(apart[:, 0]).max(), rel=1e-4)
    again = dartsl.evaluate(trained, metrics={"largest": largest}).test
    assert again == test
    assert dartsl.Run(trained.path).test == test  # read back from JSON


def test_what_a_run_keeps(run: tuple[dartsl.Run, dartsl.Run, dict[str, Any]], tmp_path: Path) -> None:
    searched, trained, _ = run
    assert 'train {\n  loss = "mse"\n}' in str(searched.found)
    assert dartsl.check(searched.found_spec).train["loss"] == "mse"
    assert (searched.settings["loss"], trained.settings["loss"]) == ("mse", "mse")
    row, last = searched.history[-1], trained.history[-1]
    assert {"train_loss", "train_r2", "train_mae", "validation_r2", "validation_mae"} <= row.keys()
    assert {"val_loss", "val_r2", "val_mae"} <= last["validation"].keys()
    searched.plot(tmp_path / "s.svg")
    assert "mean squared error" in (tmp_path / "s.svg").read_text()
    figures = {each.name for each in dartsl.compare(trained, trained).figures}
    assert {"test mean squared error", "test R2", "test mean absolute error"} <= figures
    more: Any = dartsl.resume(trained, epochs=3, quiet=True, metrics={"largest": largest})
    assert more.finished


def test_a_program_predicts_in_own_units(
    run: tuple[dartsl.Run, dartsl.Run, dict[str, Any]], tmp_path: Path
) -> None:
    _, trained, arrays = run
    dartsl.export(trained, to="torch", output=tmp_path / "model.pt2")
    extra = {"dartsl.json": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=extra).module()
    made = program(torch.from_numpy(arrays["x_test"]))
    wanted = [list(each.targets.values()) for each in dartsl.predict(trained, arrays["x_test"])]
    torch.testing.assert_close(made, torch.tensor(wanted), rtol=1e-4, atol=1e-4)
    assert '"outputs": "in the targets\' own units"' in extra["dartsl.json"]


def test_a_table_of_numbers(tmp_path: Path) -> None:
    rows = [f"{n % 7},{'red' if n % 3 else 'blue'},{n % 7 * 2.5 + n % 3}" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["size,colour,price", *rows]) + "\n")
    text = OF_MSE.replace("vector(5)", "vector(3)").replace("linear(2)", "linear(1)")
    settings = {**QUIET, "data": str(tmp_path / "t.csv"), "target_column": "price"}
    run = dartsl.search(dartsl.Source("tiny", text), tmp_path / "s", **settings)
    trained = dartsl.train(run, tmp_path / "t", **QUIET)
    (tmp_path / "o.csv").write_text("price,colour,size\n3.5,red,1\n7,blue,2\n")
    test: Any = dartsl.evaluate(trained, data=str(tmp_path / "o.csv")).test
    made = [each.targets["price"] for each in dartsl.predict(trained, tmp_path / "o.csv")]
    assert test.examples == 2
    assert test.mae.value == pytest.approx((abs(made[0] - 3.5) + abs(made[1] - 7)) / 2, rel=1e-5)
    (tmp_path / "o.csv").write_text("price,colour,size\nmuch,red,1\n7,blue,2\n")
    with pytest.raises(dartsl.UserError, match="row 2, column `price`: `much` is no number"):
        dartsl.evaluate(trained, data=str(tmp_path / "o.csv"))


def test_large_numbers_with_a_small_spread(tmp_path: Path) -> None:
    """1e9 and some, which float32 would make one number: figures as NumPy has them of what is predicted."""
    x = RNG.normal(size=(60, 5)).astype("float32")
    y = np.stack([1e9 + x[:, 0].astype("float64"), x[:, 1]], axis=1)
    np.savez(tmp_path / "own.npz", x_train=x[20:], y_train=y[20:], x_test=x[:20], y_test=y[:20])
    settings = {**QUIET, "data": str(tmp_path / "own.npz")}
    run = dartsl.search(dartsl.Source("tiny", OF_MSE), tmp_path / "s", **settings)
    assert 0 < run.history[-1]["train_mae"] < 3
    trained = dartsl.train(run, tmp_path / "t", **QUIET | {"epochs": 8, "lr": 0.1})
    inputs = dartsl.trained(trained).inputs
    np.testing.assert_allclose(inputs.target_std, y[20:56].std(0), rtol=1e-7)  # 4 of 40 validate
    np.testing.assert_allclose(inputs.target_mean, y[20:56].mean(0), rtol=1e-15)
    made = np.array([list(each.targets.values()) for each in dartsl.predict(trained, x[:20])])
    test: Any = trained.test
    r2 = 1 - ((made - y[:20]) ** 2).sum(0) / ((y[:20] - y[:20].mean(0)) ** 2).sum(0)
    mae = np.abs(made - y[:20]).mean(0)
    assert test.r2 == pytest.approx(r2.mean(), rel=1e-5)
    assert [fit["r2"] for fit in test.targets.values()] == pytest.approx(list(r2), rel=1e-5)
    assert [fit["mae"] for fit in test.targets.values()] == pytest.approx(list(mae), rel=1e-5)
    assert r2[0] > 0.3
    dartsl.export(trained, to="torch", output=tmp_path / "model.pt2")
    program = torch.export.load(tmp_path / "model.pt2").module()
    np.testing.assert_allclose(program(torch.from_numpy(x[:20])).detach(), made, rtol=1e-14, atol=1e-4)
    shown = CliRunner().invoke(cli, ["predict", str(trained.path), str(tmp_path / "own.npz")]).output
    assert float(shown.split()[3]) == pytest.approx(made[0, 0], abs=0.01)


def test_an_export_of_a_table_says_how_its_rows_are_read(tmp_path: Path) -> None:
    """By its metadata alone, and an independent reader, a program predicts what dartsl does."""
    rows = [f"{n % 7},{'red' if n % 3 else 'blue'},{n % 7 * 2.5 + n % 3}" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["size,colour,price", *rows]) + "\n")
    text = OF_MSE.replace("vector(5)", "vector(3)").replace("linear(2)", "linear(1)")
    settings = {**QUIET, "data": str(tmp_path / "t.csv"), "target_column": "price"}
    run = dartsl.search(dartsl.Source("tiny", text), tmp_path / "s", **settings)
    trained = dartsl.train(run, tmp_path / "t", **QUIET)
    dartsl.export(trained, to="torch", output=tmp_path / "model.pt2")
    extra = {"dartsl.json": ""}
    program = torch.export.load(tmp_path / "model.pt2", extra_files=extra).module()
    features = [
        [float(row[name])] if not categories else [float(row[name] == word) for word in categories]
        for row in csv.DictReader(["size,colour,price", *rows])
        for name, categories in json.loads(extra["dartsl.json"])["columns"]
    ]
    assert "(columns size, colour (2 categories))" in json.loads(extra["dartsl.json"])["takes"]
    made = program(torch.tensor(list(chain.from_iterable(features))).reshape(40, 3))
    wanted = [each.targets["price"] for each in dartsl.predict(trained, tmp_path / "t.csv")]
    torch.testing.assert_close(
        made[:, 0].double(), torch.tensor(wanted, dtype=torch.float64), rtol=1e-5, atol=1e-5
    )


def test_columns_of_a_table_go_with_the_run(tmp_path: Path) -> None:
    """Several targets, and columns that are dropped, from a search to what is measured and predicted."""
    rows = [f"k{n},{n % 7},{n % 5},{n % 7 * 2.5 + n % 5},{n % 3}" for n in range(40)]
    (tmp_path / "t.csv").write_text("\n".join(["id,size,age,price,rooms", *rows]) + "\n")
    text = OF_MSE.replace("vector(5)", "vector(2)")
    settings: dict[str, Any] = {**QUIET, "data": str(tmp_path / "t.csv"), "target_column": ["price", "rooms"]}
    run = dartsl.search(dartsl.Source("tiny", text), tmp_path / "s", **settings, drop_column="id")
    trained = dartsl.train(run, tmp_path / "t", **QUIET)
    assert trained.settings["target_column"] == ["price", "rooms"]
    assert trained.settings["drop_column"] == ["id"]
    (tmp_path / "o.csv").write_text("rooms,price,age,size\n1,3.5,2,1\n2,7,4,2\n")
    test: Any = dartsl.evaluate(trained, data=str(tmp_path / "o.csv")).test
    made = dartsl.predict(trained, tmp_path / "o.csv")
    assert list(made[0].targets) == ["price", "rooms"]
    apart = [abs(each.targets["price"] - price) for each, price in zip(made, (3.5, 7), strict=True)]
    assert test.targets["price"]["mae"] == pytest.approx(sum(apart) / 2, rel=1e-5)
    # Data of another kind take the place of the table, columns and all; asked for, they are refused.
    x = RNG.normal(size=(40, 2)).astype("float32")
    np.savez(tmp_path / "own.npz", x_train=x, y_train=x, x_test=x, y_test=x)
    other = dartsl.train(run, tmp_path / "o", **QUIET, data=str(tmp_path / "own.npz"))
    assert (other.settings["target_column"], other.settings["drop_column"]) == ([], [])


@pytest.mark.parametrize("name", ["target_column", "drop_column"])
def test_columns_of_what_is_no_table_are_refused(tmp_path: Path, name: str) -> None:
    source = dartsl.Source("tiny", SPEC.replace("vector(5)", "vector(30)"))
    settings: Any = {**QUIET, name: "price"}
    with pytest.raises(
        dartsl.UserError, match=f"{name} names columns of a table, and the data `breast_cancer`"
    ):
        dartsl.search(source, tmp_path / "s", data="breast_cancer", **settings)
    given = torch.utils.data.TensorDataset(torch.zeros(8, 30), torch.arange(8) % 2)
    with pytest.raises(dartsl.UserError, match=f"{name} names columns of a table, and data sets are given"):
        dartsl.search(source, tmp_path / "s", data=given, **settings)
    text = SPEC + f'search {{\n  data = "own.npz"\n  {name} = "price"\n}}\n'
    with pytest.raises(dartsl.SpecError, match="E0612"):
        dartsl.check(dartsl.Source("tiny", text))
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("data", "text", "message"),
    [
        ("breast_cancer", OF_MSE.replace("vector(5)", "vector(30)"), "has classes to predict"),
        ("diabetes", SPEC.replace("vector(5)", "vector(10)"), "has numbers to predict, and no classes"),
        (
            "diabetes",
            OF_MSE.replace("vector(5)", "vector(10)"),
            "has 1 target, and the network's head gives 2",
        ),
    ],
)
def test_data_of_the_other_kind_are_refused(tmp_path: Path, data: str, text: str, message: str) -> None:
    with pytest.raises(dartsl.UserError, match=message):
        dartsl.search(dartsl.Source("tiny", text), tmp_path / "s", data=data, **QUIET)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.array(["a"] * 8), "targets are <U1, not numbers"),
        (np.array([1.0, np.nan] * 4), "target 1 is nan"),
        (np.ones((8, 2, 2)), r"targets have shape \(8, 2, 2\)"),
        (np.array([1e300] * 8), "target 0 is 1e"),
        (np.ones((7, 2)), "8 training vectors, but 7 targets"),
        (np.arange(16.0).reshape(8, 2), "training vectors are sorted by target"),
    ],
)
def test_targets_that_are_no_numbers_are_refused(tmp_path: Path, targets: Any, message: str) -> None:
    x = RNG.normal(size=(8, 5)).astype("float32")
    np.savez(tmp_path / "own.npz", x_train=x, y_train=targets, x_test=x, y_test=targets)
    with pytest.raises(dartsl.UserError, match=message):
        dartsl.search(dartsl.Source("tiny", OF_MSE), tmp_path / "s", data=str(tmp_path / "own.npz"), **QUIET)


def test_the_loss_is_asked_for_by_name_or_as_a_function(tmp_path: Path) -> None:
    arrays = written(tmp_path)
    settings = {**QUIET, "data": str(tmp_path / "own.npz")}
    run = dartsl.search(dartsl.Source("tiny", SPEC), tmp_path / "s", loss="mse", **settings)
    assert 'loss = "mse"' in str(run.found)
    assert len(arrays["y_test"]) == 15
    one = SPEC.replace("darts 2", "darts 1").replace("vector(5)", "image(1, 4, 4)")
    one = one.replace("linear > bn\n  stage", "conv(3) > bn\n  stage").replace(
        "linear > bn > relu", "conv(3)"
    )
    one = one.replace("head  linear", "head  global_avg_pool > linear")
    with pytest.raises(dartsl.UserError, match="known from `darts 2` on"):
        dartsl.search(dartsl.Source("tiny", one), tmp_path / "o", loss="mse", **QUIET)
    (tmp_path / "one.darts").write_text(one)
    (tmp_path / "two.darts").write_text('darts 2\nimport "./one"\nsearch {\n  loss = "mse"\n}\n')
    with pytest.raises(dartsl.SpecError, match=r"on, and .*one\.darts is written in darts 1"):
        dartsl.sample(tmp_path / "two.darts", network="tiny")
    with pytest.raises(dartsl.UserError, match="says `loss = mse`, and `cross_entropy` is asked for"):
        dartsl.search(dartsl.Source("tiny", OF_MSE), tmp_path / "o", loss="cross_entropy", **settings)
    with pytest.raises(dartsl.UserError, match="label_smoothing is about classes"):
        dartsl.train(run, tmp_path / "o", **QUIET, label_smoothing=0.1)


class Own(torch.utils.data.Dataset[tuple[torch.Tensor, Any]]):
    """Vectors and what follows from them, as tensors (T,), arrays or lists."""

    def __init__(self, count: int, kind: Any) -> None:
        draws = np.random.default_rng(count)
        self.x = draws.normal(size=(count, 5)).astype("float32")
        self.y = np.stack([1e9 + self.x[:, 0].astype("float64"), 3 * self.x[:, 1]], axis=1)
        self.kind = kind

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, place: int) -> tuple[torch.Tensor, Any]:
        return torch.from_numpy(self.x[place]), self.kind(self.y[place])


def test_data_and_loss_of_ones_own(tmp_path: Path) -> None:
    """The loss is of standardised outputs and targets, and is what `val_loss` says; R2 and MAE are as of a file."""
    huber = torch.nn.HuberLoss(delta=0.5)
    train, test = Own(40, torch.from_numpy), Own(16, list)
    source = dartsl.Source("tiny", OF_MSE)
    searched = dartsl.search(source, tmp_path / "s", data=train, loss=huber, **QUIET, order="2")
    with pytest.raises(
        dartsl.UserError, match="in forward mode, and torch has none of `huber_loss_backward`"
    ):
        dartsl.search(source, tmp_path / "e", data=train, loss=huber, **QUIET, order="exact")
    given: dict[str, Any] = {"data": (train, Own(12, np.asarray), test), "loss": huber}
    trained = dartsl.train(searched, tmp_path / "t", **given, **QUIET | {"epochs": 4, "lr": 0.1})
    inputs: Any = dartsl.trained(trained).inputs
    np.testing.assert_allclose(inputs.target_mean, train.y.mean(0), rtol=1e-15)
    np.testing.assert_allclose(inputs.target_std, train.y.std(0), rtol=1e-7)
    outputs = trained.model(device="cpu")(torch.from_numpy(test.x)).detach().double()
    wanted = torch.from_numpy((test.y - train.y.mean(0)) / train.y.std(0))
    found: Any = trained.test
    assert found.metrics["loss"] == pytest.approx(float(huber(outputs, wanted)), rel=1e-4)
    assert found.mse.value == pytest.approx(float((outputs - wanted).square().mean()), rel=1e-4)
    r2 = 1 - ((outputs - wanted) ** 2).sum(0) / ((wanted - wanted.mean(0)) ** 2).sum(0)
    assert found.r2 == pytest.approx(float(r2.mean()), rel=1e-4)
    assert trained.history[-1]["validation"]["val_loss"] > 0
    assert dartsl.evaluate(trained, **given).test == found
    assert dartsl.evaluate(trained, data=test, loss=huber).test == found
    assert dartsl.resume(trained, epochs=5, quiet=True, **given).finished
    with pytest.raises(dartsl.UserError, match="code of its user prepared"):
        dartsl.predict(trained, test.x)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (lambda y: y[:1], "has 1 target, and the network's head gives 2"),
        (lambda y: [1.0, np.inf], "the target of training image . is inf"),
        (lambda y: "much", "is not .image, target."),
    ],
)
def test_targets_of_ones_own_that_are_none_are_refused(tmp_path: Path, kind: Any, message: str) -> None:
    with pytest.raises(dartsl.UserError, match=message):
        dartsl.search(dartsl.Source("tiny", OF_MSE), tmp_path / "s", data=Own(16, kind), **QUIET)
