"""`dartsl sweep --on`: jobs on a Ray cluster of two nodes in this machine, one of which dies."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import dartsl
from dartsl.cli import cli
from dartsl.lang.codes.diagnostics import UserError
from dartsl.sweeping.on_ray import OnRay
from tests.sweep.tiny import tiny_space

ASKED: dict[str, Any] = {
    "seeds": 1, "random": 1, "epochs": 1, "train_epochs": 1, "select": "search", "random_at_cost": 0, "jobs": 2,
}  # fmt: skip


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["sweep", *arguments], prog_name="dartsl")


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec, images = tiny_space(tmp_path)
    monkeypatch.setitem(sys.modules, "ray", None)
    result = run(str(spec), "--data", str(images), "--on", "auto", "--out", str(tmp_path / "out"))
    assert result.exit_code == 1
    assert "pip install 'dartsl[ray]'" in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("other", [["--job", "search/darts/0"], ["--print-commands"]])
def test_it_runs_all_jobs(other: list[str], tmp_path: Path) -> None:
    result = run("digits", "--on", "auto", *other, "--out", str(tmp_path / "out"))
    assert result.exit_code == 2
    assert "--on runs all jobs" in result.output


@pytest.mark.parametrize("address", ["here", "http://a:1", "a:b", "a:70000"])
def test_an_address_that_cannot_be_one(address: str) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with pytest.raises(UserError, match="is not the address of a Ray cluster"):
        OnRay(address, 1, "cpu")


def test_ray_chooses_the_gpu() -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    with pytest.raises(UserError, match="Ray chooses the GPU of each job"):
        OnRay("auto", 1, "cuda:1")


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of a head without CPUs, and two nodes of one CPU each."""
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((root, os.environ.get("PYTHONPATH", ""))))
    utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed")
    made = utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    for _ in range(2):
        made.add_node(num_cpus=1)
    yield made
    made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_node_that_dies_costs_nothing_but_time(cluster: Any, tmp_path: Path) -> None:
    """One is killed while a search runs on it: all jobs end, and the report is that of processes here."""
    spec, images = tiny_space(tmp_path)
    asked = {**ASKED, "data": str(images), "seeds": 2}
    begun = tmp_path / "ray" / "search" / "darts"

    def kill_one() -> None:
        while not all((begun / seed / "run.json").exists() for seed in "01") and not over.wait(0.05):
            pass
        cluster.remove_node(cluster.worker_nodes.copy().pop(), allow_graceful=False)

    over, killer = threading.Event(), threading.Thread(target=kill_one)
    killer.start()
    try:
        sweep = dartsl.sweep(spec, tmp_path / "ray", on=cluster.address, quiet=True, **asked)
    finally:
        over.set()
        killer.join()
    assert sweep.finished
    assert sweep.failed == ()
    here = dartsl.sweep(spec, tmp_path / "here", quiet=True, **asked)
    assert here.finished
    reports = [
        dartsl.report(tmp_path / name, format="json", times=False).replace(str(tmp_path / name), "FOLDER")
        for name in ("ray", "here")
    ]
    assert reports[0] == reports[1]
