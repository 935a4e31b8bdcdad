"""Cells with several outputs and carries (darts 2): a plain LSTM is torch's, what masks reach, less memory."""

from __future__ import annotations

import networkx as nx
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dartsl import compile
from dartsl.graph.build import build
from dartsl.graph.operations import application, info
from dartsl.graph.passes import apply, passes_of
from dartsl.graph.verify import GraphError, verify
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read
from dartsl.nn.passing import Pass
from dartsl.nn.supernet import Supernet
from tests.nn.text_specs import GATED, planned, tokens
from tests.passes.same import CPU, compare, model, same

GATES = "ifgo"  # in torch's order


def plain_lstm() -> Supernet:
    """The cell of specs/lstm with the functions of the usual one."""
    text = read("lstm").text
    for choice in ("sigmoid | hard_sigmoid | tanh", "tanh | relu | silu | identity"):
        assert choice in text
        text = text.replace(choice, choice.split(" ")[0])
    return compile(check(Source("lstm.darts", text)), parameters={"H": 5}, dtype="float64")


def test_the_plain_cell_is_torchs_lstm() -> None:
    """Outputs, states and gradients, in float64; its two biases are one here."""
    ours = plain_lstm()
    width = 5
    theirs = nn.LSTM(width, width, dtype=torch.float64)
    matrices = [getattr(ours.network.layer0, gate).gate.linear for gate in GATES]
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for linear in matrices:
            linear.bias.copy_(torch.randn(width, generator=generator, dtype=torch.float64))
        whole = torch.cat([linear.weight for linear in matrices])  # (4 H, 2 H)
        theirs.weight_ih_l0.copy_(whole[:, :width])
        theirs.weight_hh_l0.copy_(whole[:, width:])
        theirs.bias_ih_l0.copy_(torch.cat([linear.bias for linear in matrices]))
        theirs.bias_hh_l0.zero_()
    x, labels = tokens(ours)
    states = [torch.randn(x.shape[1], width, generator=generator, dtype=torch.float64) for _ in range(2)]
    embedding, head = ours.network.stem0.embedding.weight, ours.network.head.linear

    def loss(outputs: Tensor, c: Tensor) -> Tensor:
        logits = F.linear(outputs, embedding, head.bias)
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten()) + c.square().mean()

    given = ours(x, states)
    outputs, (h, c) = theirs(F.embedding(x, embedding), (states[0][None], states[1][None]))
    torch.testing.assert_close(given.outputs, outputs)
    torch.testing.assert_close(torch.stack(given.carries), torch.cat((h, c)))
    mine = torch.autograd.grad(
        loss(given.outputs, given.carries[1]),
        [embedding, *(linear.weight for linear in matrices), *(linear.bias for linear in matrices)],
    )
    wanted = torch.autograd.grad(
        loss(outputs, c), [embedding, theirs.weight_ih_l0, theirs.weight_hh_l0, theirs.bias_ih_l0]
    )
    torch.testing.assert_close(mine[0], wanted[0])
    torch.testing.assert_close(torch.cat(mine[1:5]), torch.cat(wanted[1:3], 1))
    torch.testing.assert_close(torch.cat(mine[5:]), wanted[3])


def test_many_carries_stand_in_order() -> None:
    """A shift register of twelve: after a window they are its last twelve elements, the last one first."""
    count = 12
    carries = ", ".join(f"h{i}" for i in range(count))
    nodes = ", ".join(f"n{i}" for i in range(count))
    shifts = "".join(f"  edge h{i} -> n{i + 1} : identity\n" for i in range(count - 1))
    text = (
        f"darts 2\ncell register {{\n  input {carries}, x\n  node {nodes} : sum\n  edge x -> n0 : identity\n{shifts}"
        f"  output {nodes}  # dartsl: allow W0303\n}}\n"
        "network text(H = 3, vocab = 7) {\n  input tokens(15)\n  stem embedding(vocab, out = H)\n"
        f'  stage scan(register, carry = "{carries}") width H\n  head linear(vocab)\n}}\n'
    )
    supernet = compile(check(Source("register.darts", text)), dtype="float64")
    x = torch.randint(7, (15, 2), generator=torch.Generator().manual_seed(0))
    given = supernet(x)
    elements = F.embedding(x, supernet.network.stem0.embedding.weight)  # (T, B, 3)
    torch.testing.assert_close(torch.stack(given.carries), elements.flip(0)[:count])


def masked(graph: nx.DiGraph) -> set[str]:
    """What is under a mask as it enters something: the names below the layer, without that of the mask."""
    return {node.removeprefix("layer0.") for node in graph if node.endswith("_masked")}


def test_masks_reach_the_element_and_the_first_carry_where_they_enter_matrices() -> None:
    found = masked(build(planned(GATED)))
    own = [
        f"{gate}.concat.own_{act}.linear"
        for gate, acts in (
            ("i", ("sigmoid", "hard_sigmoid")),
            ("o", ("sigmoid", "hard_sigmoid")),
            ("g", ("tanh",)),
        )
        for act in acts
    ]
    shared = [f"f.concat.shared_{act}.linear" for act in ("sigmoid", "tanh")]
    assert found == {f"{path}.{which}_masked" for path in own for which in "xh"} | {
        f"{path}.h_masked" for path in shared
    }


CELL = """cell c {{
  input  x, h
  node   a : sum
  node   b : sum
  edge   x -> a : linear | identity > linear | tanh > linear | sum(linear, identity)
  edge   h -> b : linear
  edge   a -> b : linear
  output b
}}
network text(H = 4, vocab = 7) {{
  input tokens(4)
  stem  embedding(vocab, out = H)
  stage scan(c, "h", {rates}) width H
  head  linear(vocab)
}}
"""


def test_what_is_no_longer_the_element_is_not_masked_and_darts_1_masks_no_such_matrix() -> None:
    text = CELL.format(rates="0.5, 0.5")
    assert masked(build(planned(f"darts 2 {text}"))) == {
        *("a.x.linear.linear.x_masked", "a.x.identity_linear.linear.x_masked"),
        *("a.x.sum_linear_identity.linear.x_masked", "b.h.linear.linear.h_masked"),
    }
    assert masked(build(planned(f"darts 1 {text}"))) == set()
    assert masked(build(planned(f"darts 2 {CELL.format(rates='0.5')}"))) == {
        *("a.x.linear.linear.x_masked", "a.x.identity_linear.linear.x_masked"),
        "a.x.sum_linear_identity.linear.x_masked",
    }


def test_a_mask_drops_numbers_of_the_element_for_a_whole_sequence() -> None:
    text = CELL.format(rates="0.5").replace(
        "linear | identity > linear | tanh > linear | sum(linear, identity)", "linear"
    )
    ours = compile(check(Source("test.darts", f"darts 2 {text}")), dtype="float64")
    x, _ = tokens(ours)
    layer, given = ours.network.layer0, {}
    layer.a.x.linear.linear.register_forward_hook(
        lambda module, inputs, output: given.setdefault("x", inputs[0])
    )
    ours(x, pass_=Pass(3))
    entered, whole = given["x"], ours.network.stem0.embedding.weight[x]
    kept = entered != 0  # (T, B, C)
    assert torch.equal(kept, kept[:1].expand_as(kept))
    assert 0 < kept.double().mean() < 1
    torch.testing.assert_close(entered, torch.where(kept, 2 * whole, torch.zeros_like(whole)))


def test_steps_computed_again_give_the_same() -> None:
    spec = check(Source("test.darts", GATED))
    low, usual = (compile(spec, dtype="float64", memory=memory) for memory in ("low", "normal"))
    low.load_state_dict(usual.state_dict())
    x, _ = tokens(low)
    gradients = []
    for each in (low, usual):
        output = each(x, pass_=Pass(1))
        loss = output.logits.square().mean() + sum(carry.square().mean() for carry in output.carries)
        parameters = dict(each.named_parameters())
        found = torch.autograd.grad(loss, list(parameters.values()), materialize_grads=True)
        gradients.append(dict(zip(parameters, found, strict=True)))
    same(*gradients)


def test_one_candidate_an_edge() -> None:
    """With `gumbel_hard` each edge computes one candidate, at every level the same."""
    plan = planned(GATED)
    plain = build(plan)
    optimised = apply(plain, [each for each in passes_of(2, CPU) if not each.joins]).graph
    compare(model(plan, plain, relaxation="gumbel_hard"), model(plan, optimised, relaxation="gumbel_hard"))


def test_the_verifier_wants_an_output_for_each_carry() -> None:
    graph = build(planned(GATED))
    verify(graph)
    sequence = application(graph, "layer0.sequence")
    assert info(graph).carries[:2] == ("layer0.h", "layer0.c")
    graph.remove_edge(sequence.inputs[1], "layer0.sequence")
    graph.nodes["layer0.sequence"]["op"] = type(sequence)(
        sequence.kind, (), sequence.inputs[:1], sequence.shape, sequence.layer
    )
    with pytest.raises(GraphError, match="layer0: its outputs are not carries of the next step"):
        verify(graph)
