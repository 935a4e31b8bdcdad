"""Networks that are saved, pickled, copied and averaged: as at -O0, or refused in one sentence."""

from __future__ import annotations

import copy
import io
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

import dartsl
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from tests.citizen.networks import KINDS, LEVELS, NORMS, inputs, logits, made, numbers, of, same
from tests.citizen.test_edits import another_head, one_norm_evaluates, pruned
from tests.nn import specs


def _doubling(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    return 2 * output


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_module_is_saved_pickled_and_copied_as_it_is(kind: str, level: int) -> None:
    model = made(kind, level)
    logits(model, inputs(model))
    one_norm_evaluates(model)
    another_head(model)
    of(model, *NORMS)[0].register_forward_hook(_doubling)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    twins = (torch.load(file, weights_only=False), pickle.loads(pickle.dumps(model)), copy.deepcopy(model))
    for twin in twins:
        assert [name for name, _ in twin.named_parameters()] == [name for name, _ in model.named_parameters()]
        assert not {id(p) for p in twin.parameters()} & {id(p) for p in model.parameters()}
    expected = numbers(model)
    for twin in twins:
        same(numbers(twin), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_dict_is_the_same_at_every_level_and_loads_with_weights_only(
    kind: str, tmp_path: Path
) -> None:
    models = [made(kind, level) for level in LEVELS]
    logits(models[2], inputs(models[2]))
    torch.save(models[2].state_dict(), tmp_path / "weights.pt")
    for model in models:
        model.load_state_dict(torch.load(tmp_path / "weights.pt", weights_only=True), assign=True)
    expected, *found = map(numbers, models)
    for each in found:
        same(each, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_entries_of_a_state_dict_share_memory(kind: str) -> None:
    model = made(kind, 2)
    logits(model, inputs(model))
    state = model.state_dict()
    assert len({value.untyped_storage().data_ptr() for value in state.values()}) == len(state)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_safetensors_writes_a_network_after_passes(kind: str, level: int, tmp_path: Path) -> None:
    model = made(kind, level)
    numbers(model)
    save_file(model.state_dict(), tmp_path / "state.safetensors")
    save_model(model, str(tmp_path / "model.safetensors"))
    expected = logits(model.eval(), inputs(model))
    for each in (0, level):
        twin = made(kind, each).eval()
        twin.load_state_dict(load_file(tmp_path / "state.safetensors"))
        same(logits(twin, inputs(twin)), expected)
        other = made(kind, each).eval()
        assert load_model(other, tmp_path / "model.safetensors") == (set(), [])
        same(logits(other, inputs(other)), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_averages_of_weights(kind: str) -> None:
    found = []
    for level in LEVELS:
        model = made(kind, level)
        averaged = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.7), use_buffers=True)
        for _ in range(3):
            numbers(model, 1)
            with torch.no_grad():
                for each in model.parameters():
                    each.sub_(0 if each.grad is None else 1e-4 * each.grad)
            averaged.update_parameters(model)
        found.append(numbers(averaged.module, 1))
        assert not torch.equal(found[-1]["logits"][0], logits(model, inputs(model)))
    for each in found[1:]:
        same(each, found[0])


def test_plugins_of_a_file_are_refused_in_one_sentence(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("from torch import nn\nown = lambda i, o, s, a: nn.Conv2d(i, o, 1, s)\n")
    text = specs.SEARCHED.replace("cell normal", "extern op own\n\ncell normal", 1).replace(
        ": darts", ": own | none"
    )
    source = Source("own.darts", text.replace("HEIGHT", "8").replace("WIDTH", "8"))
    model = dartsl.compile(source, plugins=[file])
    with pytest.raises(UserError, match="cannot be pickled with the plugin `own`"):
        pickle.dumps(model)
    assert copy.deepcopy(model)(torch.zeros(2, 3, 8, 8)).shape == (2, 5)


# ------------------------------------------------------------------ parameters


@pytest.mark.parametrize("kind", KINDS)
def test_weights_are_those_that_the_network_has_now(kind: str) -> None:
    model = made(kind, 2)

    def fresh() -> None:
        assert list(map(id, model.weights())) == list(map(id, model.network.parameters()))
        alphas = {id(p) for p in model.parameters()} - set(map(id, model.weights()))
        assert set(map(id, model.alpha_parameters())) == alphas

    fresh()
    model.load_state_dict({name: value.clone() for name, value in model.state_dict().items()}, assign=True)
    fresh()
    another_head(model)
    fresh()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        model.float()
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)
    fresh()
    pruned(model)
    fresh()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_plain_is_the_network_without_passes_on_the_same_modules(kind: str, level: int) -> None:
    model = made(kind, level)
    plain = model.plain()
    assert plain.build.level == 0
    assert list(map(id, plain.parameters())) == list(map(id, model.parameters()))
    assert list(plain.state_dict()) == list(model.state_dict())
    expected = made(kind, 0)
    same(numbers(plain), numbers(expected))
    same(logits(model, inputs(model)), logits(expected, inputs(expected)))


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_copy_has_graphs_of_its_own(kind: str, level: int) -> None:
    model: Any = made(kind, level).eval()
    twin, x = copy.deepcopy(model), inputs(model)
    expected = logits(model, x)
    model.network.recompile()  # without an edit
    pickle.dumps(model)
    layer = model.network.layer0
    assert layer.graph.owning_module is layer
    assert twin.network.layer0.graph.owning_module is twin.network.layer0
    output = next(node for node in layer.graph.nodes if node.op == "output")
    with layer.graph.inserting_before(output):
        output.args = (layer.graph.call_function(torch.neg, (output.args[0],)),)
    layer.recompile()
    edited = logits(model, x)
    assert not torch.allclose(edited, expected)
    twin.network.recompile()
    same(logits(twin, x), expected)
    layer.register_forward_hook(lambda *_: None)
    of(model, *NORMS)[0].register_forward_hook(lambda *_: None)
    same(logits(model, x), edited)
    same(logits(copy.deepcopy(model), x), edited)
    with pytest.raises(UserError, match="whose fx graph was edited cannot be pickled"):
        pickle.dumps(model)
