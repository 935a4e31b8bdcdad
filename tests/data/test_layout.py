"""How a folder is understood: splits, wrappers, classes, and what is neither. No split is ever taken for a class."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
import torch

from dartsl import data
from dartsl.data.folders import large_folder
from dartsl.data.images import data_hash
from dartsl.lang.codes.diagnostics import UserError
from tests.data.files import refused, write_images, write_mnist

TWO = {"cat": 4, "dog": 4}


def tree(root: Path, *paths: str, count: int = 3) -> Path:
    """Class folders of `count` images each."""
    for path in paths:
        place = root / path
        write_images(place.parent, {place.name: count})
    return root


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("Train", "Test"),
        ("Training", "Testing"),
        ("TRAIN", "VALID"),
        ("training", "Validation"),
        ("train", "val"),
    ],
)
def test_split_names_are_matched_in_any_case(tmp_path: Path, train: str, test: str) -> None:
    write_images(tmp_path / train, TWO)
    write_images(tmp_path / test, {"cat": 1, "dog": 2})
    found = data.load(str(tmp_path), expect=(3, 6, 5, 2))
    assert found.classes == 2
    assert len(found.train_labels) == 8
    assert found.test_labels.tolist() == [0, 1, 1]
    assert found.valid_images is None


def test_the_order_is_that_of_the_same_folders_in_lower_case(tmp_path: Path) -> None:
    write_images(tmp_path / "a" / "train", TWO)
    write_images(tmp_path / "a" / "test", TWO)
    shutil.copytree(tmp_path / "a", tmp_path / "b" / "archive")
    (tmp_path / "b" / "archive" / "train").rename(tmp_path / "b" / "archive" / "Training")
    (tmp_path / "b" / "__MACOSX").mkdir()
    plain, wrapped = (data.load(str(tmp_path / name)) for name in "ab")
    assert torch.equal(plain.train_images, wrapped.train_images)
    assert torch.equal(plain.train_labels, wrapped.train_labels)
    assert plain.notes == ()
    assert wrapped.notes == (f"{tmp_path / 'b'} holds archive/ alone, which is read",)
    assert wrapped.name == "b"


def test_validation_images_are_a_part_of_their_own(tmp_path: Path) -> None:
    write_images(tmp_path / "train", TWO)
    write_images(tmp_path / "test", {"cat": 1, "dog": 1})
    before = data_hash(data.load(str(tmp_path)), valid=True)
    write_images(tmp_path / "Val", {"cat": 2, "dog": 1})
    found = data.load(str(tmp_path)).to("cpu")
    assert found.valid_images is not None
    assert found.valid_labels is not None
    assert found.valid_images.shape == (3, 6, 5, 3)
    assert found.valid_labels.tolist() == [0, 0, 1]
    assert len(found.train_labels) == 8
    assert len(found.test_labels) == 2
    assert data_hash(found, valid=True) != before
    assert data_hash(found) == before  # what a search reads


def test_what_is_no_class_is_passed_over(tmp_path: Path) -> None:
    tree(tmp_path, "train/cat", "train/dog", "test/cat", "test/dog", "extra/bird")
    write_images(tmp_path / "train" / ".ipynb_checkpoints", {"x": 2})
    write_images(tmp_path / "train" / "cat", {".ipynb_checkpoints": 2, "__MACOSX": 2})
    (tmp_path / "train" / "cat" / "._00.png").write_bytes(b"a fork of a resource")
    (tmp_path / "train" / "labels.csv").write_text("x")
    shutil.copy(tmp_path / "train" / "cat" / "00.png", tmp_path / "train" / "stray.png")
    found = data.load(str(tmp_path))
    assert len(found.train_labels) == 6
    assert found.classes == 2
    assert found.notes == (
        f"{tmp_path} has splits: its other folders are not used (extra)",
        f"{tmp_path / 'train'}: images beside the class folders are not used (stray.png)",
    )


def test_a_class_that_the_test_part_lacks_is_named(tmp_path: Path) -> None:
    tree(tmp_path, "train/a", "train/b", "train/c", "test/b")
    (tmp_path / "test" / "a").mkdir()
    found = data.load(str(tmp_path))
    assert found.test_labels.tolist() == [1, 1, 1]
    assert found.notes == (f"{tmp_path / 'test'} has no images of a, c",)


def test_the_test_part_of_a_folder_without_test_is_said(tmp_path: Path) -> None:
    tree(tmp_path, "train/a", "train/b", "val/a", "val/b")
    assert data.load(str(tmp_path)).notes == (
        f"{tmp_path / 'val'} is the test part, since there is no test/",
    )


def test_folders_within_all_classes_are_named(tmp_path: Path) -> None:
    tree(tmp_path, "one/cat", "one/dog", "two/cat", "two/dog")
    found = data.load(str(tmp_path))
    assert found.classes == 2
    assert found.notes == (
        "the classes are one, two; the folders within them (cat, dog) are not distinguished",
    )


def test_a_wrapped_cifar_or_mnist_is_found(tmp_path: Path) -> None:

    write_mnist(tmp_path / "archive" / "MNIST" / "raw")
    assert data.load(str(tmp_path)).name == "MNIST"
    (tmp_path / "other" / "archive").mkdir(parents=True)
    (tmp_path / "other" / "archive" / "mnist.npz").write_bytes(b"")
    assert "mnist.npz" in str(refused(tmp_path / "other", "a folder of .npz files").help)


@pytest.mark.parametrize(
    ("paths", "words", "help_"),
    [
        (("train/a", "train/b"), "has train/, but neither test/ nor val/", "a fifth of each class"),
        (("Test/a", "Test/b"), "has Test/, but no train/", "train/CLASS"),
        (("Test/a", "cat", "dog"), "has Test/, but no train/", "another name"),
        (("train/a", "train/b", "Training/a", "test/a"), "both Training/ and train/", "merge"),
        (("train/a", "train/b", "val/a", "valid/a"), "both val/ and valid/", "merge"),
        (("cat",), "one class, cat", "two classes"),
        (("archive/cat",), "one class", "two classes"),
        (("train/cat", "test/cat"), "one class, cat", "two classes"),
        (("train", "test"), "train: holds images, but no class folders", "named after it"),
        (("train/a", "train/b", "test"), "test: holds images, but no class folders", "test/CLASS"),
        (("seg_train/seg_train/a", "seg_train/seg_train/b", "seg_test/a"), "look like splits", "rename them"),
        (("training_set", "test_set"), "training_set/ and test_set/ look like splits", "rename them"),
        (("cat/train", "cat/test", "dog/train", "dog/test"), "a class folder that holds test/, train/", "train/cat/"),
        (("train/a", "train/b", "test/a", "test/c", "test/d"), "classes c, d are not in", "same class folders"),
        (("train/cat", "train/dog", "test/Cat"), "class Cat is not in", "to cat"),
        (("cat", "Cat", "dog"), "classes Cat, cat differ in upper and lower case", "merge"),
    ],
)  # fmt: skip
def test_what_would_be_a_guess_is_refused(
    tmp_path: Path, paths: tuple[str, ...], words: str, help_: str
) -> None:
    error = refused(tree(tmp_path, *paths), words)
    assert help_ in str(error.help)


def test_folders_without_images_are_named(tmp_path: Path) -> None:
    tree(tmp_path, "images/a", "images/b")
    (tmp_path / "annotations").mkdir()
    error = refused(tmp_path, "annotations: a class folder without images")
    assert f"if the classes lie in {tmp_path / 'images'}, name that" in str(error.help)
    (tmp_path / "xmls").mkdir()
    refused(tmp_path, r"class folders \(annotations, xmls\) without images")
    (tmp_path / "empty" / "train" / "a").mkdir(parents=True)
    refused(tmp_path / "empty", "neither test/ nor val/")
    flat = tmp_path / "flat"
    write_images(tmp_path, {"flat": 2})
    refused(flat, "holds images, but no class folders")


def test_a_folder_that_may_not_be_read_is_no_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree(tmp_path, "a", "b")

    def denied(_path: object) -> object:
        raise PermissionError(13, "Permission denied", "a")

    monkeypatch.setattr("os.scandir", denied)
    with pytest.raises(UserError, match="Permission denied"):
        data.load(str(tmp_path))


@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="its names are Unicode")
def test_names_that_are_no_utf8_are_classes_like_others(tmp_path: Path) -> None:
    name = os.fsdecode(b"a\xff")
    tree(tmp_path, name, "b")
    found = data.load(str(tmp_path))
    assert found.class_names == (name, "b")
    folder = large_folder(str(tmp_path), "always", (3, 6, 5, 2))
    assert folder is not None
    assert len(folder.fingerprint(folder.listed.train)) == 64
