"""From text to plans and graphs, for the tests of this folder."""

from __future__ import annotations

import networkx as nx

from dartsl.graph.build import build
from dartsl.graph.verify import verify
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check, diagnose, pick_network
from dartsl.lang.codes.diagnostics import Diagnostic
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import CellLayer, Merge, Plan, Sequence, Step, Term
from dartsl.lang.syntax.loader import read

NETWORK = """
network tiny(C = 8) {{
  input image(3, {size})
  stem  conv(3) > bn
  stage {stage} width C
  head  global_avg_pool > linear(10)
}}
"""


def spec_of(text: str) -> Spec:
    """A checked spec; `text` lacks the first line and the import of the library."""
    return check(Source("test.darts", f'darts 1\nimport "std/cnn"\n{text}'))


def shipped(name: str) -> Spec:
    return check(read(name))


def planned(spec: Spec | str, network: str | None = None, **parameters: int) -> Plan:
    """The plan of the only network of a spec, or of a shipped spec that has this name."""
    known = shipped(spec) if isinstance(spec, str) else spec
    return plan(known, pick_network(known, network), parameters)


def graph_of(spec: Spec | str, network: str | None = None, **parameters: int) -> nx.DiGraph:
    """The operation graph, verified."""
    graph = build(planned(spec, network, **parameters))
    verify(graph)
    return graph


def one_edge(operation: str, size: str = "32, 32", stage: str = "one", extra: str = "") -> Plan:
    """A network of cells with one edge that carries `operation`."""
    cell = f"cell one {{ input x node y : sum edge x -> y : {operation} output y }}"
    return planned(spec_of(f"{extra}\n{cell}\n{NETWORK.format(size=size, stage=stage)}"))


def only_term(plan: Plan) -> Term:
    """The term of the only edge of the first cell."""
    return next(layer.edges[0][0] for layer in plan.layers if isinstance(layer, CellLayer))


def steps(term: Term) -> list[Step]:
    """The primitives of a term in order of the body."""
    if isinstance(term, Sequence):
        return [step for part in term.terms for step in steps(part)]
    if isinstance(term, Merge):
        return [step for branch in term.branches for step in steps(branch)]
    return [term]


def faults_of(text: str) -> list[Diagnostic]:
    """What checking finds in a spec; `text` lacks its first two lines."""
    return list(diagnose(Source("test.darts", f'darts 1\nimport "std/cnn"\n{text}')).diagnostics)


def codes(text: str) -> list[str]:
    return [fault.code for fault in faults_of(text)]
