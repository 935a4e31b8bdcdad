"""All modules that a graph names, initialised: each from a stream of draws of its own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from dartsl.graph.operations import GraphInfo
from dartsl.lang.records.record import ModuleSpec
from dartsl.nn import primitives
from dartsl.nn.ambient import in_float32
from dartsl.nn.builders import module_builder
from dartsl.nn.contract import Builder, PluginError, build_plugin, probe, standing_at
from dartsl.nn.draws import seeded
from dartsl.nn.plugins import affine_at


def build_modules(
    record: GraphInfo,
    *,
    seed: int,
    device: torch.device | str,
    dtype: torch.dtype,
    plugins: Mapping[str, Builder],
) -> dict[str, nn.Module]:
    """One initialised module a path, whatever their order. On the meta device only their shapes are made."""
    built: dict[str, nn.Module] = {}
    probed: set[tuple[ModuleSpec, bool]] = set()
    on_meta = torch.device(device).type == "meta"
    for path, spec in record.modules.items():
        if module_builder(spec.primitive) is not None:
            with seeded(seed, path), torch.device("meta" if on_meta else "cpu"):
                module = primitives.build_module(spec)
        elif spec.primitive in plugins:
            affine = affine_at(record, path)
            with standing_at(path):
                with seeded(seed, path), in_float32():
                    module = build_plugin(plugins[spec.primitive], spec, affine)
                if (spec, affine) not in probed:
                    probe(module, spec, device, dtype)
            probed.add((spec, affine))
        else:
            raise PluginError(spec.primitive, "no implementation was given")
        built[path] = module.to(device=device, dtype=dtype)
    return built
