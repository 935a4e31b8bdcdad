"""Operations implemented in Python: where they are found, and what is said when they do not fit."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dartsl.graph.operations import ModuleSpec
from dartsl.lang.diagnostics import UserError
from dartsl.nn import plugins
from dartsl.nn.lower import emit_python, lower
from dartsl.nn.plugins import PluginError, build_plugin, implementation
from tests.nn.graphs import Sketch, half

SPEC = ModuleSpec("blur", (("k", 3), ("scale", 0.5)), (2, 2), (3, 7, 6), (4, 4, 3))

FILE = """
from torch import nn

def blur(in_channels, out_channels, stride, affine, k, scale):
    return nn.Conv2d(in_channels, out_channels, k, stride, padding=k // 2, bias=affine)
"""


def blur(in_channels: int, out_channels: int, stride: int, affine: bool, k: int, scale: float) -> nn.Module:
    conv = nn.Conv2d(in_channels, out_channels, k, stride, padding=k // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels, affine=affine))


def test_a_builder_gets_its_place_and_its_arguments() -> None:
    seen: dict[str, Any] = {}

    def build(in_channels: int, out_channels: int, stride: int, affine: bool, **arguments: Any) -> nn.Module:
        seen.update(arguments, place=(in_channels, out_channels, stride, affine))
        return blur(in_channels, out_channels, stride, affine, **arguments)

    module = build_plugin(build, SPEC, affine=False)
    assert seen == {"place": (3, 4, 2, False), "k": 3, "scale": 0.5}
    assert module(torch.zeros(2, 3, 7, 6)).shape == (2, 4, 4, 3)
    assert module.get_buffer("1.num_batches_tracked") == 1  # this pass; the probe left nothing behind


class Wrong(nn.Module):
    def __init__(self, mode: str) -> None:
        super().__init__()
        self.mode = mode

    def forward(self, x: Tensor) -> Any:
        if self.mode == "raise":
            raise RuntimeError("no such kernel")
        return {"shape": x, "list": [x]}[self.mode]


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        (
            Wrong("shape"),
            r"at stride 2 it gives \(2, 3, 7, 6\) for \(2, 3, 7, 6\), where \(2, 4, 4, 3\) is due",
        ),
        (Wrong("list"), "it gives list"),
        (Wrong("raise"), "fails on an input of shape .* RuntimeError: no such kernel"),
        ("module", "gives str, not an nn.Module"),
    ],
)
def test_a_broken_contract(result: object, reason: str) -> None:
    def build(*_: Any, **__: Any) -> Any:
        return result

    with pytest.raises(PluginError, match=reason) as caught:
        build_plugin(build, SPEC, affine=True)
    assert caught.value.primitive == "blur"


def test_a_builder_that_fails() -> None:
    def build(in_channels: int, out_channels: int, stride: int, affine: bool) -> nn.Module:
        return nn.Identity()

    with pytest.raises(PluginError, match="`build` fails with TypeError"):
        build_plugin(build, SPEC, affine=True)


def test_files_are_looked_through_in_order(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("blur = 3\n")
    (tmp_path / "mine.py").write_text(FILE)
    found = implementation("blur", [tmp_path / "empty.py", tmp_path / "mine.py"])
    assert found is not None
    assert build_plugin(found, SPEC, affine=True)(torch.zeros(1, 3, 5, 5)).shape == (1, 4, 3, 3)
    assert implementation("other", [tmp_path / "mine.py"]) is None


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no plugin file"):
        implementation("blur", [tmp_path / "absent.py"])
    (tmp_path / "text.txt").write_text(FILE)
    with pytest.raises(UserError, match="is no Python file"):
        implementation("blur", [tmp_path / "text.txt"])
    (tmp_path / "broken.py").write_text("import math\nmath.root(2)\n")
    with pytest.raises(UserError, match=r"broken\.py fails: AttributeError"):
        implementation("blur", [tmp_path / "broken.py"])
    (tmp_path / "syntax.py").write_text("def blur(:\n")
    with pytest.raises(UserError, match="SyntaxError"):
        implementation("blur", [tmp_path / "syntax.py"])


def test_entry_points(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {
        "blur": EntryPoint("blur", f"{__name__}:blur", plugins.GROUP),
        "gone": EntryPoint("gone", f"{__name__}:absent", plugins.GROUP),
    }
    monkeypatch.setattr(
        plugins, "entry_points", lambda group, name: [e for n, e in installed.items() if n == name]
    )
    assert implementation("blur") is blur
    assert implementation("absent") is None
    with pytest.raises(UserError, match=r"the plugin of `gone` .* cannot be loaded"):
        implementation("gone")


def test_a_network_with_a_plugin() -> None:
    sketch = Sketch((3, 7, 6))
    sketch.layer("stem0")
    out = sketch.module(
        "stem0.blur", "blur", "image", shape=(4, half(7), half(6)), stride=(2, 2), k=3, scale=0.5
    )
    graph = sketch.finish(out)
    for device in ("cpu", "meta"):
        network = lower(graph, plugins={"blur": blur}, device=device)
        assert network(torch.zeros(2, 3, 7, 6, device=device)).shape == (2, 4, 4, 3)
    assert "implementation('blur')(3, 4, 2, True, k=3, scale=0.5)" in emit_python(network)
    with pytest.raises(PluginError, match="blur: no implementation"):
        lower(graph)


def test_initial_weights_of_a_plugin_depend_on_the_path() -> None:
    sketch = Sketch((3, 7, 6))
    sketch.layer("stem0")
    for name in ("a", "b"):
        sketch.module(f"stem0.{name}", "blur", "image", shape=(4, 7, 6), k=3, scale=0.5)
    out = sketch.call("stem0.sum", "sum", "stem0.a", "stem0.b")
    first, second = (lower(sketch.finish(out), plugins={"blur": blur}) for _ in range(2))
    assert torch.equal(first.get_parameter("stem0.a.0.weight"), second.get_parameter("stem0.a.0.weight"))
    assert not torch.equal(first.get_parameter("stem0.a.0.weight"), first.get_parameter("stem0.b.0.weight"))
