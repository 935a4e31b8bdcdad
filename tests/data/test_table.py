"""Tables: what is read of them, and what is refused with its row and its column."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dartsl.data import load
from dartsl.data.readers import table
from dartsl.data.targets import Wanted
from dartsl.lang.codes.diagnostics import UserError

ANSWER = Wanted(("answer",))
ROWS = [f"{n},{'red' if n % 2 else 'blue'},{'yes' if n % 3 else 'no'}" for n in range(30)]


def written(path: Path, *rows: str, header: str = "size,colour,answer") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_numbers_stay_and_words_become_features(tmp_path: Path) -> None:
    found = load(str(written(tmp_path / "t.csv", *ROWS)), expect=(3, 2), wanted=ANSWER)
    assert found.names == ("no", "yes")
    assert found.columns == (("size", ()), ("colour", ("blue", "red")))
    every = np.concatenate([found.train_images.numpy(), found.test_images.numpy()])
    labels = np.concatenate([found.train_labels.numpy(), found.test_labels.numpy()])
    order = every[:, 0].argsort()
    numbers = np.arange(30)
    wanted = np.stack([numbers, numbers % 2 == 0, numbers % 2 == 1], axis=1)
    np.testing.assert_array_equal(every[order], wanted)
    np.testing.assert_array_equal(labels[order], (numbers % 3 > 0).astype(int))
    assert np.bincount(found.test_labels).tolist() == [2, 4]  # a fifth of 10 and of 20
    again = load(str(tmp_path / "t.csv"), expect=(3, 2), wanted=ANSWER)
    np.testing.assert_array_equal(found.train_images, again.train_images)


@pytest.mark.parametrize(
    ("place", "row", "message"),
    [
        (3, "?,red,yes", "row 5, column `size`: a value is missing"),
        (3, "2,NaN,yes", "row 5, column `colour`: a value is missing"),
        (0, "7,red,", "row 2, column `answer`: a value is missing"),
        (4, "x7,red,yes", "row 6, column `size`: `x7` is no number"),
        (4, "1e300,red,yes", "row 6, column `size`: `1e300` is beyond"),
        (2, "1,red", "row 4 has 2 values, and there are 3 columns"),
        (2, "1", "row 4 has 1 value, and there are 3 columns"),
        (4, "1_000,red,yes", "row 6, column `size`: `1_000` is no number"),
        (4, "\u0661,red,yes", "row 6, column `size`: `\u0661` is no number"),
        (4, "7,8,yes", "row 6, column `colour`: `8` is a number, and most of the column are words"),
        (2, "\n\n1,red", "row 6 has 2 values"),  # blank rows count, as they do in a spreadsheet
    ],
)
def test_a_fault_is_refused_with_its_place(tmp_path: Path, place: int, row: str, message: str) -> None:
    rows = [*ROWS[:place], row, *ROWS[place + 1 :]]
    with pytest.raises(UserError, match=message):
        load(str(written(tmp_path / "t.csv", *rows)), expect=(3, 2), wanted=ANSWER)


def test_all_missing_values_are_said_at_once(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "1,,yes", *["?,red,yes"] * 10, "2,red,", *ROWS)
    with pytest.raises(UserError) as caught:
        load(str(path), expect=(3, 2), wanted=ANSWER)
    said = caught.value.message.removeprefix(f"{path}: 12 values are missing: ").split("; ")
    assert said[:2] == ["row 2, column `colour`", "row 3, column `size`"]
    assert said[9:] == ["row 11, column `size`", "and 2 more"]


@pytest.mark.parametrize(
    ("header", "target", "message"),
    [
        ("size,size,answer", "answer", "has the column `size` twice"),
        ("1,2,3", "3", "its first row names no columns"),
        ("size,,answer", "answer", "column 2 of 3 has no name"),
        ("size,colour,answer", "", "which column is to be predicted"),
        ("size,colour,answer", "anser", "has no column `anser`"),
        ("size,colour,answer", "size", "has 30 classes in 30 rows"),
    ],
)
def test_a_table_without_names_is_refused(tmp_path: Path, header: str, target: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        table.read(written(tmp_path / "t.csv", *ROWS, header=header), Wanted((target,) if target else ()))


def test_a_file_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "BYTES", 10)
    with pytest.raises(UserError, match="tables are read up to 10"):
        load(str(written(tmp_path / "t.csv", *ROWS)), expect=(3, 2), wanted=ANSWER)


def test_breast_cancer_and_the_digits_as_series() -> None:
    cancer, digits = load("breast_cancer", expect=(30, 2)), load("digits", expect=(1, 64, 10))
    assert (len(cancer.train_labels), len(cancer.test_labels)) == (456, 113)
    assert cancer.names == ("malignant", "benign")
    images = load("digits").train_images
    assert digits.train_images.shape == (1500, 64, 1)
    np.testing.assert_array_equal(
        np.rint(digits.train_images.numpy().reshape(-1, 8, 8) * 255 / 16), images[..., 0].numpy()
    )


def test_a_table_of_its_target_alone_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", *(["yes", "no"] * 5), header="answer")
    with pytest.raises(UserError, match="no column is left to predict `answer` from"):
        table.read(path, ANSWER)


def test_a_target_that_is_no_class_is_refused_before_all_else(tmp_path: Path) -> None:
    rows = [f"{n},{n / 7}" for n in range(20)]
    path = written(tmp_path / "t.csv", "word,-1", *rows, header="size,answer")
    with pytest.raises(UserError, match="has 21 classes in 21 rows"):
        table.read(path, ANSWER)


def test_the_only_row_of_a_class_trains(tmp_path: Path) -> None:
    rows = [f"{n},red,{'rare' if n == 7 else 'often'}" for n in range(20)]
    found = load(str(written(tmp_path / "t.csv", *rows)), expect=(2, 2), wanted=ANSWER)
    assert np.bincount(found.train_labels).tolist() == [15, 1]
    assert np.bincount(found.test_labels, minlength=2).tolist() == [4, 0]


def test_a_long_number_is_shown_in_part(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "9" * 5000 + ",red,yes", *ROWS[1:])
    with pytest.raises(UserError, match=r"`9{40}\.\.\.` is beyond") as caught:
        table.read(path, ANSWER)
    assert len(caught.value.message) < 200 + len(str(path))


@pytest.mark.parametrize("words", [5, 10, 15])
def test_a_column_of_numbers_and_words_is_refused(tmp_path: Path, words: int) -> None:
    rows = [f"{'x' if n < words else n},{'ab'[n % 2]}" for n in range(20)]
    path = written(tmp_path / "t.csv", *rows, header="size,answer")
    what = (
        "row 2, column `size`: `x` is no number" if words <= 10 else "row 17, column `size`: `15` is a number"
    )
    with pytest.raises(UserError, match=what):
        table.read(path, ANSWER)


def test_too_few_rows_to_test_on_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "1,a", "2,b", "3,a", "4,b", header="size,answer")
    with pytest.raises(UserError, match="too few rows to set a fifth"):
        table.read(path, ANSWER)


def test_another_table_is_read_whole(tmp_path: Path) -> None:
    """By the columns and the classes of the first, in whatever order and number it has them."""
    first = table.read(written(tmp_path / "t.csv", *ROWS), ANSWER)
    other = written(tmp_path / "o.csv", "yes,red,5", "no,red,7", header="answer,colour,size")
    found = table.read_like(other, ANSWER, first.columns, first.names)
    np.testing.assert_array_equal(found.test_images, [[5, 0, 1], [7, 0, 1]])
    np.testing.assert_array_equal(found.test_labels, [1, 0])
    written(other, "yes,red,5", "perhaps,red,7", header="answer,colour,size")
    with pytest.raises(UserError, match="row 3, column `answer`: `perhaps` is none of the classes"):
        table.read_like(other, ANSWER, first.columns, first.names)


def test_columns_are_dropped_by_name(tmp_path: Path) -> None:
    """What stands in them is not looked at; what is not there, or is predicted, cannot be dropped."""
    rows = [f"k{n},{row.replace('7', '', 1) if n == 7 else row}" for n, row in enumerate(ROWS)]
    path = written(tmp_path / "t.csv", *rows, header="id,size,colour,answer")
    found = table.read(path, Wanted(("answer",), ("id", "size")))
    assert found.columns == (("colour", ("blue", "red")),)
    for drop, message in (
        (("it", "size"), "has no column `it`"),
        (("id", "answer"), "`answer` is to be predicted, and to be dropped"),
        (("id", "size", "colour"), "no column is left to predict `answer` from"),
    ):
        with pytest.raises(UserError, match=message):
            table.read(path, Wanted(("answer",), drop))


def test_numbers_that_are_classes_are_one_however_they_are_written(tmp_path: Path) -> None:
    spelt = {0: ["0", "0.0", "-0"], 1: ["1", "1.0", "1e0"], 10: ["10", "10.00", "+10"]}
    rows = [f"{n},{spelt[(0, 1, 10)[n % 3]][n % 7 % 3]}" for n in range(30)]
    first = table.read(written(tmp_path / "t.csv", *rows, header="size,answer"), ANSWER)
    assert first.names == ("0", "1", "10")
    whole = np.concatenate([first.train_images, first.test_images])[:, 0] % 3
    np.testing.assert_array_equal(whole, np.concatenate([first.train_labels, first.test_labels]))
    assert table._class_key("1e400") != table._class_key("2e400")  # both are infinite as floats
    other = written(tmp_path / "o.csv", "5,1.000", "7,010", header="size,answer")
    found = table.read_like(other, ANSWER, first.columns, ("0.0", "1.0", "10.0"))
    np.testing.assert_array_equal(found.test_labels, [1, 2])
    large = [f"{n},{2**53 + n % 2}" for n in range(20)]
    found = table.read(written(other, *large, header="size,answer"), ANSWER)
    assert found.names == (str(2**53), str(2**53 + 1))


def test_several_columns_of_numbers_are_predicted(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", *(f"{n},{n * n},{10**9 + n},a" for n in range(20)), header="x,y,z,w")
    found = table.read(path, Wanted(("z", "y"), ("w",), numbers=True))
    assert found.names == ("z", "y")
    x = found.train_images[:, 0].double().numpy()
    np.testing.assert_array_equal(found.train_labels, np.stack([10**9 + x, x * x], axis=1))
    with pytest.raises(UserError, match="the classes are in one column, and 2 are named"):
        table.read(path, Wanted(("z", "y")))


def test_a_column_that_float32_makes_alike_is_refused(tmp_path: Path) -> None:
    rows = [f"{10**9 + n},{'ab'[n % 2]}" for n in range(30)]
    path = written(tmp_path / "t.csv", *rows, header="size,answer")
    with pytest.raises(UserError, match="the column `size`: float32 rounds its numbers by up to") as caught:
        table.read(path, ANSWER)
    assert "subtract one number from the whole column" in str(caught.value.help)
    written(path, *(f"{n / 10},{'ab'[n % 2]}" for n in range(30)), header="size,answer")
    assert table.read(path, ANSWER).classes == 2
