"""What dartsl raises on purpose: one base; errors survive pickle, copies and processes; diagnostics as text."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import click
import pytest

import dartsl
from dartsl.graph.passes.pipeline import PipelineError
from dartsl.graph.verify import GraphError
from dartsl.lang.codes.diagnostics import Error
from dartsl.nn.contract import PluginError
from dartsl.run.torchrun import OwnError
from dartsl.step.finite import NonFiniteError

TYPO = """darts 1
import "std/cnn"
ops mine = skip_conect | none
"""


def wrong() -> dartsl.SpecError:
    with pytest.raises(dartsl.SpecError) as caught:
        dartsl.check(dartsl.Source("typo.darts", TYPO))
    return caught.value


def own_error() -> OwnError:
    error = OwnError("no such thing", help="look", exit_code=2)
    error.add_note("a note")
    return error


ERRORS: list[Callable[[], Error]] = [
    wrong,
    own_error,
    lambda: dartsl.UserError("alone"),
    lambda: GraphError("a: b"),
    lambda: PipelineError(3, "no pass `x`", "give y"),
    lambda: PluginError("half", "it fails"),
    lambda: NonFiniteError("training loss", "head.linear.weight", float("inf")),
]


@pytest.mark.parametrize("make", ERRORS)
@pytest.mark.parametrize(
    "through", [lambda error: pickle.loads(pickle.dumps(error)), copy.copy, copy.deepcopy]
)
def test_an_error_is_the_same_after_pickle_and_copy(
    make: Callable[[], Error], through: Callable[[Error], Error]
) -> None:
    error = make()
    found = through(error)
    assert type(found) is type(error)
    assert isinstance(found, dartsl.Error)
    assert str(found) == str(error)
    assert repr(found) == repr(error)
    assert vars(found) == vars(error)


def test_a_process_pool_hands_on_the_errors_of_its_processes(tmp_path: Path) -> None:
    (tmp_path / "typo.darts").write_text(TYPO)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        spec = pool.submit(dartsl.check, tmp_path / "typo.darts")
        with pytest.raises(dartsl.SpecError, match="unknown operation `skip_conect`"):
            spec.result()
        missing = pool.submit(dartsl.check, tmp_path / "nothing.darts")
        with pytest.raises(dartsl.UserError, match="is neither a file nor a shipped spec"):
            missing.result()


def test_a_spec_error_as_text_is_its_diagnostics() -> None:
    error = wrong()
    assert (
        str(error)
        == error.render()
        == (
            "error[E0201]: unknown operation `skip_conect`\n"
            " --> typo.darts:3:12\n"
            "  |\n"
            "3 | ops mine = skip_conect | none\n"
            "  |            ^^^^^^^^^^^ not defined here or in any import\n"
            "  |\n"
            "  = help: did you mean `skip_connect`? (std/cnn.darts:24)"
        )
    )
    assert repr(error) == "SpecError('E0201: unknown operation `skip_conect`')"
    coloured = error.render(color=True)
    assert coloured != str(error)
    assert click.unstyle(coloured) == str(error)


def test_neither_kind_of_error_is_the_other() -> None:
    """A caller who mends specs and one who mends calls each catch their own; `dartsl.Error` is for both."""
    assert not issubclass(dartsl.SpecError, dartsl.UserError)
    assert not issubclass(dartsl.UserError, dartsl.SpecError)
