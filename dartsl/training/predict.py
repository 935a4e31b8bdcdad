"""The classes that a trained network sees in new images."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dartsl.data.augment import normalise
from dartsl.data.images import Array
from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.ambient import undisturbed
from dartsl.nn.placing import torch_dtype
from dartsl.run.inputs import ImageInputs
from dartsl.run.loop import own_generators
from dartsl.training.pictures import Pictures, pictures_in, pictures_of
from dartsl.training.trained import Trained

Images = str | Path | Sequence[str | Path] | Array | Tensor


@dataclass(frozen=True)
class Prediction:
    """An image's likeliest classes, by their names, the likeliest first, and their probabilities.

    `image` is its file, or its place in an array.
    """

    image: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]

    def record(self) -> dict[str, Any]:
        """As JSON."""
        found = zip(self.classes, self.probabilities, strict=True)
        return {
            "image": self.image,
            "classes": [{"class": name, "probability": chance} for name, chance in found],
        }


@undisturbed()
def predictions(run: Trained, images: Images, top_k: int) -> list[Prediction]:
    """The `top_k` likeliest classes of each image; all of them are read before there is a first one.

    Raises UserError for a file that cannot be read, and for a network of text.
    """
    inputs = run.inputs
    if not isinstance(inputs, ImageInputs):
        raise UserError(
            f"{run.folder.path} is a training on text, which has nothing to classify",
            help="--prompt TEXT lets it continue a text; from Python: dartsl.generate",
            exit_code=2,
        )
    if inputs.prepared:
        raise UserError(
            f"{run.folder.path} was trained on {inputs.kind} that code of its user prepared, which is not known here",
            help="prepare them alike, and call the network: dartsl.trained(run).model(images)",
        )
    if isinstance(images, str | Path):
        images = [images]
    given: Iterable[Pictures]
    if isinstance(images, Sequence):
        given = pictures_in([Path(place) for place in images], inputs)
    else:
        given = pictures_of(images, inputs)
    with own_generators(run.config.device):
        return [found for batch in given for found in _predicted(run, inputs, batch, top_k)]


@torch.no_grad()
def _predicted(run: Trained, inputs: ImageInputs, batch: Pictures, top_k: int) -> list[Prediction]:
    pixels = batch.images.to(run.config.device)
    seen = normalise(pixels, inputs.mean, inputs.std, torch_dtype(run.config.dtype))  # (B, C, H, W)
    with run.autocast():
        logits = run.model(seen).to(seen.dtype)  # (B, classes)
    likely = logits.topk(min(top_k, logits.shape[1]), dim=1).indices  # (B, k)
    chances = torch.softmax(logits.double(), dim=1).gather(1, likely)  # (B, k)
    return [
        Prediction(name, tuple(inputs.classes[place] for place in places), tuple(odds))
        for name, places, odds in zip(batch.names, likely.tolist(), chances.tolist(), strict=True)
    ]
