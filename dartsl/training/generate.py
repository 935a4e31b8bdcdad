"""The text that a trained network makes of a prompt: word after word, each drawn from what it expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import Any

import torch
from torch import Tensor

from dartsl.data.text.corpus import UNKNOWN
from dartsl.data.text.readers import END, split
from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.ambient import undisturbed
from dartsl.nn.text import TextOutput
from dartsl.run.inputs import TextInputs, read_vocabulary
from dartsl.run.loop import own_generators
from dartsl.training.trained import Trained

SHOWN = 8  # words of a vocabulary in a message


@dataclass(frozen=True)
class Sampling:
    """How a text goes on.

    length       words (or characters) that are added
    temperature  what logits are divided by; 0: always the likeliest
    top_k        drawn from the k likeliest alone; 0: from all
    seed         of the draws, which are made on the CPU whatever the device
    """

    length: int = 100
    temperature: float = 1.0
    top_k: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Raises UserError."""
        whole = (self.length, self.top_k, self.seed)
        if any(type(each) is not int or each < 0 for each in whole):
            raise UserError("length, top_k and seed are whole numbers from 0", exit_code=2)
        if isinstance(self.temperature, bool) or not 0 <= self.temperature < inf:
            raise UserError("temperature is a number from 0", exit_code=2)


@dataclass(frozen=True)
class Continued:
    """A prompt and what follows it; `unknown` are words of the prompt that were read as `<unk>`."""

    prompt: str
    continuation: str
    unknown: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Both, as one text."""
        return self.prompt + self.continuation

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {"prompt": self.prompt, "continuation": self.continuation, "unknown": list(self.unknown)}


@undisturbed()
def continued(run: Trained, prompt: str, sampling: Sampling) -> Continued:
    """What a network of text makes of a prompt.

    Its words lie between blanks, as in the training; a line end stands for `<eos>`, but for the end of the last line
    only where it has one. An empty prompt is the start of a line. Raises UserError for a word that the vocabulary
    lacks, where it has no `<unk>`, and for a network of images.
    """
    inputs = run.inputs
    if not isinstance(inputs, TextInputs):
        raise UserError(
            f"{run.folder.path} is a training on {inputs.kind}, which continues no text",
            help=f"name files of {inputs.kind}",
            exit_code=2,
        )
    vocabulary = read_vocabulary(run.folder.vocabulary, run.model.plan.classes)
    words = tokens_of(prompt, inputs.level)
    numbers, unknown = numbered(words or [END if inputs.level == "word" else "\n"], vocabulary, not words)
    with own_generators(run.config.device):
        drawn = _drawn(run, numbers, sampling)
    added = joined([vocabulary[number] for number in drawn], inputs.level)
    apart = inputs.level == "word" and prompt and not prompt[-1].isspace() and added[:1] not in ("", "\n")
    return Continued(prompt, f" {added}" if apart else added, unknown)


def tokens_of(prompt: str, level: str) -> list[str]:
    """A prompt's words or characters; its last line goes on, unless it has an end."""
    words = split(prompt, level)
    return words[:-1] if level == "word" and words and not prompt.endswith("\n") else words


def numbered(
    words: Sequence[str], vocabulary: Sequence[str], empty: bool = False
) -> tuple[list[int], tuple[str, ...]]:
    """The words' numbers, and those that were read as `<unk>`. `empty`: they stand for an empty prompt.

    Raises UserError for a word that the vocabulary lacks, where it has no `<unk>`.
    """
    numbers = {word: number for number, word in enumerate(vocabulary)}
    unknown = tuple(dict.fromkeys(word for word in words if word not in numbers))
    if unknown and (empty or UNKNOWN not in numbers):
        some = ", ".join(repr(word) for word in vocabulary[:SHOWN])
        more = ", ..." if len(vocabulary) > SHOWN else ""
        what = "the prompt is empty, and the text that the network learnt has no lines"
        raise UserError(
            what if empty else f"{unknown[0]!r} is not in the vocabulary, which has no {UNKNOWN}",
            help=f"begin with what it has: {some}{more}",
        )
    return [numbers.get(word, numbers.get(UNKNOWN, 0)) for word in words], unknown


def joined(words: Sequence[str], level: str) -> str:
    """Words as a text: blanks between them, line ends for `<eos>`; characters as they are."""
    if level == "char":
        return "".join(words)
    lines = " ".join(words).split(END)
    return "\n".join(line.strip(" ") for line in lines)


@torch.no_grad()
def _drawn(run: Trained, numbers: Sequence[int], sampling: Sampling) -> list[int]:
    """The numbers that follow."""
    model, window = run.model, run.model.plan.input.length
    tokens = torch.tensor(numbers, device=run.config.device)[:, None]  # (T, 1)
    generator = torch.Generator().manual_seed(sampling.seed)
    carries: tuple[Tensor, ...] | None = None
    found: list[int] = []
    for part in torch.split(tokens, window):  # which only bounds the memory of a pass
        output: TextOutput = model(part, carries)
        carries = output.carries
    for _ in range(sampling.length):
        if not carries:  # without a `scan` a window stands alone: it is the latest words
            output = model(tokens[-window:], None)
        elif found:
            output = model(tokens[-1:], output.carries)
        found.append(drawn(output.logits[-1, 0], sampling, generator))
        tokens = torch.cat((tokens, tokens.new_tensor([found[-1:]])))
    return found


def drawn(logits: Tensor, sampling: Sampling, generator: torch.Generator) -> int:
    """The number of a word, drawn by its logits (words,)."""
    odds = logits.cpu().double()
    if sampling.temperature == 0:
        return int(odds.argmax())
    if sampling.top_k:
        likely = odds.topk(min(sampling.top_k, len(odds))).indices
        odds = torch.full_like(odds, -torch.inf).index_copy(0, likely, odds[likely])
    # Shifted first: the largest is 0, so that a small temperature overflows downwards alone.
    chances = torch.softmax((odds - odds.max()) / sampling.temperature, dim=0)
    return int(torch.multinomial(chances, 1, generator=generator))
