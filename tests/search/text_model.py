"""A small network of text with the interface that a search needs of a supernet, and no graph behind it."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import NamedTuple

import networkx as nx
import torch
from torch import Tensor, nn

from dartsl.graph.operations import Application
from dartsl.graph.tables import AlphaTable
from dartsl.lang.records.inputs import Tokens
from dartsl.lang.settings.methods import SOFTMAX
from dartsl.nn.draws import stream_seed
from dartsl.nn.passing import PLAIN, Pass
from dartsl.nn.relaxations import RELAXATIONS


class Output(NamedTuple):
    logits: Tensor
    outputs: Tensor
    dropped: Tensor
    carries: tuple[Tensor, ...]


class TextModel(nn.Module):
    """h' = sum_k softmax(alpha)_k act_k([x, h] W), the embedding shared with the decoder; masks keyed by the pass."""

    def __init__(self, vocabulary: int = 8, hidden: int = 6, window: int = 10, keep: float = 1.0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)

        def drawn(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.randn(shape, generator=generator, dtype=torch.float64) * 0.5)

        self.network = nn.Module()
        self.network.encoder = nn.Module()
        self.network.encoder.weight = drawn(vocabulary, hidden)
        self.network.cell = nn.Module()
        self.network.cell.weight = drawn(2 * hidden, hidden)
        self.network.decoder = nn.Module()
        self.network.decoder.bias = drawn(vocabulary)
        self.alphas = nn.ParameterDict({"cell": drawn(1, 3)})
        self.keep = keep
        self.plugins: dict[str, object] = {}
        self.seed = 0
        self.relaxation = RELAXATIONS.of(SOFTMAX)
        self.tables = (AlphaTable("cell", "cell", (3,), ("n",)),)
        self.plan = SimpleNamespace(
            classes=vocabulary,
            input=Tokens(window, vocabulary),
            network=SimpleNamespace(name="small"),
        )
        self.graph = nx.DiGraph()
        for kind, state in {"embedding": ("encoder",), "linear": ("decoder", "encoder")}.items():
            self.graph.add_node(kind, op=Application(kind, (), (), (hidden,), kind, state))

    def forward(self, tokens: Tensor, carries: Sequence[Tensor] | None = None, pass_: Pass = PLAIN) -> Output:
        encoder, matrix = self.network.encoder.weight, self.network.cell.weight
        state = carries[0] if carries is not None else encoder.new_zeros(tokens.shape[1], encoder.shape[1])
        mix = self.alphas["cell"].softmax(dim=-1)[0]
        outputs = []
        for x in encoder[tokens]:  # (B, H) each
            z = torch.cat([x, state], dim=1) @ matrix  # (B, H)
            state = mix[0] * z.tanh() + mix[1] * z.sigmoid() + mix[2] * (0.3 * z)  # (B, H)
            outputs.append(state)
        stacked = torch.stack(outputs)  # (T, B, H)
        dropped = stacked
        if self.keep < 1:
            generator = torch.Generator().manual_seed(stream_seed(pass_.step, pass_.kind))
            mask = torch.randn((1, *stacked.shape[1:]), generator=generator) > 0  # (1, B, H)
            dropped = stacked * mask / self.keep  # (T, B, H)
        return Output(dropped @ encoder.t() + self.network.decoder.bias, stacked, dropped, (state,))

    def carries(self, rows: int) -> list[Tensor]:
        encoder = self.network.encoder.weight
        return [encoder.new_zeros(rows, encoder.shape[1])]

    def weights(self) -> list[nn.Parameter]:
        return list(self.network.parameters())

    def alpha_parameters(self) -> list[nn.Parameter]:
        return [self.alpha("cell")]

    def architecture(self) -> dict[str, dict[str, list[list[float]]]]:
        return {"alphas": {"cell": self.alpha("cell").tolist()}}

    def alpha(self, cell: str) -> nn.Parameter:
        found: nn.Parameter = self.alphas[cell]
        return found
