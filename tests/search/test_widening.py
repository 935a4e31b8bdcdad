"""Wider candidates of a later stage: which channels are copies of which."""

from __future__ import annotations

import torch

from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.nn.build import Build
from dartsl.nn.draws import stream_seed
from dartsl.nn.supernet import Supernet, from_plan
from dartsl.searching.kept import carry
from dartsl.searching.widening import Wider, widening

SPEC = """darts 1

op twice = relu > conv(3) > bn > relu > conv(1, out = 2*C) > bn > relu > conv(1) > bn
op both = relu > concat(conv(1, out = C/2), relu) > conv(1) > bn
op alone = sum(identity, conv(1)) > bn > dwconv(3)

cell normal {
  input  a
  node   n : sum
  edge   a -> n : twice | both | alone
  output n
}

network tiny(C = 12) {
  input image(1, 8, 8)
  stem  conv(3) > bn
  stage normal width C
  head  global_avg_pool > linear(3)
}
"""
KEY = (0, "wider", 1)
EDGE = "layer0.n.a"


def network(parts: int) -> Supernet:
    spec = check(Source("s.darts", SPEC))
    return from_plan(spec, plan(spec, spec.networks["tiny"], {}, parts), Build(seed=parts, dtype="float64"))


def drawn(path: str, side: str, had: int, has: int) -> tuple[int, ...]:
    generator = torch.Generator().manual_seed(stream_seed(*KEY, f"{EDGE}.{path}", side))
    return (*range(had), *torch.randint(had, (has - had,), generator=generator).tolist())


def test_channels_are_copied_along_an_operation() -> None:
    """From 4 to 6 channels of 12: what a norm and a dense convolution follow, and where they choose for themselves."""
    found = {
        path.removeprefix(f"{EDGE}."): wider for path, wider in widening(network(3), network(2), *KEY).items()
    }
    twice = [
        drawn("twice.conv", "out", 4, 6),
        drawn("twice.conv_2", "out", 8, 12),
        drawn("twice.conv_3", "out", 4, 6),
    ]
    assert {name: wider for name, wider in found.items() if name.startswith("twice")} == {
        "twice.conv": Wider(twice[0], drawn("twice.conv", "in", 4, 6)),
        "twice.bn": Wider(twice[0]),
        "twice.conv_2": Wider(twice[1], twice[0]),
        "twice.bn_2": Wider(twice[1]),
        "twice.conv_3": Wider(twice[2], twice[1]),
        "twice.bn_3": Wider(twice[2]),
    }
    both = [drawn("both.conv", "out", 2, 3), drawn("both.conv_2", "out", 4, 6)]
    assert {name: wider for name, wider in found.items() if name.startswith("both")} == {
        "both.conv": Wider(both[0], drawn("both.conv", "in", 4, 6)),
        "both.conv_2": Wider(both[1], drawn("both.conv_2", "in", 6, 9)),  # half of what it reads is unknown
        "both.bn": Wider(both[1]),
    }
    assert {name: wider for name, wider in found.items() if name.startswith("alone")} == {
        "alone.conv": Wider(drawn("alone.conv", "out", 4, 6), drawn("alone.conv", "in", 4, 6)),
        "alone.bn": Wider(drawn("alone.bn", "out", 4, 6)),
        "alone.dwconv": Wider(drawn("alone.dwconv", "out", 4, 6)),
    }
    assert len(found) == 12


def test_all_channels_are_mixed_at_last() -> None:
    """From a third of the channels to all: the edge's source is as wide as before, and the candidates are not."""
    old, new = network(3), network(1)
    found = widening(old, new, *KEY)[f"{EDGE}.twice.conv"]
    assert found == Wider(drawn("twice.conv", "out", 4, 12), drawn("twice.conv", "in", 4, 12))
    carry(old, new, [], [], *KEY)
    had, has = (each.state_dict()[f"network.{EDGE}.twice.conv.weight"] for each in (old, new))
    assert has.shape == (12, 12, 3, 3)
    for row, source in enumerate(found.gives):
        for column, read in enumerate(found.takes or ()):
            assert torch.equal(has[row, column], had[source, read])
    name = "network.head.linear.weight"
    assert torch.equal(new.state_dict()[name], old.state_dict()[name])
