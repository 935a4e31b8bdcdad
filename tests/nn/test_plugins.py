"""Operations implemented in Python: where they are found, and what is said when they do not fit."""

from __future__ import annotations

import hashlib
import os
import py_compile
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.records.record import ModuleSpec
from dartsl.lang.syntax.loader import read
from dartsl.nn import plugin_files, plugins
from dartsl.nn.contract import PluginError, build_plugin, probe
from dartsl.nn.lower import emit_python, lower
from dartsl.nn.passing import Pass
from dartsl.nn.plugin_files import PluginFile
from dartsl.nn.plugins import implementation
from tests.nn.graphs import Sketch, half

SPEC = ModuleSpec("blur", (("k", 3), ("scale", 0.5)), (2, 2), (3, 7, 6), (4, 4, 3))

FILE = """
from torch import nn

def blur(in_channels, out_channels, stride, affine, k, scale):
    return nn.Conv2d(in_channels, out_channels, k, stride, padding=k // 2, bias=affine)
"""

USES_BLUR = """darts 1
extern op blur(k)
network n(C = 8) {
  input image(1, 8, 8)
  stem  conv(3)
  stage blur(3) width C
  head  global_avg_pool > linear(10)
}
"""


def tried(build: Any, spec: ModuleSpec, affine: bool, dtype: torch.dtype = torch.float32) -> nn.Module:
    """The module that an implementation gives, tried as a compiled network tries it."""
    module = build_plugin(build, spec, affine)
    probe(module, spec, dtype=dtype)
    return module


def blur(in_channels: int, out_channels: int, stride: int, affine: bool, k: int, scale: float) -> nn.Module:
    conv = nn.Conv2d(in_channels, out_channels, k, stride, padding=k // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels, affine=affine))


def test_a_builder_gets_its_place_and_its_arguments() -> None:
    seen: dict[str, Any] = {}

    def build(in_channels: int, out_channels: int, stride: int, affine: bool, **arguments: Any) -> nn.Module:
        seen.update(arguments, place=(in_channels, out_channels, stride, affine))
        return blur(in_channels, out_channels, stride, affine, **arguments)

    module = tried(build, SPEC, affine=False)
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
        tried(build, SPEC, affine=True)
    assert caught.value.primitive == "blur"


def test_a_builder_that_fails() -> None:
    def build(in_channels: int, out_channels: int, stride: int, affine: bool) -> nn.Module:
        return nn.Identity()

    with pytest.raises(PluginError, match="its function fails with TypeError"):
        tried(build, SPEC, affine=True)


def test_files_are_looked_through_in_order(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("blur = 3\n")
    (tmp_path / "mine.py").write_text(FILE)
    found = implementation("blur", [tmp_path / "empty.py", tmp_path / "mine.py"])
    assert found is not None
    assert tried(found, SPEC, affine=True)(torch.zeros(1, 3, 5, 5)).shape == (1, 4, 3, 3)
    assert implementation("other", [tmp_path / "mine.py"]) is None


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no plugin file"):
        implementation("blur", [tmp_path / "absent.py"])
    (tmp_path / "text.txt").write_text(FILE)
    with pytest.raises(UserError, match="is not a Python file"):
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
        assert network(torch.zeros(2, 3, 7, 6, device=device), Pass()).shape == (2, 4, 4, 3)
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


# -------------------------------------------------------------------- contracts


class Returns(nn.Module):
    """Gives what a function makes of its input."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def forward(self, x: Tensor) -> Any:
        return self.make(self, x)


class Gone(BaseException):
    """What is no Exception, as asyncio's CancelledError is none."""


def leave(*_: Any, **__: Any) -> Any:
    sys.exit(0)


def go(*_: Any, **__: Any) -> Any:
    raise Gone("away")


class BadSlope(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, fault: Any) -> Tensor:
        ctx.fault = fault
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Any, None]:
        return ctx.fault(slopes[0]), None


PLAIN = ModuleSpec("blur", (), (1, 1), (3, 4, 4), (3, 4, 4))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda _, x: None, "it gives NoneType, not a tensor"),
        (lambda _, x: (x, x), "it gives tuple, not a tensor"),
        (lambda _, x: x[0], r"it gives \(3, 4, 4\) for \(2, 3, 4, 4\), where \(2, 3, 4, 4\) is due"),
        (lambda _, x: x.double(), "it gives float64 for float32"),
        (lambda _, x: x.half(), "it gives float16 for float32"),
        (lambda _, x: x > 0, "it gives bool for float32"),
        (lambda _, x: x.to("meta"), "it gives a tensor on meta for one on cpu"),
        (lambda _, x: x / 0, "it gives NaN or infinity"),
        (lambda _, x: x * float("nan"), "it gives NaN or infinity"),
        (lambda self, x: x if self.training else None, "it gives NoneType"),
        (lambda _, x: x.mul_(2), "it changes its input in place"),
        (leave, "it fails on an input of .* with SystemExit: 0"),
        (go, "it fails on an input of .* with Gone: away"),
        (lambda _, x: BadSlope.apply(x, leave), "it fails on an input of .* with SystemExit: 0"),
        (lambda _, x: BadSlope.apply(x, lambda slope: slope[0]), "it fails on an input of"),
        (lambda _, x: BadSlope.apply(x, lambda slope: slope / 0), "its gradient on .* is not finite"),
    ],
)
def test_what_is_given_must_be_numbers_of_the_input_s_kind(make: Any, reason: str) -> None:
    with pytest.raises(PluginError, match=reason):
        tried(lambda *_, **__: Returns(make), PLAIN, affine=True)


@pytest.mark.parametrize("build", [leave, go])
def test_a_builder_that_leaves_is_a_fault(build: Any) -> None:
    with pytest.raises(PluginError, match=r"its function fails with (SystemExit: 0|Gone: away)"):
        tried(build, PLAIN, affine=True)


def test_the_type_asked_for_is_the_one_that_is_tried() -> None:
    def build(*_: Any, **__: Any) -> nn.Module:
        return Returns(lambda _, x: x.float())

    tried(build, PLAIN, affine=True)
    with pytest.raises(PluginError, match="it gives float32 for float64"):
        tried(build, PLAIN, affine=True, dtype=torch.float64)


def test_a_constant_has_no_gradient_and_is_sound() -> None:
    tried(lambda *_, **__: Returns(lambda _, x: torch.zeros_like(x)), PLAIN, affine=True)


@pytest.mark.parametrize(
    "text", ["import sys\nsys.exit(0)\n", "raise BaseException\n", "raise GeneratorExit\n"]
)
def test_a_file_that_leaves_is_a_fault(tmp_path: Path, text: str) -> None:
    (tmp_path / "leaves.py").write_text(text)
    with pytest.raises(UserError, match=r"leaves\.py fails: "):
        implementation("blur", [tmp_path / "leaves.py"])


def test_an_entry_point_that_leaves_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = SimpleNamespace(load=leave, value="package:blur")
    monkeypatch.setattr(plugins, "entry_points", lambda group, name: [entry])
    with pytest.raises(UserError, match=r"the plugin of `blur` .* cannot be loaded: SystemExit: 0"):
        implementation("blur")


# ------------------------------------------------------------------- what is run


def test_only_the_text_that_was_read_is_run(tmp_path: Path) -> None:
    """A compiled file beside it, as Python would take in its place, is not looked at; and none is left."""
    path = tmp_path / "mine.py"
    path.write_text("blur = print\n" + "#" * 40 + "\n")
    compiled = Path(py_compile.compile(str(path), doraise=True))
    stamp = path.stat()
    path.write_text("blur = repr \n" + "#" * 40 + "\n")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert implementation("blur", [path]) is repr
    compiled.unlink()
    implementation("blur", [path])
    assert not compiled.exists()


def test_a_file_that_has_changed_is_not_run(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    file = plugin_files.pinned(PluginFile(str(path)))
    assert file == PluginFile(str(path.resolve()), hashlib.sha256(FILE.encode()).hexdigest())
    assert implementation("blur", [file]) is not None
    path.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n" + FILE)
    with pytest.raises(UserError, match="is not the plugin that the run was started with: its SHA-256 is"):
        implementation("blur", [file])
    assert not (tmp_path / "ran").exists()


def test_a_class_of_a_plugin_finds_its_module(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "from __future__ import annotations\n"
        "from dataclasses import dataclass\n"
        "@dataclass\nclass blur:\n    k: int = __file__\n"
    )
    found: Any = implementation("blur", [path])
    assert found().k == str(path)


def test_what_needs_no_implementation_runs_no_file(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    spec = check(read("digits"))
    assert plugins.resolve(plan(spec, pick_network(spec, None), {}), {}, [tmp_path / "mine.py"]) == {}
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("text", "help"),
    [
        (FILE.replace("def blur(", "def build("), "name the function `blur`: mine.py calls it `build`"),
        (FILE.replace("def blur(", "def blurr("), "name the function `blur`: mine.py calls it `blurr`"),
        ("def other():\n    pass\n", "mine.py defines `other`: it needs `def blur(in_channels,"),
        ("x = 3\n", "mine.py defines no function: it needs `def blur(in_channels,"),
    ],
)
def test_a_file_without_the_function_says_how_to_name_it(tmp_path: Path, text: str, help: str) -> None:
    (tmp_path / "mine.py").write_text(text)
    spec = check(Source("test", USES_BLUR))
    with pytest.raises(SpecError) as caught:
        plugins.resolve(plan(spec, pick_network(spec, None), {}), {}, [tmp_path / "mine.py"])
    (fault,) = caught.value.diagnostics
    assert fault.code == "E0411"
    assert str(fault.help).startswith(help)
