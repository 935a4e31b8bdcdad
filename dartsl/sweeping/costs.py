"""What searches and trainings cost: multiply-adds for each image (or word) of the training data, estimated.

They say how many random architectures could be had for a search, and how far a sweep has come. How many images there
are plays no part in either, so that no data are read. Only what is computed by matrices and convolutions counts, a
backward pass twice its forward pass, no measurement on validation data, and of a search in stages the first network in
all of them. Parts that lead to no output, where `none` was drawn, are counted in random architectures.
"""

from __future__ import annotations

from dartsl.graph.budget import budget, counted
from dartsl.graph.build import build
from dartsl.graph.count import multiply_adds
from dartsl.graph.unused import running
from dartsl.lang.check.model import Cell
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.methods import ADVERSARIAL, GUMBEL_HARD, PERTURBATION, UNIFORM
from dartsl.lang.settings.search import SearchConfig
from dartsl.lang.settings.train import TrainConfig

BOTH = 3  # a forward pass, and a backward one, which is two of them
HIGHER = 3  # passes that second and exact order take besides those of first order
LOSSES = 2  # passes of `perturb = adversarial` besides its steps


def search_cost(plan: Plan, config: SearchConfig) -> float:
    """Of a search of a network, planned with its part of the channels, and of the epochs that decide what is found."""
    share = 1.0 if plan.input.sequence else config.split  # a text is read whole
    warmup = min(config.warmup, config.epochs)
    epochs = config.epochs - warmup + _deciding(plan, config)
    return BOTH * _step_adds(plan, config) * share * (warmup + epochs * _passes(config))


def _passes(config: SearchConfig) -> int:
    """Forward and backward passes of a step in which the alphas learn, if they do at all."""
    weights = 1 + (config.perturb_steps + LOSSES if config.perturb == ADVERSARIAL else 0)
    alphas = 0 if config.relaxation == UNIFORM else 1 + (0 if config.order == "1" else HIGHER)
    return weights + alphas


def _step_adds(plan: Plan, config: SearchConfig) -> float:
    """The multiply-adds of the network as a pass computes it: all candidates, or those that are drawn, each as likely
    as another. Of a text all, which share the matrix of their node."""
    if config.relaxation == UNIFORM:
        return random_adds(plan)
    if config.relaxation != GUMBEL_HARD or plan.input.sequence:
        return multiply_adds(running(build(plan)))
    found = budget(plan, counted(plan, "multiply_adds"))
    return found.fixed + sum(sum(row) / len(row) for each in found.cells for row in each.rows)


def _deciding(plan: Plan, config: SearchConfig) -> int:
    """The epochs after a search in which it goes on while edges and nodes are decided, one by one (DARTS-PT)."""
    if config.derive != PERTURBATION:
        return 0
    decisions = max(len(cell.searched_edges) + _contested(cell) for cell in plan.cells())
    return config.projection_interval * (decisions - 1) + 1


def _contested(cell: Cell) -> int:
    """The nodes that keep fewer edges than offer a choice."""
    offered = [edge.target for edge in cell.searched_edges]
    return sum(node.keep is not None and node.keep < offered.count(node.name) for node in cell.nodes)


def train_cost(adds: float, config: TrainConfig, epochs: int | None = None) -> float:
    """Of the training of a network of so many multiply-adds, for the settings' epochs or others."""
    share = 1.0 if config.final else 1 - config.validation
    return BOTH * adds * share * (config.epochs if epochs is None else epochs)


def random_adds(plan: Plan) -> float:
    """The multiply-adds of a random architecture of a space, in the mean: each candidate, and each edge into a node
    that keeps some, as likely as another. Of a text those of all candidates, which share the matrix of their node."""
    if plan.input.sequence:
        return multiply_adds(running(build(plan)))
    found = budget(plan, counted(plan, "multiply_adds"))
    return found.expected({each.table: _even(each.cell) for each in found.cells})


def _even(cell: Cell) -> list[list[float]]:
    """The mixing weights of each searched edge by which its candidates are drawn: into a node that keeps some edges
    none is `none`."""
    rows = []
    for edge in cell.searched_edges:
        keeps = any(node.name == edge.target and node.keep is not None for node in cell.nodes)
        able = [not (keeps and candidate.is_none) for candidate in edge.candidates]
        rows.append([each / sum(able) for each in able])
    return rows
