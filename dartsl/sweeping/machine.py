"""What of this machine a sweep shares out: its cores and its GPUs. No torch."""

from __future__ import annotations

import os
from importlib.metadata import version
from pathlib import Path

GPUS = Path("/proc/driver/nvidia/gpus")  # a folder a GPU, where NVIDIA's driver is loaded
VISIBLE = "CUDA_VISIBLE_DEVICES"


def threads_of(jobs: int) -> int:
    """The threads of each of so many jobs side by side."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores // jobs)


def gpus_of(device: str) -> list[str]:
    """The GPUs that jobs are shared out over, as CUDA_VISIBLE_DEVICES names them; none where they are on another
    device, or on a GPU that is named (`cuda:1`)."""
    if device != "cuda":
        return []
    if VISIBLE in os.environ:
        return [name.strip() for name in os.environ[VISIBLE].split(",") if name.strip()]
    return [str(number) for number in range(len(list(GPUS.iterdir())))] if GPUS.is_dir() else []


def device_of(given: str | None) -> str:
    """The device of all jobs: the one that is given; else a GPU where there is one that torch is built for."""
    if given not in (None, "auto"):
        return str(given)
    return "cuda" if gpus_of("cuda") and not version("torch").endswith("+cpu") else "cpu"
