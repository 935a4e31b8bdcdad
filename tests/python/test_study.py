"""A whole study from Python alone, as in a notebook: README's Python section is its short form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from rich.console import Console

import dartsl
from tests.python.conftest import COMMON, write_images


def test_a_study_from_search_to_fine_tuning(work: Path, quiet: Console) -> None:
    write_images("other.npz", classes=2, seed=7)
    given: Any = {**COMMON, "console": quiet}

    # The space: what it is, what it costs, what a network of it computes.
    spec = dartsl.check("small.darts")
    size = dartsl.info(spec, memory="none")
    supernet = dartsl.compile(spec, parameters={"C": 2}, seed=7)
    images = torch.rand(4, 1, 6, 6)
    assert size.space_size == 2
    assert supernet(images).shape == (4, 3)

    # Search, and look at what it prefers.
    seen: list[dartsl.Epoch] = []
    given["epochs"] = 2
    search = dartsl.search(spec, "search", data="images.npz", on_epoch=seen.append, **given)
    given["epochs"] = 1
    assert [row["epoch"] for row in search.history] == [1, 2]
    assert [epoch.figures["train_loss"] for epoch in seen] == [row["train_loss"] for row in search.history]
    weights = search.mixing_weights()["pair"]["a -> p"]
    strongest = max(weights, key=weights.__getitem__)
    assert abs(sum(weights.values()) - 1) < 1e-6
    assert search.found_spec is not None
    found = {edge.source: edge.candidates for edge in search.found_spec.cells["pair"].edges}
    assert [candidate.label for candidate in found["a"]] == [strongest]
    moved = search.alphas(2)["pair"]["a -> p"][strongest] - search.alphas(1)["pair"]["a -> p"][strongest]
    assert moved != 0

    # Its supernet goes on as any module does; a search that seemed too short, as a search.
    again = search.model(device="cpu")
    again.train()(images).sum().backward()
    longer = dartsl.resume(search, epochs=3, console=quiet)
    assert isinstance(longer, dartsl.Run)
    assert len(longer.history) == 3

    # Train what was found, and load it.
    trained = dartsl.train(search, "trained", ema=0.5, **given)
    model = trained.model(device="cpu")
    test = dartsl.evaluate(trained, device="cpu").test
    assert test == trained.test
    assert dartsl.diff(trained, search).equal
    with torch.no_grad():
        probabilities = model(images).softmax(1)  # (4, 3)
    assert torch.allclose(probabilities.sum(1), torch.ones(4))

    # Fine-tune on data of two classes: all but the head begins as it was.
    tuned = dartsl.train(
        search, "tuned", init=trained, data="other.npz", parameters={"classes": 2}, lr=1e-3, **given
    )
    assert tuned.init is not None
    assert tuned.init["fresh"] == ["network.head.linear.weight", "network.head.linear.bias"]
    assert tuned.model(device="cpu")(images).shape == (4, 2)

    # Use it as a feature extractor; give the plain module to tools that replace or count layers.
    network = tuned.model(device="cpu")
    with torch.no_grad():
        maps = dartsl.features(network, ["layer0", "head"])(images)
        logits = network(images)
        assert torch.equal(maps["head"], logits)
        assert torch.allclose(network.plain()(images), logits, atol=1e-6)
    assert maps["layer0"].shape == (4, 2, 6, 6)

    # Train on from the same weights, and measure on other data.
    refit = dartsl.train(search, "refit", init=trained, lr=1e-3, **given)
    assert dartsl.evaluate(refit, data="images.npz", device="cpu").other is not None

    # Take it out.
    assert dartsl.export(tuned, "safetensors")
    assert dartsl.export(tuned, "torch", "tuned.pt2") == Path("tuned.pt2").read_bytes()
    assert tuned.plot().name == "curves.svg"
