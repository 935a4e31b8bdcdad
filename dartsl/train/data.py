"""The data that a training's settings name, as a feed."""

from __future__ import annotations

from dartsl.data import load
from dartsl.data.images import data_hash
from dartsl.lang.settings import TrainConfig
from dartsl.lang.terms import Plan
from dartsl.train.feed import Feed, MemoryFeed


def feed_of(plan: Plan, config: TrainConfig) -> Feed:
    """The images, of the size and classes that the network takes. Raises UserError."""
    image = plan.image
    data = load(config.data, expect=(image.channels, image.size[0], image.size[1], plan.classes))
    return MemoryFeed(data, config, data_hash(data))
