"""What people do with modules of torch, on three networks at three levels: as at -O0, or refused in one sentence."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize, prune
from torch.utils.checkpoint import checkpoint

import dartsl
from dartsl.lang.diagnostics import UserError
from dartsl.lang.source import Source
from dartsl.nn.supernet import Supernet
from tests.nn import specs, text_specs

pytestmark = pytest.mark.slow  # over a minute

KINDS = ("searched", "decided", "text")
LEVELS = (1, 2)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
WIDE = (nn.Conv2d, nn.Linear)


def made(kind: str, level: int) -> Supernet:
    if kind == "text":
        return dartsl.compile(Source("text.darts", text_specs.SEARCHED), level=level, dtype="float64")
    return specs.small(
        {"searched": specs.SEARCHED, "decided": specs.DECIDED}[kind], level=level, dtype="float64"
    )


def inputs(model: Supernet) -> Tensor:
    if model.plan.input.sequence:
        return text_specs.tokens(model, batch=3)[0]
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 3, 8, 8, generator=generator, dtype=torch.float64)


def logits(model: nn.Module, x: Tensor) -> Tensor:
    given = model(x)
    found: Tensor = given if isinstance(given, Tensor) else given.logits
    return found


def of(model: nn.Module, *kinds: type[nn.Module]) -> list[nn.Module]:
    return [each for each in model.modules() if isinstance(each, kinds)]


def numbers(model: Supernet, count: int = 2) -> dict[str, Tensor]:
    """What passes give, their gradients, and where they leave running statistics."""
    x = inputs(model)
    given = [logits(model, x) for _ in range(count)]
    sum(each.square().sum() for each in given).backward()  # type: ignore[union-attr]
    state = {name: value.detach().clone() for name, value in model.state_dict().items()}
    gradients = {f"{name} '": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return {"logits": torch.stack(given).detach(), **state, **gradients}


def same(ours: Any, theirs: Any) -> None:
    torch.testing.assert_close(ours, theirs, rtol=1e-8, atol=1e-10)


# ----------------------------------------------------------------------- edits


def one_norm_evaluates(model: Supernet) -> None:
    of(model, *NORMS)[3].eval()


def settings_of_norms(model: Supernet) -> None:
    norms: list[Any] = of(model, *NORMS)
    norms[2].momentum, norms[1].eps, norms[-1].track_running_stats = 0.7, 0.5, False


def statistics_by_hand(model: Supernet) -> None:
    for norm in of(model, *NORMS)[1::3]:
        norm.get_buffer("running_mean").add_(1)
        norm.get_buffer("running_var").mul_(3)
    model.eval()


def other_forward(model: Supernet) -> None:
    for module in of(model, *WIDE)[1::4]:
        vars(module)["forward"] = lambda x, before=module.forward: before(x) * 2


def subclass(model: Supernet) -> None:
    for module in of(model, nn.Conv2d)[1::2]:
        module.__class__ = _Doubled


class _Doubled(nn.Conv2d):
    def forward(self, input: Tensor) -> Tensor:
        return 2 * super().forward(input)


def dilation(model: Supernet) -> None:
    for module in of(model, nn.Conv2d):
        if isinstance(module, nn.Conv2d) and module.kernel_size == (3, 3) and module.padding == (1, 1):
            module.dilation = module.padding = (2, 2)


def swapped(model: Supernet) -> None:
    for path, module in list(model.network.named_modules()):
        if isinstance(module, NORMS):
            parent, _, name = path.rpartition(".")
            group = nn.GroupNorm(1, module.num_features, affine=False)
            if len(path) % 2:
                setattr(model.network.get_submodule(parent), name, group)
            else:  # as torch.ao.quantization does
                model.network.get_submodule(parent)._modules[name] = group


def another_head(model: Supernet) -> None:
    path, module = [pair for pair in model.network.named_modules() if not list(pair[1].children())][-1]
    assert path.startswith("head")
    if isinstance(module, nn.Linear):
        torch.manual_seed(0)
        model.network.set_submodule(path, nn.Linear(module.in_features, 3).double())


def pruned(model: Supernet) -> None:
    for module in of(model, *WIDE):
        prune.l1_unstructured(module, "weight", 0.5)


def parametrized(model: Supernet) -> None:
    for module in of(model, *WIDE)[::2]:
        parametrize.register_parametrization(module, "weight", _Twice())


class _Twice(nn.Module):
    def forward(self, weight: Tensor) -> Tensor:
        return weight * 2


def normed(model: Supernet) -> None:
    for module in of(model, *WIDE)[::3]:
        parametrizations.weight_norm(module)


def frozen(model: Supernet) -> None:
    for module in of(model, *WIDE)[::2]:
        module.requires_grad_(False)


def update_bn(model: Supernet) -> None:
    if not model.plan.input.sequence:  # torch's own averages over batches of images
        torch.optim.swa_utils.update_bn([inputs(model), inputs(model) + 1], model)


EDITS = [
    *(one_norm_evaluates, settings_of_norms, statistics_by_hand, other_forward, subclass, dilation, swapped),
    *(another_head, pruned, parametrized, normed, frozen, update_bn),
]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_an_edit_means_the_same_at_every_level(kind: str, edit: Callable[[Supernet], None]) -> None:
    models = [made(kind, level) for level in (0, *LEVELS)]
    for model in models:
        logits(model, inputs(model))
        edit(model)
    expected, *found = map(numbers, models)
    for each in found:
        same(each, expected)


@pytest.mark.filterwarnings("ignore:Full backward hook is firing")  # images need no gradient
@pytest.mark.parametrize("kind", KINDS)
def test_hooks_of_four_kinds_fire_as_in_the_plain_network(kind: str) -> None:
    counts = []
    for level in (0, *LEVELS):
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


# ---------------------------------------------------------------------- copies


def _doubling(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
    return 2 * output


@pytest.mark.parametrize("level", [0, *LEVELS])
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
    models = [made(kind, level) for level in (0, *LEVELS)]
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


# ------------------------------------------------------------------ transforms


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # in torch's own jvp
@pytest.mark.parametrize("kind", KINDS)
def test_transforms_of_functions_go_through_at_every_level(kind: str) -> None:
    found = []
    for level in (0, *LEVELS):
        model = made(kind, level).eval()
        state = {**dict(model.named_parameters()), **dict(model.named_buffers())}

        def call(state: dict[str, Tensor], x: Tensor, model: Supernet = model) -> Tensor:
            given = torch.func.functional_call(model, state, (x,))
            found: Tensor = given if isinstance(given, Tensor) else given.logits
            return found

        x = inputs(model)
        whole = call({name: value.detach() * 0.5 for name, value in state.items()}, x)
        along = {name: torch.ones_like(value) for name, value in model.named_parameters()}
        fixed = dict(model.named_buffers())
        _, tangent = torch.func.jvp(
            lambda weights, fixed=fixed, call=call, x=x: call({**weights, **fixed}, x),
            (dict(model.named_parameters()),),
            (along,),
        )
        stacked, buffers = torch.func.stack_module_state([model, copy.deepcopy(model)])  # type: ignore[arg-type]
        both = torch.func.vmap(lambda p, b, call=call, x=x: call({**p, **b}, x))(stacked, buffers)
        images = torch.func.vmap(lambda x, call=call, state=state: call(state, x))(torch.stack([x, x]))
        checked = checkpoint(logits, model, x, use_reentrant=False)
        found.append([whole, tangent, both, images, checked])
    for each in found[1:]:
        same(each, found[0])


@pytest.mark.parametrize(
    ("kind", "level"), [("decided", 0), ("decided", 1), ("decided", 2), ("searched", 2), ("text", 2)]
)
def test_torch_compile_and_export_record_the_plain_network(kind: str, level: int) -> None:
    model = made(kind, level).eval()
    x = inputs(model)
    expected = logits(model, x)
    torch.compiler.reset()
    same(logits(torch.compile(model, backend="eager", fullgraph=False), x), expected)  # type: ignore[arg-type]
    if kind != "text":
        same(torch.export.export(model, (x,), strict=False).module()(x), expected)


@pytest.mark.parametrize("level", [0, *LEVELS])
def test_other_types_and_shapes_without_numbers(level: int) -> None:
    for kind in KINDS:
        model = made(kind, level)
        x = inputs(model)
        short = logits(model.to(torch.bfloat16), x if kind == "text" else x.bfloat16())
        assert short.dtype == torch.bfloat16
        empty = model.to("meta")
        assert logits(empty, x.to("meta")).shape == short.shape


# -------------------------------------------------------------------- features


@pytest.mark.parametrize("kind", KINDS)
def test_layers_give_one_tensor_at_every_level(kind: str) -> None:
    found = []
    for level in (0, *LEVELS):
        model = made(kind, level)
        names = [name for name, _ in model.network.named_children()]
        found.append(dartsl.features(model, names)(inputs(model)))
        assert list(found[-1]) == names
    for each in found[1:]:
        same(each, found[0])
    with pytest.raises(UserError, match="the network has no layer `layer9`"):
        dartsl.features(model, ["layer9"])
