"""Hooks of four kinds, and features of layers: as at -O0."""

from __future__ import annotations

from typing import Any

import pytest

import dartsl
from dartsl.lang.codes.diagnostics import UserError
from tests.citizen.networks import KINDS, LEVELS, NORMS, WIDE, inputs, logits, made, numbers, of, same


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # images need no gradient
@pytest.mark.parametrize("kind", KINDS)
def test_hooks_of_four_kinds_fire_as_in_the_plain_network(kind: str) -> None:
    counts = []
    for level in LEVELS:
        model, fired = made(kind, level), dict.fromkeys(("pre", "forward", "backward_pre", "backward"), 0)
        for module in of(model, *NORMS, *WIDE):

            def count(name: str, fired: dict[str, int] = fired) -> Any:
                return lambda *_: fired.update({name: fired[name] + 1})

            module.register_forward_pre_hook(count("pre"))
            module.register_forward_hook(count("forward"))
            module.register_full_backward_pre_hook(count("backward_pre"))
            module.register_full_backward_hook(count("backward"))
        counts.append((numbers(model, 1), fired))
    (expected, fired), *found = counts
    assert min(fired.values()) > 0
    for given, calls in found:
        assert calls == fired
        same(given, expected)


@pytest.mark.parametrize("kind", ["searched", "text"])
def test_a_hook_that_is_removed_leaves_the_fast_code(kind: str) -> None:
    model = made(kind, 2)
    layer: Any = model.network.layer0
    assert layer.untouched()
    handles = [module.register_forward_hook(lambda *_: None) for module in of(model, *WIDE, *NORMS)]
    logits(model, inputs(model))
    assert not layer.untouched()
    for handle in handles:
        handle.remove()
    logits(model, inputs(model))
    assert layer.untouched()


@pytest.mark.parametrize("kind", KINDS)
def test_layers_give_one_tensor_at_every_level(kind: str) -> None:
    found = []
    for level in LEVELS:
        model = made(kind, level)
        names = [name for name, _ in model.network.named_children()]
        found.append(dartsl.features(model, names)(inputs(model)))
        assert list(found[-1]) == names
    for each in found[1:]:
        same(each, found[0])
    with pytest.raises(UserError, match="the network has no layer `layer9`"):
        dartsl.features(model, ["layer9"])
