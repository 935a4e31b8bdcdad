"""The recurrent oracle's names in dartsl, dartsl's masks for the oracle, and the two brought together."""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch

from dartsl import compile
from dartsl.lang.syntax.loader import read
from dartsl.nn.draws import Draws
from dartsl.nn.passing import BatchKind, Pass
from dartsl.nn.supernet import Supernet

from .mapping import checked
from .naive.recurrent import Found, LanguageModel, Masks

VOCAB = 11
SIZE = 6


def renamed_text(values: Mapping[str, torch.Tensor], size: int = SIZE) -> dict[str, torch.Tensor]:
    """The oracle's parameters (or gradients, buffers left out) by dartsl's names and in its layout.

    The oracle's W_i = [c, f] (H, 2H) multiplies from the right; dartsl has two matrices (out, in).
    """
    made: dict[str, torch.Tensor] = {}
    whole = {
        "encoder": "stem0.embedding.weight",
        "bias": "head.linear.bias",
        "first": "layer0.s0.highway.weight",
    }
    for name, value in values.items():
        if name in whole:
            made[f"network.{whole[name]}"] = value
        elif name.startswith("matrices."):
            node = f"network.layer0.s{int(name.removeprefix('matrices.')) + 1}.gate"
            made[f"{node}.linear.weight"] = value[:, size:].T
            made[f"{node}.linear_2.weight"] = value[:, :size].T
        elif name.startswith("alphas."):
            made[name] = value
        else:
            raise KeyError(name)
    return made


def parameters_of(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.detach() for name, parameter in model.named_parameters()}


def text_spec(found: Found | None, nodes: int, embedding_dropout: float = 0.1) -> str:
    """The shipped search space with fewer nodes, or the same network around a found cell."""
    text = read("darts_rnn").text
    cell = [
        "node   s0     : highway > mix_bn",
        f"node   s1..s{nodes} : sum > mix_bn keep 1",
        "edge   x, h   -> s0     : identity",
    ]
    if found is None:
        cell += [f"edge   s0..s{nodes - 1} -> s1..s{nodes} : activations", f"output mean(s1..s{nodes})"]
    else:
        cell += [
            f"edge   s{source} -> s{place + 1} : gate({name})"
            for place, (name, source) in enumerate(found.nodes)
        ]
        cell.append("output mean(" + ", ".join(f"s{place}" for place in found.output) + ")")
    text, count = re.subn(r"(?s)  node   s0 .*output mean\(s1\.\.s8\)", "  " + "\n  ".join(cell), text)
    assert count == 1
    assert "dropout_e = 0" in text
    return text.replace("dropout_e = 0", f"dropout_e = {embedding_dropout}")


def text_twin(
    model: LanguageModel, level: int = 0, memory: str = "normal", auxiliary_skip: bool = False
) -> Supernet:
    """dartsl's network with the oracle's weights and alphas in it (and so with the same names)."""
    spec = checked(text_spec(model.found, len(model.matrices)))
    sizes = {"H": model.size, "vocab": len(model.bias)}
    made = compile(
        spec, None, sizes, level=level, dtype="float64", memory=memory, auxiliary_skip=auxiliary_skip
    )
    values = renamed_text(parameters_of(model), model.size)
    parameters = dict(made.named_parameters())
    assert values.keys() == parameters.keys()
    with torch.no_grad():
        for name, value in values.items():
            parameters[name].copy_(value)
    return made


def drawn_masks(model: Supernet, step: int, kind: BatchKind, batch: int) -> Masks:
    """The masks of the passes over a step's batch, from dartsl's draws."""
    embedding = next(iter(model.parameters()))
    vocab, size = embedding.shape
    draws, pass_ = Draws(model.seed), Pass(step, kind)
    return Masks(
        draws.kept(pass_, "stem0.embedding", (vocab,), 0.1, like=embedding)[:, None],
        draws.kept(pass_, "stem0.locked_dropout", (batch, size), 0.2, like=embedding)[None],
        draws.kept(pass_, "layer0.x_mask", (batch, size), 0.75, like=embedding),
        draws.kept(pass_, "layer0.h_mask", (batch, size), 0.25, like=embedding),
        draws.kept(pass_, "head.locked_dropout", (batch, size), 0.75, like=embedding)[None],
    )
