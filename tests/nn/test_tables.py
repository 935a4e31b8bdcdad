"""A table of alphas is found by its own name: a cell may have several, and several cells may share one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import networkx as nx
import pytest
import torch

from dartsl.graph.build import build
from dartsl.graph.kinds import MIX
from dartsl.graph.operations import application, info
from dartsl.graph.passes import optimise
from dartsl.graph.tables import AlphaTable
from dartsl.lang.plan.terms import CellLayer
from dartsl.nn.supernet import Supernet
from tests.passes.same import CPU, compare, images, model, planned_text

BODY = """{
  input  a, b : relu > conv(1) > bn
  node   n : sum
  edge   all -> n : none | identity | relu > conv(3) > bn
  output concat(n)
}
"""
SPEC = f"""darts 1
cell first {BODY}
cell second {BODY}
network small(C = 2) {{
  input image(1, 6, 6)
  stem  conv(3) > bn
  stage {{layers}}  width C
  head  global_avg_pool > linear(3)
}}
"""
ROWS = ((3, 3), ("n", "n"))
TWO_OF_ONE = {
    "layer0": AlphaTable("early", "first", *ROWS),
    "layer1": AlphaTable("late", "first", *ROWS),
}
ONE_OF_TWO = dict.fromkeys(("layer0", "layer1"), AlphaTable("shared", "first", *ROWS))


def retold(graph: nx.DiGraph, tables: Mapping[str, AlphaTable]) -> nx.DiGraph:
    """The graph with a table for each layer."""
    found = graph.copy()
    for node in found:
        applied = application(found, node)
        if applied.kind == MIX:
            attributes = dict(applied.attributes) | {"table": tables[applied.layer].name}
            found.nodes[node]["op"] = replace(applied, attributes=tuple(attributes.items()))
    found.graph["info"] = replace(info(found), alphas=tuple(dict.fromkeys(tables.values())))
    return found


def both(layers: str, tables: Mapping[str, AlphaTable]) -> tuple[Supernet, Supernet]:
    """The network as it is built, and with other tables, with equal weights."""
    planned = planned_text(SPEC.replace("{layers}", layers))
    assert [each.cell.name for each in planned.layers if isinstance(each, CellLayer)] == layers.split(" > ")
    plain = model(planned, build(planned))
    other = model(planned, retold(build(planned), tables))
    other.network.load_state_dict(plain.network.state_dict())
    return plain, other


def gradients(made: Supernet) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Logits, and the gradient of the sum of their squares in each table."""
    logits = made(images(made.plan, 3, seed=0)[0])
    found = torch.autograd.grad(logits.square().sum(), made.alpha_parameters())
    return logits, {table.name: each for table, each in zip(made.tables, found, strict=True)}


def test_two_tables_of_one_cell() -> None:
    plain, other = both("first > first", TWO_OF_ONE)
    assert {name for name in other.state_dict() if name.startswith("alphas.")} == {
        "alphas.early",
        "alphas.late",
    }
    with torch.no_grad():
        for table in ("early", "late"):
            other.alpha(table).copy_(plain.alpha("first"))
    logits, wanted = gradients(plain)
    ours, found = gradients(other)
    torch.testing.assert_close(ours, logits, rtol=0, atol=1e-12)
    torch.testing.assert_close(found["early"] + found["late"], wanted["first"], rtol=0, atol=1e-12)
    with torch.no_grad():
        other.alpha("late")[:, 2] += 1  # of the second layer alone
    early = other.network.get_submodule("layer0")
    kept: list[torch.Tensor] = []
    handle = early.register_forward_hook(lambda module, given, gave: kept.append(gave))
    moved, _ = gradients(other)
    with torch.no_grad():
        other.alpha("early")[:, 2] += 1
    gradients(other)
    handle.remove()
    assert (moved - logits).abs().max() > 1e-3
    assert (kept[1] - kept[0]).abs().max() > 1e-3


def test_a_table_of_two_cells() -> None:
    plain, other = both("first > second", ONE_OF_TWO)
    with torch.no_grad():
        for table in ("first", "second"):
            plain.alpha(table).copy_(other.alpha("shared"))
    logits, wanted = gradients(plain)
    ours, found = gradients(other)
    torch.testing.assert_close(ours, logits, rtol=0, atol=1e-12)
    torch.testing.assert_close(found["shared"], wanted["first"] + wanted["second"], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("layers", "tables"), [("first > first", TWO_OF_ONE), ("first > second", ONE_OF_TWO)]
)
def test_every_pass_keeps_tables_apart(layers: str, tables: Mapping[str, AlphaTable]) -> None:
    planned = planned_text(SPEC.replace("{layers}", layers))
    graph = retold(build(planned), tables)
    compare(model(planned, graph), model(planned, optimise(graph, 2, CPU).graph))
