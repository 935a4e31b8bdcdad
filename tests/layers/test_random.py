"""Random specs of darts 2, layers that offer choices, operations after merges and cells within cells among them."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import dartsl
from dartsl.graph.passes import passes_of
from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.syntax.parser import parse
from dartsl.lang.syntax.printer import print_file
from tests.passes.random_sequences import sequence_texts
from tests.passes.random_specs import series_texts, spec_texts, table_texts
from tests.passes.same import CPU, assert_same, planned_text
from tests.passes.test_equal import EXAMPLES, few


@settings(few, max_examples=max(EXAMPLES // 2, 1))
@given(text=spec_texts(largest=1, version=2), seed=st.integers(0, 99))
def test_all_levels_compute_the_same(text: str, seed: int) -> None:
    assert_same(text, passes_of(2, CPU), seed=seed)


@settings(few, max_examples=max(EXAMPLES // 2, 1))
@given(text=series_texts() | table_texts(), seed=st.integers(0, 99))
def test_all_levels_compute_the_same_of_series_and_tables(text: str, seed: int) -> None:
    assert_same(text, passes_of(2, CPU), seed=seed)


@few
@given(text=sequence_texts(), seed=st.integers(0, 99))
def test_all_levels_compute_the_same_of_text(text: str, seed: int) -> None:
    assert_same(text, passes_of(2, CPU), seed=seed)


@few
@given(
    text=spec_texts(version=2) | series_texts() | table_texts() | sequence_texts(), seed=st.integers(0, 99)
)
def test_they_are_printed_and_decided(text: str, seed: int) -> None:
    """What is printed is read as it was; what is drawn of the space checks, is decided, and has a plan."""
    tree = parse(Source("test.darts", text))
    assert parse(Source("printed.darts", print_file(tree))) == tree
    (drawn,) = dartsl.sample(check(Source("test.darts", text)), seed=seed)
    found = check(Source("drawn.darts", drawn))
    network = pick_network(found, None)
    assert found.decided(network)
    assert plan(found, network).decided
    assert print_file(parse(Source("drawn.darts", drawn))) == drawn


@pytest.mark.slow
@settings(few, max_examples=max(EXAMPLES // 4, 1))
@given(text=spec_texts(largest=1, version=2) | series_texts() | table_texts(), seed=st.integers(0, 99))
def test_what_is_found_checks_and_trains(text: str, seed: int) -> None:
    spec = check(Source("test.darts", text))
    assume(not spec.decided(pick_network(spec, None)))
    random, labels = np.random.default_rng(seed), np.arange(12) % 3
    taken = planned_text(text).input
    drawn = np.moveaxis(random.integers(0, 256, taken.batch(12)), 1, -1)
    examples = drawn.astype(np.uint8 if taken.kind == "images" else np.float32)
    with TemporaryDirectory() as folder:
        data = Path(folder, "few.npz")
        np.savez(data, x_train=examples, y_train=labels, x_test=examples, y_test=labels)
        given = {"data": str(data), "quiet": True, "epochs": 1, "batch": 3}
        given |= {"crop": 0, "flip": False} if taken.kind == "images" else {}
        run = dartsl.search(spec, Path(folder, "run"), **given)  # type: ignore[arg-type]
        found = check(Source("found.darts", run.found or ""))
        assert found.decided(pick_network(found, None))
        trained = dartsl.train(run.path, Path(folder, "trained"), **given)  # type: ignore[arg-type]
        assert trained.finished
