"""Networks of vectors: as torch's own operations on (N, F) have it, and alike at every level."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F

from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import SpecError
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.loader import Source
from dartsl.nn.build import Build
from dartsl.nn.supernet import Supernet, from_plan

SPEC = """
darts 2
op lin(act) = linear > bn > act
cell normal {
  input  x
  node   a, b : sum keep 1
  edge   all -> a, b : identity | none | lin(relu) | linear > tanh
  output concat(a, b)
}
network small(C = 4) {
  input vector(5)
  stem  linear > bn
  stage normal > linear > normal width C
  head  linear(3)
}
"""


def model_of(text: str, **build: Any) -> Supernet:
    spec = check(Source("one", text))
    (network,) = spec.networks.values()
    torch.manual_seed(0)
    return from_plan(spec, plan(spec, network), Build(dtype="float64", **build))


def test_levels_compute_alike() -> None:
    plain, fast = model_of(SPEC, level=0), model_of(SPEC, level=2)
    fast.load_state_dict(plain.state_dict())
    x = torch.randn(6, 5, dtype=torch.float64)  # (B, F)
    outputs, gradients = [], []
    for model in (plain, fast):
        found = model(x)
        outputs.append(found)
        gradients.append(
            torch.autograd.grad(found.square().sum(), [*model.parameters()], materialize_grads=True)
        )
    torch.testing.assert_close(outputs[0], outputs[1], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=1e-8, atol=1e-9)


def test_a_decided_network_is_the_one_that_is_written() -> None:
    text = SPEC.replace("identity | none | lin(relu) | linear > tanh", "lin(relu)").replace("keep 1", "")
    model = model_of(text.replace("normal > linear > normal", "normal").replace("concat(a, b)", "b"))
    w = dict(model.network.named_parameters())
    x = torch.randn(6, 5, dtype=torch.float64)  # (B, F)

    def norm(y: torch.Tensor, path: str) -> torch.Tensor:
        return F.batch_norm(y, None, None, w[f"{path}.weight"], w[f"{path}.bias"], training=True)

    def lin(y: torch.Tensor, path: str) -> torch.Tensor:
        z = F.linear(y, w[f"{path}.lin_relu.linear.weight"], w[f"{path}.lin_relu.linear.bias"])
        return norm(z, f"{path}.lin_relu.bn").relu()

    stem = norm(F.linear(x, w["stem0.linear.weight"], w["stem0.linear.bias"]), "stem0.bn")
    a = lin(stem, "layer0.a.x")
    b = lin(stem, "layer0.b.x") + lin(a, "layer0.b.a")
    wanted = F.linear(b, w["head.linear.weight"], w["head.linear.bias"])
    torch.testing.assert_close(model(x), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("old", "new", "title"),
    [
        ("lin(relu)", "conv(3)", "`conv` cannot be applied to a vector"),
        ("lin(relu)", "max_pool(3)", "`max_pool` cannot be applied to a vector"),
        ("lin(relu)", "global_avg_pool", "`global_avg_pool` cannot be applied to a vector"),
        ("lin(relu)", "linear(out = 3)", "`linear(out = 3)` does not give the width asked of it"),
        ("> normal width", "> normal/2 width", "`normal/2` cannot take a stride"),
        ("darts 2", "darts 1", "the input of a network must be an image or tokens"),
    ],
)
def test_what_has_no_meaning_for_a_vector_is_refused(old: str, new: str, title: str) -> None:
    with pytest.raises(SpecError) as caught:
        check(Source("one", SPEC.replace(old, new)))
    assert title in [fault.title for fault in caught.value.diagnostics]
