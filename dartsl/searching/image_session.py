"""A search on images: what an epoch's steps are, and which images each one sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from dartsl.data import Batches, RandomBatches, split_by_index
from dartsl.data.device import Guessed, moved
from dartsl.data.folders import FolderData
from dartsl.data.given import GivenImages
from dartsl.data.images import kind_of as kind_of_data
from dartsl.graph.kinds import kind_of
from dartsl.graph.operations import application
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.methods import PERTURBATION
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.draws import stream_seed
from dartsl.nn.placing import torch_dtype
from dartsl.nn.share import Share
from dartsl.nn.supernet import Supernet
from dartsl.run.given import NOTHING, Given
from dartsl.run.inputs import ImageInputs
from dartsl.run.parallel import ALONE, Group
from dartsl.run.schema import Check, record, text
from dartsl.run.state import batches, generator, random_bytes
from dartsl.searching.images import AsGiven, Images, InMemory, Streamed, inputs_of
from dartsl.searching.method import Cosine
from dartsl.searching.session import SearchSession
from dartsl.searching.spans import Span
from dartsl.step.batches import Batch, ImageBatch, Outcome, Passed, objective
from dartsl.step.targets import Scale, mean_squared_error, of_targets

Objective = Callable[[Tensor, Tensor], Passed]


class Chosen(NamedTuple):
    """All that a batch follows from, on the CPU.

    places  of its images, int64 (B,)
    drawn   what is drawn for them, int64 (K, B)
    seed    of what reading them draws
    share   what part they are of a batch
    """

    places: Tensor
    drawn: Tensor
    seed: int
    share: Share


class ImageSession(SearchSession[Tensor]):
    """A search on images; a step is given by the indices of its training images.

    The training images are split by index; each step draws its validation batch anew from all of the other part,
    as the authors' `next(iter(valid_queue))` does. Processes draw the same indices and each takes its part of them.
    All draws are made on the CPU, whatever the device. On a GPU the next step's batches are prepared while a step runs;
    nothing counts as drawn before its step is taken.
    """

    batches: Batches
    inputs: ImageInputs

    def __init__(
        self,
        model: Supernet,
        config: SearchConfig,
        data: Images,
        group: Group = ALONE,
        given: Given = NOTHING,
        span: Span | None = None,
    ) -> None:
        """Raises UserError for data or settings that cannot be used together."""
        if torch.device(config.device).type == "meta":
            raise UserError(
                f"nothing can be searched on the device `{config.device}`", help="try --device cpu"
            )
        self.group = group
        self.images: InMemory | Streamed | AsGiven
        if isinstance(data, GivenImages):
            self.images = AsGiven(data, config)
        elif isinstance(data, FolderData):
            self.images = Streamed(data, config, self._upcoming)
        else:
            self.images = InMemory(data, config)
        self.augment = self.images.augment
        self.inputs = inputs_of(data, self.augment)
        self.own_code = given.own_code
        self.metrics = tuple(given.metrics)
        self._objective, self._validated = self._objectives(config, given)
        ours, theirs = _halves(data, config.split)
        self._theirs = theirs
        batches = Batches(ours, config.batch, stream_seed(config.seed, "training order"))
        self.validation = RandomBatches(theirs, config.batch, stream_seed(config.seed, "validation order"))
        self.generator = torch.Generator().manual_seed(stream_seed(config.seed, "augmentation"))
        self._ready: Guessed[tuple[ImageBatch, ImageBatch]] = Guessed(config.device)
        start = 0 if span is None else span.start
        schedule = Cosine(config.epochs, config.lr, config.lr_min, config.warmup, start)
        super().__init__(model, config, batches, group, schedule, span)
        _require_batch_norm(model, config, len(ours), len(theirs))

    def _objectives(self, config: SearchConfig, given: Given) -> tuple[Objective, Objective]:
        """What training and validation batches are judged by."""
        inputs = self.inputs
        if inputs.numbers:
            self.measures, self.targets = {"r2": "R2", "mae": "MAE"}, len(inputs.classes)
            scale = Scale.of(inputs.target_mean, inputs.target_std, config.device)
            loss = given.loss or mean_squared_error
            return of_targets(scale, loss), of_targets(scale, loss, given.metrics)
        loss = given.loss or F.cross_entropy
        return objective(loss, {}), objective(loss, given.metrics)

    def begin_epoch(self) -> None:
        super().begin_epoch()
        for group in self.stepper.weights.param_groups:
            group["lr"] = self.rate

    def draw(self, place: Tensor) -> tuple[ImageBatch, ImageBatch]:
        chosen = self._chosen(place, self.validation.draw(), self.generator)
        return self._ready.take(chosen, partial(self._batches, *chosen))

    @property
    def validation_batches(self) -> int:
        return -(-len(self._theirs) // self.config.batch)

    def validated(self, key: Sequence[int | str], take: Callable[[Batch, int], Outcome]) -> Iterator[Outcome]:
        """In batches of the search's size, augmented as those of its steps are; what is left is the last one."""
        generator = torch.Generator().manual_seed(stream_seed(self.config.seed, *key))
        places = self._theirs[torch.randperm(len(self._theirs), generator=generator)]
        size = self.config.batch
        for index, start in enumerate(range(0, len(places), size)):
            batch = self._batch(self._choice(places[start : start + size], generator))
            yield take(batch._replace(objective=self._validated), index)

    def look_ahead(self) -> None:
        """Begin to prepare what the next step of the epoch will draw, unless what was done is undone."""
        place = next(self.batches.upcoming(), None)
        if place is None or self._ready.aside is None:
            return
        generator = torch.Generator().set_state(self.generator.get_state())
        chosen = self._chosen(place, next(self.validation.upcoming()), generator)
        self._ready.guess(chosen, partial(self._batches, *chosen))

    def random_state(self) -> dict[str, Any]:
        return {
            "device": "cpu",  # where all is drawn; runs of old on a GPU drew there
            "batches": self.batches.state_dict(),
            "validation": self.validation.state_dict(),
            "augmentation": self.generator.get_state(),
        }

    def random_schema(self) -> dict[str, Check]:
        return {
            "device": text,
            "batches": batches(len(self.batches)),
            "validation": record({"generator": generator()}, closed=True),
            "augmentation": random_bytes,
        }

    def load_random_state(self, state: Mapping[str, Any]) -> None:
        """Take over what `random_state` gave.

        Where a run of old drew on a GPU, augmentation goes on with a stream of its own.
        """
        self.batches.load_state_dict(state["batches"])
        self.validation.load_state_dict(state["validation"])
        if state["device"] == "cpu":
            self.generator.set_state(state["augmentation"])
        else:
            self.generator.manual_seed(stream_seed(self.config.seed, "augmentation", self.number))

    def _chosen(self, ours: Tensor, theirs: Tensor, generator: torch.Generator) -> tuple[Chosen, Chosen]:
        """Choices of a training and a validation batch, each of the places of a whole batch."""
        return self._choice(ours, generator), self._choice(theirs, generator)

    def _choice(self, places: Tensor, generator: torch.Generator) -> Chosen:
        share, size = self.group.share(len(places)), self.images.size
        rows = None if share.total is None else share.index
        seed = int(torch.randint(2**62, (), generator=generator)) if self.images.seeded else 0
        drawn = self.augment.draw(len(places), size, generator, rows)
        return Chosen(share.own(places, 0), drawn, seed, share)

    def _batches(self, ours: Chosen, theirs: Chosen) -> tuple[ImageBatch, ImageBatch]:
        return self._batch(ours), self._batch(theirs)._replace(objective=self._validated)

    def _batch(self, chosen: Chosen) -> ImageBatch:
        images, labels = self.images.take(chosen.places, chosen.seed)  # uint8 (B, H, W, C), int64 (B,)
        drawn = moved(chosen.drawn, images.device)
        prepared = self.augment.prepare(images, drawn, torch_dtype(self.config.dtype))  # (B, C, H, W)
        return ImageBatch(prepared, labels, chosen.share, self._objective)

    def _upcoming(self) -> Iterator[Tensor]:
        """This process's indices of the batches that follow a training batch in the epoch: its step's validation batch,
        then both batches of each step that is left."""
        left, validation = self.batches.upcoming(), self.validation.upcoming()
        both = chain([next(validation)], chain.from_iterable(zip(left, validation, strict=False)))
        return (self.group.share(len(whole)).own(whole, 0) for whole in both)


def _halves(data: Images, part: float) -> tuple[Tensor, Tensor]:
    """Places of the images that train weights, and of those that train alphas. Raises UserError."""
    if not isinstance(data, GivenImages):
        return split_by_index(data.train_labels, part, kind_of_data(data.shape))
    train, valid, _ = data.sizes
    if valid:
        return torch.arange(train), torch.arange(train, train + valid)
    return split_by_index(data.labels, part, kind_of_data(data.shape))


def _require_batch_norm(model: Supernet, config: SearchConfig, ours: int, theirs: int) -> None:
    """Refuse a batch that leaves a batch norm a single number; `ours` and `theirs` count the images of each half."""
    smallest = min(ours % config.batch or config.batch, theirs)
    if config.derive == PERTURBATION:  # all of the other half is passed over, too
        smallest = min(smallest, theirs % config.batch or config.batch)
    applications = [application(model.graph, str(node)) for node in model.graph.nodes]
    single = [
        op for op in applications if kind_of(op).has("batch_norm") and all(side == 1 for side in op.shape[1:])
    ]
    if smallest == 1 and single:
        raise UserError(
            f"a batch of one {model.plan.input.example} leaves the batch norm in {single[0].layer} "
            "a single number to normalise",
            help=f"another --batch or --split: {ours} {model.plan.input.kind} train weights, {theirs} alphas, "
            f"in batches of {config.batch}",
        )
