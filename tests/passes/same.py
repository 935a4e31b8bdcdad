"""Whether a graph after some passes computes what the plain one does: `assert_same(text, passes)`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import networkx as nx
import torch
from torch import Tensor
from torch.nn import functional as F

from dartsl.graph.build import build
from dartsl.graph.operations import application, info
from dartsl.graph.passes import Pass, apply
from dartsl.graph.target import TARGETS
from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import Plan
from dartsl.lang.records.primitives import owner
from dartsl.nn import passing
from dartsl.nn.build import Build
from dartsl.nn.supernet import Supernet
from dartsl.nn.text import TextOutput

TOLERANCE = 1e-10
CPU = TARGETS["cpu"]


def assert_same(text: str, passes: Sequence[Pass], *, seed: int = 0, batch: int = 4) -> None:
    """The network of a spec's text after `passes` against the plain one, in float64.

    Outputs, gradients of weights and alphas, running statistics, frozen statistics and evaluation.
    """
    planned = planned_text(text)
    plain = build(planned)
    graph = apply(plain, passes).graph
    compare(model(planned, plain, seed), model(planned, graph, seed), batch)


def planned_text(text: str) -> Plan:
    """The plan of the only network of a spec's text."""
    spec = check(Source("test.darts", text))
    return plan(spec, pick_network(spec, None), {})


def optimised_graph(text: str, passes: Sequence[Pass]) -> nx.DiGraph:
    """The graph of a spec's text after some passes."""
    graph = build(planned_text(text))
    for each in passes:
        graph = each.run(graph)
    return graph


def model(planned: Plan, graph: nx.DiGraph, seed: int = 0, relaxation: str = "softmax") -> Supernet:
    """The network of a graph as it is, in float64, with random parameters that depend on names and `seed` alone."""
    made = Supernet(planned, graph, Build(level=0, seed=seed, dtype=torch.float64, relaxation=relaxation))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for _, parameter in sorted(made.named_parameters()):
            drawn = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.add_(drawn, alpha=0.3)
    return made


def images(planned: Plan, batch: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random normal images (B, C, H, W), series or vectors, and labels (B,)."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(planned.input.batch(batch), generator=generator, dtype=torch.float64)
    return drawn, torch.randint(planned.classes, (batch,), generator=generator)


def words(planned: Plan, batch: int, seed: int) -> tuple[Tensor, Tensor]:
    """Random words (T, B), a window one longer than the network's unless it has positions, and those that follow."""
    generator = torch.Generator().manual_seed(seed)
    specs = info(build(planned)).modules.values()
    positions = any(owner(each.primitive).has("positions") for each in specs)
    window = (planned.input.length + (0 if positions else 1), batch)
    x, labels = (torch.randint(planned.classes, window, generator=generator) for _ in range(2))
    return x, labels


def carries(model: Supernet, x: Tensor) -> list[Tensor]:
    """Random states (B, H): batch norms of the first step would see equal vectors, and magnify rounding, with zeros."""
    generator = torch.Generator().manual_seed(2)
    widths = [application(model.graph, carry).shape[0] for carry in info(model.graph).carries]
    return [torch.randn(x.shape[1], width, generator=generator, dtype=torch.float64) for width in widths]


def compare(plain: Supernet, other: Supernet, batch: int = 4) -> None:
    """The two, which have equal parameters, on one batch."""
    x, labels = (words if plain.plan.input.sequence else images)(plain.plan, batch, seed=1)
    outputs, gradients = zip(*(_pass(each, x, labels) for each in (plain, other)), strict=True)
    same(outputs[1], outputs[0])
    same(gradients[1], gradients[0])
    same_state(other, plain)
    before = {name: value.clone() for name, value in other.state_dict().items()}
    _pass(other, x, labels, passing.Pass(frozen=True))
    assert all(torch.equal(value, before[name]) for name, value in other.state_dict().items())
    other.load_state_dict(plain.state_dict())
    plain.eval(), other.eval()
    with torch.no_grad():
        same(_tensors(other(x)), _tensors(plain(x)))
    plain.train(), other.train()


def same_state(other: Supernet, plain: Supernet, tolerance: float = TOLERANCE) -> None:
    """Parameters and buffers have the same names, in the same order, and the same values."""
    ours, theirs = other.state_dict(), plain.state_dict()
    assert list(ours) == list(theirs)
    same(ours, theirs, tolerance)


def same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], tolerance: float = TOLERANCE) -> None:
    """Equal up to `tolerance` of each tensor's largest number, or of a thousandth of the largest of all."""
    assert ours.keys() == theirs.keys()
    largest = max(
        (float(value.detach().abs().max()) for value in theirs.values() if value.numel()), default=0.0
    )
    for name, value in theirs.items():
        assert ours[name].shape == value.shape, name
        apart = float((ours[name] - value).abs().max())
        size = max(float(value.abs().max()), 1e-3 * largest)
        assert apart <= tolerance * size, f"{name}: {apart} apart, {size} large"


def _pass(
    each: Supernet, x: Tensor, labels: Tensor, pass_: passing.Pass = passing.PLAIN
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """What a network gives, and the gradients of a loss that all of it goes into."""
    names, parameters = zip(*each.named_parameters(), strict=True)
    states = carries(each, x) if each.plan.input.sequence else None
    outputs = _tensors(each(x, states, pass_))
    loss = F.cross_entropy(outputs["logits"].flatten(0, -2), labels.flatten())
    for name, value in outputs.items():
        if name != "logits":
            loss = loss + value.square().mean()
    gradients = torch.autograd.grad(loss, parameters, materialize_grads=True)
    given = {name: value.detach() for name, value in outputs.items()}
    return given, dict(zip(names, gradients, strict=True))


def _tensors(output: Tensor | TextOutput) -> dict[str, Tensor]:
    """All tensors that a network gives, by name."""
    if isinstance(output, Tensor):
        return {"logits": output}
    named = {f"carry {place}": carry for place, carry in enumerate(output.carries)}
    return {"logits": output.logits, "outputs": output.outputs, "dropped": output.dropped, **named}
