"""The figures of a search's epoch: of both batches of its steps, and of its method's terms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from torch import Tensor

from dartsl.run.schema import Check, real, record, whole
from dartsl.run.state import TALLY
from dartsl.searching.step import Taken
from dartsl.step.batches import Outcome
from dartsl.step.tally import Figures, Tally

BATCHES = ("train", "valid")
OF_METRIC = record({"loss": real, "correct": whole(), "count": whole()}, closed=True)  # it may be no number


class EpochFigures:
    """Sums over the steps of an epoch so far, on the device.

    `measures` are what is reported beside the loss, properties of `dartsl.step.tally.Figures`; `terms` are those of the
    method, `metrics` what a user measures besides, on the validation batches; `targets` counts the numbers predicted.
    """

    def __init__(
        self,
        device: str,
        measures: Iterable[str],
        terms: Iterable[str],
        metrics: Iterable[str] = (),
        targets: int = 0,
    ) -> None:
        self._measures = tuple(measures)
        self._means = {
            "penalties": {name: f"penalty_{name}" for name in terms},
            "metrics": {name: f"metric_{name}" for name in metrics},
        }
        means = (key for keys in self._means.values() for key in keys.values())
        self._tallies = {
            name: Tally(device, targets if name in BATCHES else 0) for name in (*BATCHES, *means)
        }

    def add(self, taken: Taken) -> None:
        """Count one more step."""
        self._tallies["train"].add(taken.train)
        self._tallies["valid"].add(taken.validation)
        for name, value in taken.terms.items():
            self._tallies[self._means["penalties"][name]].add(Outcome(value, None, 1))
        for name, value in taken.validation.metrics.items():
            self._tallies[self._means["metrics"][name]].add(Outcome(value, None, taken.validation.count))

    def show(self, validation: Figures) -> None:
        """Let those of the validation batches be these, in the place of sums over steps."""
        self._tallies["valid"].load(asdict(validation))

    def row(self) -> dict[str, Any]:
        """The columns of the history. The host waits for the device."""
        train, valid = (self._tallies[name].read() for name in BATCHES)
        return {
            "train_loss": train.mean_loss,
            **{f"train_{name}": getattr(train, name) for name in self._measures},
            "validation_loss": valid.mean_loss,
            **{f"validation_{name}": getattr(valid, name) for name in self._measures},
            **{column: self._read(keys) for column, keys in self._means.items() if keys},
        }

    def _read(self, keys: Mapping[str, str]) -> dict[str, float | None]:
        return {name: self._tallies[key].read().mean_loss for name, key in keys.items()}

    def clear(self) -> None:
        """Begin an epoch."""
        for tally in self._tallies.values():
            tally.clear()

    def tensors(self) -> list[Tensor]:
        """What `add` changes in place."""
        return [tensor for tally in self._tallies.values() for tensor in tally.tensors()]

    def counts(self) -> dict[str, int]:
        """What `add` changes besides."""
        return {name: tally.count for name, tally in self._tallies.items()}

    def load_counts(self, counts: Mapping[str, int]) -> None:
        """Take over what `counts` gave."""
        for name, tally in self._tallies.items():
            tally.count = counts[name]

    def state_dict(self) -> dict[str, Any]:
        """All of it, for a checkpoint."""
        return {name: tally.record() for name, tally in self._tallies.items()}

    def schema(self) -> dict[str, Check]:
        """What each part of `state_dict` must be."""
        metrics = self._means["metrics"].values()
        return {name: OF_METRIC if name in metrics else TALLY for name in self._tallies}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the parts of a state that `state_dict` gave."""
        for name, tally in self._tallies.items():
            tally.load(state[name])
