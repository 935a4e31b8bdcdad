"""A trained network on other data than its run's: prepared, and understood, as those that it was trained on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from dartsl.data import load
from dartsl.data.folders import large_folder
from dartsl.data.given import given_images
from dartsl.data.images import IMAGE, ImageData
from dartsl.data.named import locate
from dartsl.data.readers import table
from dartsl.data.targets import Wanted
from dartsl.data.text import in_rows
from dartsl.data.text.corpus import UNKNOWN
from dartsl.data.text.detect import test_words
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import TrainConfig, names_table
from dartsl.run.given import Given, sets_of
from dartsl.run.inputs import ImageInputs, TextInputs, read_vocabulary
from dartsl.run.loop import own_generators
from dartsl.training.answers import answers_of
from dartsl.training.data import StreamFeed
from dartsl.training.feed import Feed, MemoryFeed
from dartsl.training.given import TEST, GivenFeed
from dartsl.training.measured import Tested, TextMeasured
from dartsl.training.text_evaluation import measured_text
from dartsl.training.trained import Trained


class Other(NamedTuple):
    """The figures on other data: its name, and a sentence on how it was read."""

    name: str
    test: Tested
    said: str


def tested_on(run: Trained, data: str, given: Given) -> Other:
    """The figures of a network on the test part of the data that are given, or else named. Raises UserError."""
    return OTHERS[run.inputs.kind](run, data, given)


def _on_images(run: Trained, data: str, given: Given) -> Other:
    inputs = run.inputs
    assert isinstance(inputs, ImageInputs)
    feed = _named(run, inputs, data) if given.data is None else _given(run, inputs, given)
    if feed.counts[TEST] == 0:
        raise UserError(f"{feed.name} has no test {inputs.kind}")
    if feed.inputs.floats != inputs.floats:
        kinds = [_kind(each.floats) for each in (feed.inputs, inputs)]
        raise UserError(
            f"the {inputs.kind} of {feed.name} are {kinds[0]}, and those that "
            f"{run.folder.path} was trained on {kinds[1]}",
            f"store them as {kinds[1]}: only then are they normalised alike",
        )
    if feed.inputs.columns != inputs.columns:
        raise UserError(
            f"{feed.name} is no table, and {run.folder.path} was trained on one", "give a .csv file"
        )
    theirs = feed.inputs.classes
    if (
        not inputs.numbers
        and theirs != inputs.classes
        and _named_classes(theirs)
        and _named_classes(inputs.classes)
    ):
        differ = next(
            (ours, their) for ours, their in zip(inputs.classes, theirs, strict=True) if ours != their
        )
        raise UserError(
            f"{feed.name} has other classes than {run.folder.path} was trained on: `{differ[1]}`, not `{differ[0]}`",
            "its classes must be the same ones, in the same order",
        )

    def logits(images: Tensor) -> Tensor:
        with run.autocast():
            return run.model(images).to(images.dtype)  # type: ignore[no-any-return]  # (B, classes)

    with own_generators(run.config.device):
        test = answers_of(inputs, run.config, given).measure(run.model, logits, feed.test())
    assert test is not None
    if inputs.prepared:
        return Other(feed.name, test, f"{inputs.kind} as the data set gives them")
    mean, std = (", ".join(f"{value:.3f}" for value in values) for values in (inputs.mean, inputs.std))
    return Other(feed.name, test, f"normalised as the run's own {inputs.kind} (mean {mean}; std {std})")


def _named(run: Trained, inputs: ImageInputs, data: str) -> Feed:
    """A data set by name, whose images are cut and normalised as those of the run."""
    if inputs.prepared:
        raise UserError(
            f"the {inputs.kind} of {run.folder.path} were prepared by code of its user, which is not known here",
            "give a data set, from Python: dartsl.evaluate(run, data=...)",
        )
    plan = run.model.plan
    expect = (*inputs.shape, plan.classes)
    config = replace(
        run.config,
        data=data, mean=inputs.mean, std=inputs.std, resize=inputs.resize, resized_crop=False, jitter=(),
        final=True,
    )  # fmt: skip
    if names_table(data):
        return MemoryFeed(_table(run, inputs, config), config, "")
    large = None
    if inputs.kind == IMAGE.several and not inputs.numbers:
        large = large_folder(config.data, "auto", expect, must=inputs.resize > 0)
    if large is not None:
        return StreamFeed(large, config)
    return MemoryFeed(load(data, expect=expect, wanted=Wanted(numbers=inputs.numbers)), config, "")


def _table(run: Trained, inputs: ImageInputs, config: TrainConfig) -> ImageData:
    """All rows of another table, by the columns, categories and classes of the run's. Raises UserError."""
    path = locate(config.data, run.model.plan.network.takes)
    assert path is not None
    if not inputs.columns:
        raise UserError(f"{path}: a table, and {run.folder.path} was not trained on one", "give an .npz file")
    return table.read_like(path, Wanted.of(config), inputs.columns, inputs.classes)


def _given(run: Trained, inputs: ImageInputs, given: Given) -> Feed:
    """A data set that is given: one is the test set, of three it is the last."""
    assert given.data is not None
    sets = sets_of(given.data)
    if len(sets) == 2:
        raise UserError(
            "two data sets are (training, validation): none is for testing", "give the test set alone"
        )
    expect = (*inputs.shape, run.model.plan.classes)
    found = given_images(given.names()["data"], (sets[-1],), expect, parts=("test",), numbers=inputs.numbers)
    if found.prepared != inputs.prepared:
        kinds = ("floating", "uint8") if found.prepared else ("uint8", "floating")
        raise UserError(
            f"the {inputs.kind} given are {kinds[0]}, and those that {run.folder.path} was trained on were {kinds[1]}",
            f"give {kinds[1]} {inputs.kind}: only then are they normalised alike",
        )
    config = replace(run.config, mean=inputs.mean, std=inputs.std, resized_crop=False, jitter=(), final=True)
    return GivenFeed(replace(found, sets=(None, None, sets[-1])), config)


def _kind(floats: bool) -> str:
    return "float32" if floats else "uint8"


def _named_classes(classes: tuple[str, ...]) -> bool:
    """Whether classes have names: data that give none number them."""
    return classes != tuple(map(str, range(len(classes))))


def _on_text(run: Trained, data: str, given: Given) -> Other:
    inputs, plan = run.inputs, run.model.plan
    assert isinstance(inputs, TextInputs)
    if given.data is not None:
        raise UserError(
            "a network of text is measured on a text that is named, not on a data set that is given"
        )
    words = test_words(data, inputs.level)
    vocabulary = read_vocabulary(run.folder.vocabulary, plan.classes)
    numbers = {word: number for number, word in enumerate(vocabulary)}
    strange = [word for word in words if word not in numbers]
    if strange and UNKNOWN not in numbers:
        raise UserError(
            f"{data}: {strange[0]!r} is not in the vocabulary of {run.folder.path}, which has no {UNKNOWN}"
        )
    tokens = torch.tensor([numbers.get(word, numbers.get(UNKNOWN, 0)) for word in words])
    rows = in_rows(tokens, 1, "test").to(run.config.device)  # (N, 1)
    with own_generators(run.config.device), run.autocast():
        test: TextMeasured = measured_text(run.model, rows, run.config.bptt or plan.input.length)
    what = "words" if inputs.level == "word" else "characters"
    read = f", of {len(words):,} {what} {len(strange):,} read as {UNKNOWN}" if strange else ""
    return Other(Path(data).name, test, f"by the run's own vocabulary{read}")


OTHERS: Mapping[str, Callable[[Trained, str, Given], Other]] = {
    **dict.fromkeys(("images", "series", "vectors"), _on_images),
    "text": _on_text,
}
