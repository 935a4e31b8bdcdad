"""What the settings of a search and of a training ask a network to be built with."""

from __future__ import annotations

from dataclasses import replace

from dartsl.graph.target import TARGETS
from dartsl.lang.settings.values import SearchConfig, TrainConfig
from dartsl.nn.build import Build

COMMON = {"seed": 7, "device": "cpu", "dtype": "float64", "memory": "low"}


def test_the_settings_of_a_search() -> None:
    config = replace(SearchConfig(), optimise=1, amp=True, **COMMON)
    assert Build.of(config) == Build(level=1, amp=True, **COMMON)


def test_the_settings_of_a_training() -> None:
    """A training has a short type of its own, which its evaluation computes in too."""
    config = replace(TrainConfig(), optimise=0, amp=True, drop_path=0.2, auxiliary=0.4, **COMMON)
    assert Build.of(config) == Build(level=0, drop_path=True, auxiliary=True, **COMMON)
    assert Build.of(replace(config, drop_path=0.0, auxiliary=0.0)) == Build(level=0, **COMMON)


def test_the_device_chooses_a_target_that_is_not_given() -> None:
    assert Build(device="cuda:1").chosen_target is TARGETS["cuda"]
    assert Build(device="meta").chosen_target is TARGETS["cpu"]
    assert Build(device="cpu", target=TARGETS["cuda"]).chosen_target is TARGETS["cuda"]


def test_kernels_are_switched_off_by_leaving_out_their_pass() -> None:
    for target in TARGETS.values():
        auto, off = (
            [each.name for each in Build(target=target, kernels=kernels).chosen_passes]
            for kernels in ("auto", "off")
        )
        assert off == [name for name in auto if name not in ("fuse", "pools", "terms")]
    assert Build(passes=(), kernels="off").chosen_passes == ()
    assert Build.of(SearchConfig(kernels="off")).kernels == "off"
