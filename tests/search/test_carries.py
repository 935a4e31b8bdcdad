"""Cells with several carries in a search: the likeliest one whose output depends on its input, and found files."""

from __future__ import annotations

import math
import random
from itertools import product
from pathlib import Path

import pytest

from dartsl import diff
from dartsl.exchange.writing import genotype_text
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.codes.source import Source
from dartsl.lang.plan.flow import constant
from dartsl.lang.plan.network_plan import plan
from dartsl.lang.plan.terms import CellLayer, Scan
from dartsl.lang.syntax.loader import read
from dartsl.searching.derive import found_text
from dartsl.searching.readouts import Reading
from tests.search.random_spaces import weights_of
from tests.search.test_connected import WHENCE, derived, found

# The element comes to `h` by way of `c`, or of `d` and then `c`, an element later each.
CELL = """darts 2
cell r {{
  input  x, h, c, d
  node   c2, d2, h2 : sum
  edge   x -> d2 : {0}
  edge   d -> c2 : {1}
  edge   x -> c2 : {2}
  edge   c -> h2 : {3}
  edge   d -> h2 : {4}
  output h2, c2, d2  # dartsl: allow W0303
}}
network net(H = 3, vocab = 5) {{
  input tokens(4)
  stem  embedding(vocab, out = H)
  stage scan(r, carry = "h, c, d") width H
  head  linear(vocab)
}}"""
OPEN = "none | tanh"


def spec_of(operations: list[str]) -> Spec:
    return check(Source("carries.darts", CELL.format(*operations)))


@pytest.mark.parametrize("seed", range(6))
def test_no_cell_that_depends_on_its_input_is_likelier(seed: int) -> None:
    spec = spec_of([OPEN] * 5)
    table = weights_of(spec.cells["r"], random.Random(seed))
    best = math.inf
    for columns in product(range(2), repeat=5):
        # `noise` brings as little of the input as `none`, and may stand alone
        decided = spec_of([("noise", "tanh")[column] for column in columns])
        if constant(plan(decided, decided.networks["net"])) is None:
            costs = (math.log(max(row) / row[column]) for row, column in zip(table, columns, strict=True))
            best = min(best, sum(costs))
    changes = derived(spec, {"r": table}).changes
    ours = sum(math.log(change.winner_weight / change.taken_weight) for change in changes)
    assert ours == pytest.approx(best)


def test_a_found_file_has_all_outputs_in_order() -> None:
    spec = spec_of([OPEN] * 5)
    written = found(spec, {"r": [[0.4, 0.6]] * 5})
    assert [output.nodes for output in written.cells["r"].outputs] == [("h2",), ("c2",), ("d2",)]
    assert "  output h2, c2, d2\n" in written.root.source.text
    again = check(Source("again.darts", written.root.source.text.replace("h2, c2, d2", "h2, d2, c2")))
    assert diff(written, written).equal
    (change,) = diff(written, again).cells
    assert (change.removed, change.added) == (("output h2, c2, d2",), ("output h2, d2, c2",))
    assert not diff(written, again, isomorphic=True).equal
    renamed = check(Source("renamed.darts", written.root.source.text.replace("c2", "e2")))
    assert diff(written, renamed, isomorphic=True).equal


def test_a_network_of_darts_1_is_found_in_darts_1(tmp_path: Path) -> None:
    """There `dropout_x` leaves a `linear` without `share` alone, whatever imports the network."""
    (tmp_path / "old.darts").write_text(
        """darts 1
        import "std/rnn"
        cell r { input x, h node n, m : sum edge x, h -> n : linear | tanh edge n -> m : activations output m }
        network old(H = 3, vocab = 5) {
          input tokens(4)
          stem  embedding(vocab, out = H)
          stage scan(r, "h", 0.5) width H
          head  linear(vocab)
        }"""
    )
    (tmp_path / "new.darts").write_text(
        'darts 2\nimport "./old"\nimport "std/blocks"\nop mine = silu\ntrain {\n  epochs = 2\n}\n'
    )
    spec = check(read(str(tmp_path / "new.darts")))
    network, table = spec.networks["old"], [[0.6, 0.4]] * 2 + [[0.1, 0.6, 0.1, 0.1, 0.1]]
    parameters = plan(spec, network).parameters
    text = found_text(spec, network, parameters, {"r": Reading(table)}, WHENCE)
    again = check(Source("found.darts", text))
    assert again.root.version == 1
    assert again.train == {"epochs": 2}
    assert [each.path.value for each in again.root.imports] == ["std/rnn"]
    layers = [layer for layer in plan(again, again.networks["old"]).layers if isinstance(layer, CellLayer)]
    assert layers[0].scan == Scan(("h",), 0.5, 0.0, linears=False)


def test_a_loss_that_darts_1_does_not_know_is_left_out(tmp_path: Path) -> None:
    """It is the default, or the search would have been refused."""
    (tmp_path / "old.darts").write_text(
        """darts 1
        import "std/cnn"
        cell c { input c0, c1 : preprocess node a : sum edge c0, c1 -> a : skip_connect | none output a }
        network old(C = 2, classes = 3) {
          input image(1, 8, 8)
          stem  conv(3) > bn
          stage c width C
          head  global_avg_pool > linear(classes)
        }"""
    )
    train = 'train {\n  loss = "cross_entropy"\n  epochs = 2\n}\n'
    (tmp_path / "new.darts").write_text(f'darts 2\nimport "./old"\n{train}')
    spec = check(read(str(tmp_path / "new.darts")))
    network = spec.networks["old"]
    readings = {"c": Reading([[0.6, 0.4]] * 2)}
    text = found_text(spec, network, plan(spec, network).parameters, readings, WHENCE)
    assert check(Source("found.darts", text)).train == {"epochs": 2}


def test_a_genotype_has_one_output() -> None:
    spec = found(spec_of([OPEN] * 5), {"r": [[0.4, 0.6]] * 5})
    with pytest.raises(UserError, match="cell `r` has 3 outputs"):
        genotype_text(spec, plan(spec, spec.networks["net"]))
