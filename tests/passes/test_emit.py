"""The Python text of a network after all passes computes what the network does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dartsl.nn.emit import emit_python
from dartsl.nn.passing import PLAIN
from tests.nn.specs import RAGGED, SEARCHED, small
from tests.nn.test_lower import import_text


@pytest.mark.parametrize("level", [1, 2])
@pytest.mark.parametrize("text", [SEARCHED, RAGGED], ids=["searched", "ragged"])
def test_the_text_runs(text: str, level: int, tmp_path: Path) -> None:
    model = small(text, 8, 7, level=level)
    made = import_text(emit_python(model.network), tmp_path, model.network)
    x = torch.randn(3, *model.plan.input.shape.dims, generator=torch.Generator().manual_seed(0))
    weights = model.mixing_weights().values()
    made.load_state_dict(model.network.state_dict())
    for module in (made, model.network):
        module.train()
    assert list(made.state_dict()) == list(model.network.state_dict())
    torch.testing.assert_close(made(x, *weights), model.network(x, *weights, PLAIN))
    torch.testing.assert_close(made.state_dict(), model.network.state_dict())
