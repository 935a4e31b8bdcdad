"""Specs to other tools' texts and programs, and back."""

from __future__ import annotations

import io
from pathlib import Path

import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

import dartsl
from dartsl import UserError
from dartsl.exchange.exporting import export_bytes, export_text, subject_of_spec
from dartsl.exchange.genotype import Genotype, Nasbench, Part, Recurrent, Wire
from dartsl.exchange.importing import Read, architecture, import_text
from dartsl.exchange.nasbench import nasbench_text
from dartsl.exchange.operations import IMAGE_OPS, NASBENCH_OPS, RECURRENT_OPS
from dartsl.exchange.writing import genotype_literal
from dartsl.lang.checker import check
from dartsl.lang.codes.source import Source
from dartsl.lang.syntax.loader import read

from .genotypes import AMOEBANET, DARTS_V1, DARTS_V2, ENAS, NASNET, RNN_V1, RNN_V2, image

SMALL = """\
darts 1

import "std/cnn"

cell pair {
  input  a, b : preprocess
  node   p, q : sum
  edge   a -> p : sep_conv(3)
  edge   b -> p : skip_connect
  edge   p -> q : max_pool_3x3
  output concat(p, q)
}

network small(C = 4) {
  input image(3, 8, 8)
  stem  conv(3, out = C) > bn
  stage pair            width C
  stage pair/2          width 2*C
  head  global_avg_pool > linear(10)
}
"""


def exported(text: str, to: str = "genotype") -> str:
    return export_text(subject_of_spec(check(Source("mine.darts", text)), None, {}), to)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    count = draw(st.integers(1, 6))
    flat = draw(st.booleans())
    nodes = []
    for node in range(count):
        wire = st.builds(Wire, st.sampled_from(IMAGE_OPS[1:]), st.integers(0, node + 1))
        low, high = (2, 2) if flat else (1, 4)
        nodes.append(tuple(draw(st.lists(wire, min_size=low, max_size=high))))
    concat = draw(st.lists(st.integers(2, count + 1), min_size=1, unique=True))
    return Part(tuple(nodes), tuple(concat))


@st.composite
def recurrents(draw: st.DrawFn) -> Recurrent:
    count = draw(st.integers(1, 11))
    nodes = tuple(
        (draw(st.builds(Wire, st.sampled_from(RECURRENT_OPS), st.integers(0, i))),) for i in range(count)
    )
    return Recurrent(Part(nodes, tuple(draw(st.lists(st.integers(1, count), min_size=1, unique=True)))))


@st.composite
def nasbenches(draw: st.DrawFn) -> Nasbench:
    names = st.sampled_from(list(NASBENCH_OPS))
    return Nasbench(
        tuple(tuple(Wire(draw(names), s) for s in range(n + 1)) for n in range(draw(st.integers(1, 4))))
    )


@pytest.mark.parametrize("text", [DARTS_V1, DARTS_V2, NASNET, AMOEBANET, RNN_V1, RNN_V2, ENAS])
def test_published_genotypes_come_back(text: str) -> None:
    assert exported(import_text(text).text) == text


@pytest.mark.slow
@given(st.builds(Genotype, parts(), parts()))
@settings(max_examples=40, deadline=None)
def test_any_genotype_comes_back(found: Genotype) -> None:
    literal = genotype_literal(found)
    assert architecture(literal, "text", None) == Read(found)
    assert exported(import_text(literal).text) == literal


@given(recurrents())
@settings(max_examples=40, deadline=None)
def test_any_recurrent_literal_is_read_back(found: Recurrent) -> None:
    literal = genotype_literal(found)
    assert architecture(literal, "text", None) == Read(found)
    assert exported(import_text(literal).text) == literal


def test_recurrent_literal_is_as_the_authors_write_it() -> None:
    found = architecture(RNN_V2, "text", None).cells
    assert isinstance(found, Recurrent)
    assert genotype_literal(found) == RNN_V2


@given(nasbenches())
@settings(max_examples=40, deadline=None)
def test_any_string_of_nasbench_comes_back(found: Nasbench) -> None:
    text = nasbench_text(found)
    assert architecture(text, "text", None) == Read(found)
    assert exported(import_text(text).text, "nasbench201") == text


def test_operations_with_parameters_have_their_published_names() -> None:
    pair = "[[('sep_conv_3x3', 0), ('skip_connect', 1)], [('max_pool_3x3', 2)]]"
    assert exported(SMALL) == image(pair, "[2, 3]")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("sep_conv(3)", "relu > conv(3)/stride > bn", "on the edge a -> p has no name there"),
        ("sep_conv(3)", "sep_conv(3) | skip_connect", "leaves choices open"),
        ("a, b : preprocess", "a, b : relu_conv_bn(1)", "not two inputs with `preprocess`"),
        ("concat(p, q)", "sum(p, q)", "not a concatenation"),
        ("stage pair/2 ", "stage pair ", "one cell that halves the size"),
        ("node   p, q : sum", "node   p, q : mean", "is not a sum"),
    ],
)
def test_what_a_genotype_cannot_express(old: str, new: str, why: str) -> None:
    with pytest.raises(UserError) as fault:
        exported(SMALL.replace(old, new))
    assert why in fault.value.message


def test_a_string_of_nasbench_needs_its_cell() -> None:
    with pytest.raises(UserError, match="one cell with one input"):
        exported(SMALL, "nasbench201")
    with pytest.raises(UserError, match="leaves choices open"):
        export_text(subject_of_spec(check(read("nasbench201")), None, {}), "nasbench201")


def test_safetensors_hold_the_state_dict(tmp_path: Path) -> None:
    spec = Source("small.darts", SMALL)
    dartsl.export(spec, "safetensors", tmp_path / "small.safetensors", seed=3)
    found = load_file(str(tmp_path / "small.safetensors"))
    wanted = dartsl.compile(spec, seed=3).state_dict()
    assert set(found) == set(wanted)
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_torch_program_computes_the_same() -> None:
    spec = Source("small.darts", SMALL)
    data = dartsl.export(spec, "torch", seed=1)
    assert isinstance(data, bytes)
    program = torch.export.load(io.BytesIO(data)).module()
    images = torch.randn(5, 3, 8, 8)
    wanted = dartsl.compile(spec, seed=1).eval()(images)
    torch.testing.assert_close(program(images), wanted, rtol=1e-4, atol=1e-5)


def test_onnx_computes_the_same() -> None:
    spec = Source("small.darts", SMALL)
    data = dartsl.export(spec, "onnx", seed=1)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    images = torch.randn(5, 3, 8, 8)
    (given_,) = session.run(None, {"images": images.numpy()})
    wanted = dartsl.compile(spec, seed=1).eval()(images)
    torch.testing.assert_close(torch.from_numpy(given_), wanted, rtol=1e-4, atol=1e-5)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(UserError) as fault:
        dartsl.export(Source("small.darts", SMALL), "onnx")
    assert fault.value.help == "pip install 'dartsl[onnx]'"


def test_an_unknown_format() -> None:
    with pytest.raises(UserError, match="no format `tf`"):
        dartsl.export("zoo/darts_v2", "tf")


@pytest.mark.parametrize("to", ["torch", "onnx"])
def test_a_program_of_a_network_of_text_is_refused(to: str) -> None:
    subject = subject_of_spec(check(read("zoo/rnn_v1")), None, {"H": 8, "vocab": 8})
    with pytest.raises(UserError, match="no network of text can be exported"):
        export_bytes(subject, to)


@pytest.mark.parametrize("to", ["torch", "onnx"])
def test_a_network_that_draws_noise_is_refused_by_name(to: str) -> None:
    noisy = SMALL.replace("a -> p : sep_conv(3)", "a -> p : noise").replace("C = 4", "C = 2")
    subject = subject_of_spec(check(Source("noisy.darts", noisy)), None, None)
    with pytest.raises(
        UserError, match=f"`small` has `noise` in it, .* no program of {to} can hold"
    ) as caught:
        export_bytes(subject, to)
    assert "safetensors" in str(caught.value.help)
    assert export_bytes(subject, "safetensors")


def test_noise_that_the_output_does_not_need_is_no_hindrance() -> None:
    spare = SMALL.replace("node   p, q", "node   p, q, r").replace(
        "  output", "  edge   a -> r : noise\n  output"
    )
    assert export_bytes(subject_of_spec(check(Source("spare.darts", spare)), None, None), "torch")
