"""Relaxations: how mixing weights follow from the parameters of the architecture, in torch.

`dartsl.lang.settings.methods.register` gives one its name, `RELAXATIONS.provide` says what computes it, and
`dartsl.searching.readouts` how what a run records of it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

import torch
from torch import Tensor
from torch.nn.functional import elu, log_softmax, one_hot

from dartsl.graph.tables import LEFT_OUT, AlphaTable
from dartsl.graph.uniform import drawn_rows
from dartsl.lang.check.model import Cell
from dartsl.lang.settings.methods import (
    DIRICHLET,
    GUMBEL,
    GUMBEL_HARD,
    NORMAL,
    SIGMOID,
    SOFTMAX,
    UNIFORM,
    ZERO,
    Implementations,
)
from dartsl.nn.dirichlet import draw_rows
from dartsl.nn.draws import Draws, stream_seed
from dartsl.nn.passing import Pass

ALPHAS = "alphas"  # the group of parameters that every relaxation has
ALPHA_SCALE = 1e-3  # alpha ~ 1e-3 * N(0, 1) (method.md, "Relaxation")


@dataclass(frozen=True)
class Architecture:
    """The parameters of one table in a pass.

    table       whose they are
    parameters  by group: "alphas", (rows, columns), and what else the relaxation starts with
    spare       (rows, columns), True where a row has no such candidate; None where all rows are equally long
    seed        that of the network: with the table's name and the pass it keys what a relaxation draws
    rivals      (rows, rows), True where two edges meet at a node (`dartsl.nn.edges`); None without edge weights
    training    whether the network is in training mode
    decided     (2, rows, columns), what is decided of its edges (`dartsl.nn.projection`); None where none can be
    cell        the cell whose edges the rows are
    """

    table: AlphaTable
    parameters: Mapping[str, Tensor]
    spare: Tensor | None
    seed: int
    rivals: Tensor | None = None
    training: bool = True
    decided: Tensor | None = None
    cell: Cell | None = None

    @property
    def draws(self) -> Draws:
        """What a relaxation draws by."""
        return Draws(self.seed)

    @property
    def path(self) -> str:
        """The key of what is drawn for the table."""
        return f"{ALPHAS}.{self.table.name}"

    @property
    def alphas(self) -> Tensor:
        """(rows, columns), minus infinity in spare columns, so that a softmax or a sigmoid gives these 0."""
        alphas = self.parameters[ALPHAS]
        return alphas if self.spare is None else alphas.masked_fill(self.spare, -torch.inf)


def even_columns(architecture: Architecture, pass_: Pass) -> list[int]:
    """For each row a column, drawn as of equal alphas."""
    table = architecture.table
    shape, like = (len(table.sizes), max(table.sizes)), torch.empty(0, dtype=torch.float64, device="cpu")
    drawn = architecture.draws.gumbel(pass_, architecture.path, shape, like).tolist()
    return [row.index(max(row[:size])) for row, size in zip(drawn, table.sizes, strict=True)]


@dataclass(frozen=True)
class Relaxation:
    """How mixing weights follow from the parameters of the architecture.

    start    the first values of a table's parameters, by group, given the seed of the network: float32 on the CPU.
             "alphas" are (rows, columns) and stand first. All of them are learnt by the alphas' optimiser.
    weights  the mixing weights of a table in a pass, (rows, columns): 0 in spare columns. Rows need not add up to 1.
             Twice differentiable in the parameters. What it draws is keyed by the step and kind of the pass and by
             the seed and name of the table, never by the share: all processes and all passes of a step agree.
    expected what penalties and expected costs take for the mixing weights, where `weights` draws them: (rows, columns),
             differentiable, as `dartsl.searching.readouts` has it. None: `weights` draws nothing
    ahead    whether what it draws can be drawn before the step, so that steps can be captured
    single   whether all weights of a row but one are 0: the network computes that candidate of each edge alone, and
             none of a row of zeros
    columns  of one that is `single`, the column of each row, or LEFT_OUT, as it is drawn where nothing has numbers
    learns   whether the parameters are trained
    """

    start: Callable[[AlphaTable, int], Mapping[str, Tensor]]
    weights: Callable[[Architecture, Pass], Tensor]
    expected: Callable[[Architecture], Tensor] | None = None
    ahead: bool = True
    single: bool = False
    columns: Callable[[Architecture, Pass], list[int]] = even_columns
    learns: bool = True


RELAXATIONS = Implementations[Relaxation]("relaxation")


def small_alphas(table: AlphaTable, seed: int) -> dict[str, Tensor]:
    """Alphas alone, near 0, each table's from a stream of its own; 0 in spare columns."""
    generator = torch.Generator().manual_seed(stream_seed(seed, ALPHAS, table.name))
    drawn = torch.randn(len(table.sizes), max(table.sizes), generator=generator, dtype=torch.float32)
    return {ALPHAS: (ALPHA_SCALE * drawn).masked_fill(spare(table), 0.0)}


def spare(table: AlphaTable) -> Tensor:
    """(rows, columns), True where a row has no such candidate."""
    columns = torch.arange(max(table.sizes), device="cpu")
    return columns >= torch.tensor(table.sizes, device="cpu")[:, None]  # (rows, columns)


def start(
    relaxation: Relaxation, tables: Sequence[AlphaTable], seed: int, alphas: str = NORMAL
) -> dict[str, dict[str, Tensor]]:
    """The first values of all parameters, by group and by the name of their table; `alphas` as of the setting."""
    found: dict[str, dict[str, Tensor]] = {ALPHAS: {}}
    for table in tables:
        for group, value in relaxation.start(table, seed).items():
            begins_at_zero = group == ALPHAS and alphas == ZERO
            found.setdefault(group, {})[table.name] = torch.zeros_like(value) if begins_at_zero else value
    return found


def softmax(architecture: Architecture, pass_: Pass) -> Tensor:
    """DARTS's relaxation: each row's softmax, (rows, columns)."""
    return torch.softmax(architecture.alphas, dim=-1)


def sigmoid(architecture: Architecture, pass_: Pass) -> Tensor:
    """FairDARTS's relaxation (arXiv 1911.12126): the sigmoid of each alpha, (rows, columns)."""
    return torch.sigmoid(architecture.alphas)


def expected_softmax(architecture: Architecture) -> Tensor:
    """The softmax of the alphas alone, where a pass draws besides: (rows, columns)."""
    return torch.softmax(architecture.alphas, dim=-1)


def gumbel(architecture: Architecture, pass_: Pass) -> Tensor:
    """softmax((alpha + g) / temperature) with g of the Gumbel distribution, one a candidate: (rows, columns).

    Drawn anew for each batch of a step (SNAS, arXiv 1812.09926, equation 6).
    """
    alphas = architecture.alphas
    noise = architecture.draws.gumbel(pass_, architecture.path, tuple(alphas.shape), alphas)
    return torch.softmax((alphas + noise) / pass_.scheduled.temperature, dim=-1)


def gumbel_hard(architecture: Architecture, pass_: Pass) -> Tensor:
    """1 for the candidate that is drawn for a row, 0 for the others, with the gradient of p: (rows, columns).

    p = softmax((log softmax(alpha) + g) / temperature); h = onehot(argmax p) - p' + p, where p' has no gradient (GDAS,
    arXiv 1910.04465, equation 7). In evaluation mode nothing is drawn: 1 for the candidate with the largest alpha.
    """
    alphas = architecture.alphas
    if not architecture.training:
        return one_hot(alphas.argmax(dim=-1), alphas.shape[-1]).to(alphas.dtype)
    noise = architecture.draws.gumbel(pass_, architecture.path, tuple(alphas.shape), alphas)
    soft = torch.softmax((log_softmax(alphas, dim=-1) + noise) / pass_.scheduled.temperature, dim=-1)
    chosen = one_hot(soft.argmax(dim=-1), soft.shape[-1]).to(soft.dtype)
    return chosen - soft.detach() + soft


def places(relaxation: Relaxation, architecture: Architecture, weights: Tensor, pass_: Pass) -> list[int]:
    """For each row the column of the largest mixing weight, LEFT_OUT of a row of zeros: one read of the device.

    On the meta device, where nothing has numbers, it is drawn as the relaxation says.
    """
    if weights.is_meta:
        return relaxation.columns(architecture, pass_)
    found: list[int] = weights.argmax(dim=-1).where(weights.amax(dim=-1) > 0, LEFT_OUT).tolist()
    return found


def no_alphas(table: AlphaTable, seed: int) -> dict[str, Tensor]:
    """Alphas of 0, for a relaxation that learns none."""
    return {ALPHAS: torch.zeros(len(table.sizes), max(table.sizes), dtype=torch.float32, device="cpu")}


def uniform_columns(architecture: Architecture, pass_: Pass) -> list[int]:
    """For each row the column that it has in the architecture that a pass draws, or LEFT_OUT."""
    if architecture.cell is None or architecture.table.columns:
        raise ValueError("architectures are drawn of whole cells")
    seed = stream_seed(architecture.seed, pass_.step, pass_.kind, architecture.path)
    return drawn_rows(architecture.cell, Random(seed))


def uniform(architecture: Architecture, pass_: Pass) -> Tensor:
    """1 for what the edges have in an architecture that is drawn evenly, 0 for all else: (rows, columns).

    (Li and Talwalkar, arXiv 1902.07638.) Drawn on the CPU, so that a seed means the same everywhere.
    """
    alphas = architecture.parameters[ALPHAS]
    rows = torch.zeros(alphas.shape, dtype=alphas.dtype, device="cpu")
    for row, column in enumerate(uniform_columns(architecture, pass_)):
        if column != LEFT_OUT:
            rows[row, column] = 1
    return rows.to(alphas.device)


def dirichlet(architecture: Architecture, pass_: Pass) -> Tensor:
    """DrNAS's relaxation (arXiv 2006.10355): each row drawn from Dir(elu(alpha) + 1), (rows, columns)."""
    alphas = architecture.parameters[ALPHAS]
    if alphas.is_meta:
        return expected_softmax(architecture)
    generator = architecture.draws.generator(pass_, architecture.path)
    return draw_rows(elu(alphas) + 1, architecture.table.sizes, generator)


RELAXATIONS.provide(SOFTMAX, Relaxation(small_alphas, softmax))
RELAXATIONS.provide(SIGMOID, Relaxation(small_alphas, sigmoid))
RELAXATIONS.provide(GUMBEL, Relaxation(small_alphas, gumbel, expected_softmax))
RELAXATIONS.provide(DIRICHLET, Relaxation(small_alphas, dirichlet, expected_softmax, ahead=False))
RELAXATIONS.provide(
    GUMBEL_HARD, Relaxation(small_alphas, gumbel_hard, expected_softmax, ahead=False, single=True)
)
RELAXATIONS.provide(
    UNIFORM,
    Relaxation(
        no_alphas,
        uniform,
        expected_softmax,
        ahead=False,
        single=True,
        columns=uniform_columns,
        learns=False,
    ),
)
