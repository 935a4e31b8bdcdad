"""Networks of series: as torch's own operations on (N, C, L) have it, and alike at every level."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dartsl.graph.build import build
from dartsl.graph.count import multiply_adds, parameters
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import SpecError
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.loader import Source
from dartsl.nn.build import Build
from dartsl.nn.supernet import Supernet, from_plan

CHAIN = """
darts 2
network one(C = 3) {{
  input series(2, {length})
  stem  {op}
  stage identity width C
  head  global_avg_pool > linear(4)
}}
"""


def model_of(text: str, **build_: Any) -> Supernet:
    spec = check(Source("one", text.lstrip()))
    (network,) = spec.networks.values()
    torch.manual_seed(0)
    return from_plan(spec, plan(spec, network), Build(dtype="float64", **build_))


def head(x: Tensor, weights: dict[str, Tensor]) -> Tensor:
    return F.linear(x.mean(dim=2), weights["head.linear.weight"], weights["head.linear.bias"])


def conv(x: Tensor, weight: Tensor, stride: int = 1, dilation: int = 1, groups: int = 1) -> Tensor:
    k = weight.shape[-1]
    return F.conv1d(x, weight.flatten(2), None, stride, (k - 1) // 2 * dilation, dilation, groups)


def pool(x: Tensor, k: int, stride: int, kind: str) -> Tensor:
    """By windows, one by one: only samples of the series count."""
    length, found = x.shape[2], []
    for start in range(0, length, stride):
        first = start if k == stride and k % 2 == 0 else start - (k - 1) // 2
        window = x[:, :, max(first, 0) : first + k]
        found.append(window.mean(2) if kind == "avg" else window.amax(2))
    return torch.stack(found, dim=2)


ORACLES: dict[str, Any] = {
    "conv(5)/2": lambda x, w: conv(x, w["conv"], 2),
    "conv(3, dilation = 2)": lambda x, w: conv(x, w["conv"], 1, 2),
    "conv(4)/4": lambda x, w: F.conv1d(F.pad(x, (0, -x.shape[2] % 4)), w["conv"].flatten(2), stride=4),
    "conv(3, out = 4) > conv(3, groups = 2, out = 2) > conv(1)": lambda x, w: conv(
        F.conv1d(conv(x, w["conv"]), w["conv_2"].flatten(2), padding=1, groups=2), w["conv_3"]
    ),
    "conv(1)/2": lambda x, w: conv(x, w["conv"], 2),
    "conv_across(3)/2": lambda x, w: conv(x, w["conv_across"], 2),
    "conv(1) > dwconv(3, dilation = 2)/2": lambda x, w: conv(conv(x, w["conv"]), w["dwconv"], 2, 2, 3),
    "conv(1) > max_pool(3)/2": lambda x, w: pool(conv(x, w["conv"]), 3, 2, "max"),
    "conv(1) > avg_pool(3)/2": lambda x, w: pool(conv(x, w["conv"]), 3, 2, "avg"),
    "conv(1) > avg_pool(2)/2": lambda x, w: pool(conv(x, w["conv"]), 2, 2, "avg"),
    "conv(1) > max_pool(3)": lambda x, w: pool(conv(x, w["conv"]), 3, 1, "max"),
    "conv(1) > shift(2, 1)": lambda x, w: F.pad(conv(x, w["conv"])[:, :, 1:], (0, 1)),
    "conv(1) > shift(0, -2)": lambda x, w: F.pad(conv(x, w["conv"])[:, :, :-2], (2, 0)),
}


@pytest.mark.parametrize("length", [8, 7])
@pytest.mark.parametrize("op", ORACLES)
def test_operations_go_along_the_one_axis(op: str, length: int) -> None:
    model = model_of(CHAIN.format(length=length, op=op)).eval()
    weights = dict(model.network.named_parameters())
    named = {name.split(".")[-2].rsplit("_", 1)[0]: w for name, w in weights.items()}
    named |= {name.split(".")[-2]: weight for name, weight in weights.items()}
    x = torch.randn(3, 2, length, dtype=torch.float64)  # (B, C, L)
    torch.testing.assert_close(model(x), head(ORACLES[op](x, named), weights), rtol=1e-12, atol=1e-12)


def test_counts_are_those_of_one_axis() -> None:
    spec = check(Source("one", CHAIN.format(length=8, op="conv(5)/2 > dwconv(3)")))
    graph = build(plan(spec, spec.networks["one"]))
    assert parameters(graph) == 2 * 3 * 5 + 3 * 3 + (3 * 4 + 4)
    assert multiply_adds(graph) == 4 * (2 * 3 * 5 + 3 * 3) + 3 * 4


CELLS = """
darts 2
import "std/cnn"
cell normal {
  input  c0, c1 : preprocess
  node   a, b : sum keep 2
  edge   all -> a, b : darts
  output concat(a, b)
}
network small(C = 2) {
  input series(1, 9)
  stem  conv(3) > bn
  stage normal/2 > normal width C
  head  global_avg_pool > linear(3)
}
"""


def test_the_cells_of_darts_compute_alike_at_every_level() -> None:
    plain, fast = model_of(CELLS, level=0), model_of(CELLS, level=2)
    fast.load_state_dict(plain.state_dict())
    x = torch.randn(4, 1, 9, dtype=torch.float64)  # (B, C, L)
    outputs, gradients = [], []
    for model in (plain, fast):
        found = model(x)
        outputs.append(found)
        gradients.append(
            torch.autograd.grad(found.square().sum(), [*model.parameters()], materialize_grads=True)
        )
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize(
    ("op", "title"),
    [
        ("conv_down(3)", "`conv_down` cannot be applied to a series"),
        ("conv(3) > linear", "`linear` cannot be applied to a series"),
        ("conv(3) > global_avg_pool > conv(3)/2", "the series is too short for this stride"),
    ],
)
def test_what_has_no_meaning_along_one_axis_is_refused(op: str, title: str) -> None:
    with pytest.raises(SpecError) as caught:
        check(Source("one", CHAIN.format(length=8, op=op)))
    assert title in [fault.title for fault in caught.value.diagnostics]
