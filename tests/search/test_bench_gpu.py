"""`bench` on a GPU, with a gauge that is none: which rows there are, and what is made of what is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from dartsl.cli.bench import gpu_text
from dartsl.lang.checker import check
from dartsl.lang.syntax.loader import read
from dartsl.run.job import Job
from dartsl.searching.bench import Trial
from dartsl.searching.bench_gpu import Span, bench_gpu, busy


class FakeGauge:
    """Every call is made; the n-th variant takes 1 / n seconds."""

    def __init__(self) -> None:
        self.variants = 0
        self.calls = 0

    def seconds(self, call: Callable[[], None], repeats: int) -> list[float]:
        for _ in range(repeats):
            call()
        self.calls += repeats
        return [1 / self.variants] * repeats

    def spans(self, call: Callable[[], None]) -> list[Span]:
        call()
        return [(0.0, 2e5), (1e5, 3e5), (5e5, 6e5)]

    def reset(self) -> None:
        self.variants += 1

    def peaks(self) -> tuple[int, int]:
        return 2000 // self.variants, 2 << 20


def trial(spec: Path) -> Trial:
    return Trial(Job(check(read(str(spec)))), 4)


def test_each_variant_has_a_row(tiny: Path) -> None:
    gauge = FakeGauge()
    rows = bench_gpu(trial(tiny), "cpu", ["first"], repeats=2, gauge=gauge)
    assert [row.level for row in rows] == ["O0", "O2", "kernels", "graphs", "all", "low"]
    assert gauge.calls == 12
    assert [row.faster for row in rows] == pytest.approx([1, 2, 3, 4, 5, 6])
    assert {row.kernels for row in rows} == {3}
    assert rows[1].busy_s == pytest.approx(0.4)  # of two streams at once, counted once
    assert [row.peak_bytes for row in rows] == [2000, 1000, 666, 500, 400, 333]
    table = gpu_text(rows).splitlines()
    assert " ".join(table[2].split()) == "first O2 500.0 ms 2.00x 400.0 ms 3 1000 bytes 0.50 2.0 MiB"
    assert len({len(line) for line in table}) == 1


def test_a_pass_by_itself_is_not_captured(tiny: Path) -> None:
    rows = bench_gpu(trial(tiny), "cpu", ["forward_backward"], repeats=1, gauge=FakeGauge())
    assert [row.level for row in rows] == ["O0", "O2", "kernels", "low"]


def test_a_network_without_a_choice_has_no_steps(tiny: Path) -> None:
    text = tiny.read_text().replace("none | skip_connect | narrow(3)", "skip_connect")
    tiny.write_text(text.replace("sum keep 1", "sum"))
    cases = ["forward_backward", "first"]
    rows = bench_gpu(trial(tiny), "cpu", cases, repeats=1, gauge=FakeGauge())
    assert {row.case for row in rows} == {"forward_backward"}


def test_busy_is_the_union_of_what_runs() -> None:
    assert busy([]) == 0
    assert busy([(0, 1), (2, 3)]) == 2
    assert busy([(0, 10), (1, 2), (5, 12)]) == 12
