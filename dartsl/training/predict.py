"""The classes that a trained network sees in new images."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
from dartsl.step.targets import Scale
from dartsl.training.pictures import Pictures, pictures_in, pictures_of
from dartsl.training.trained import Trained

Images = str | Path | Sequence[str | Path] | Array | Tensor


@dataclass(frozen=True)
class Prediction:
    """An image's likeliest classes, by their names, the likeliest first, and their probabilities; where numbers are
    predicted, these alone, by the names of the targets and in their own units.

    `image` is its file, or its place in an array.
    """

    image: str
    classes: tuple[str, ...]
    probabilities: tuple[float, ...]
    targets: Mapping[str, float] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """As JSON."""
        if self.targets:
            return {"image": self.image, "targets": dict(self.targets)}
        found = zip(self.classes, self.probabilities, strict=True)
        return {
            "image": self.image,
            "classes": [{"class": name, "probability": chance} for name, chance in found],
        }


@undisturbed()
def predictions(run: Trained, images: Images, top_k: int | None) -> list[Prediction]:
    """The `top_k` likeliest classes of each image (None: the likeliest), or the numbers that are predicted; all images
    are read before there is a first one.

    Raises UserError for a file that cannot be read, and for a network of text.
    """
    inputs = run.inputs
    if not isinstance(inputs, ImageInputs):
        raise UserError(
            f"{run.folder.path} is a training on text, which has no images to classify",
            help="--prompt TEXT lets it continue a text; from Python: dartsl.generate",
            exit_code=2,
        )
    if inputs.prepared:
        raise UserError(
            f"{run.folder.path} was trained on {inputs.kind} that code of its user prepared, which is not known here",
            help="prepare them alike, and call the network: dartsl.trained(run).model(images)"
            + (
                "; its outputs times inputs.target_std, and target_mean, are numbers"
                if inputs.numbers
                else ""
            ),
        )
    if inputs.numbers and top_k is not None:
        raise UserError(
            f"{run.folder.path} predicts numbers, of which none is likeliest", "leave top_k out", exit_code=2
        )
    if isinstance(images, str | Path):
        images = [images]
    given: Iterable[Pictures]
    if isinstance(images, Sequence):
        given = pictures_in([Path(place) for place in images], inputs)
    else:
        given = pictures_of(images, inputs)
    with own_generators(run.config.device):
        if inputs.numbers:
            return [found for batch in given for found in _estimated(run, inputs, batch)]
        return [found for batch in given for found in _predicted(run, inputs, batch, top_k or 1)]


@torch.no_grad()
def _outputs(run: Trained, inputs: ImageInputs, batch: Pictures) -> Tensor:
    """What the network gives, (B, classes)."""
    pixels = batch.images.to(run.config.device)
    seen = normalise(pixels, inputs.mean, inputs.std, torch_dtype(run.config.dtype))  # (B, C, H, W)
    with run.autocast():
        outputs: Tensor = run.model(seen)
    return outputs.to(seen.dtype)


def _estimated(run: Trained, inputs: ImageInputs, batch: Pictures) -> list[Prediction]:
    outputs = _outputs(run, inputs, batch)
    scale = Scale.of(inputs.target_mean, inputs.target_std, outputs.device)
    return [
        Prediction(name, (), (), dict(zip(inputs.classes, values, strict=True)))
        for name, values in zip(batch.names, scale.own(outputs).tolist(), strict=True)
    ]


def _predicted(run: Trained, inputs: ImageInputs, batch: Pictures, top_k: int) -> list[Prediction]:
    logits = _outputs(run, inputs, batch)
    likely = logits.topk(min(top_k, logits.shape[1]), dim=1).indices  # (B, k)
    chances = torch.softmax(logits.double(), dim=1).gather(1, likely)  # (B, k)
    return [
        Prediction(name, tuple(inputs.classes[place] for place in places), tuple(odds))
        for name, places, odds in zip(batch.names, likely.tolist(), chances.tolist(), strict=True)
    ]
