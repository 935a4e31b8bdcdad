"""Checkpoints: bytes changed, and states changed and sealed anew, through the end of a search and an evaluation."""

from __future__ import annotations

import io
import random
import shutil
from contextlib import redirect_stdout
from typing import Any

import torch

import dartsl
from dartsl.run.checkpoint import write_record
from tests.fuzz.campaign import Input
from tests.fuzz.mutation import change_bytes, odd_value
from tests.fuzz.runs import small_search, workplace


class Checkpoints:
    """See the module."""

    def __init__(self) -> None:
        self.folder = workplace()
        search = small_search(self.folder)
        trained = self.folder / "trained"
        with redirect_stdout(io.StringIO()):
            dartsl.train(search, trained, epochs=1, batch=4, crop=0, flip=False, device="cpu")
        self.runs = {"search": search, "train": trained}
        self.contents = {kind: (run / "checkpoint.pt").read_bytes() for kind, run in self.runs.items()}

    def make(self, draw: random.Random) -> Input:
        kind = draw.choice(("search", "train"))
        data = self.contents[kind]
        if draw.random() < 0.3:
            return Input(kind, change_bytes(draw, data))
        record = torch.load(io.BytesIO(data), weights_only=True)
        for _ in range(draw.randint(1, 2)):
            record = changed(draw, record)
        return Input(kind, self._sealed(record))

    def _sealed(self, record: Any) -> bytes:
        path = self.folder / "sealed.pt"
        write_record(path, record)
        return path.read_bytes()

    def attempt(self, given: Input) -> None:
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.runs[given.name], copy)
        (copy / "checkpoint.pt").write_bytes(given.data)
        if given.name == "search":
            dartsl.resume(copy, epochs=2)
        else:
            dartsl.evaluate(copy)


def changed(draw: random.Random, value: Any) -> Any:
    """A state with one of its parts changed: numbers, tensors of other shapes, types and values, parts left out."""
    if isinstance(value, dict) and value and draw.random() < 0.93:
        key = draw.choice(list(value))
        if draw.random() < 0.08:
            return {name: item for name, item in value.items() if name != key}
        return {**value, key: changed(draw, value[key])}
    if isinstance(value, list | tuple) and value and draw.random() < 0.9:
        place = draw.randrange(len(value))
        items = [*value[:place], changed(draw, value[place]), *value[place + 1 :]]
        return type(value)(items) if type(value) in (list, tuple) else items
    if isinstance(value, torch.Tensor):
        return _changed_tensor(draw, value)
    return odd_value(draw, value)


def _changed_tensor(draw: random.Random, value: torch.Tensor) -> Any:
    match draw.randrange(8):
        case 0:
            return value.to(draw.choice((torch.float64, torch.int64, torch.bool, torch.complex64)))
        case 1:
            return value.reshape(-1)[: max(0, value.numel() - 1)].clone()
        case 2:
            return value.unsqueeze(0).clone()
        case 3:
            odd = draw.choice((float("nan"), float("inf"), 1e30)) if value.is_floating_point() else -1
            return torch.full_like(value, odd)
        case 4:
            return torch.empty(0)
        case 5:
            return value.tolist()
        case 6:
            return torch.zeros(1).expand(1000, 1000)
        case _:
            return odd_value(draw, None)
