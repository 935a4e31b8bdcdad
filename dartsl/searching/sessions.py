"""The session for a network: on images or on text, as its input says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dartsl.data import images
from dartsl.data.folders import FolderData, image_folder
from dartsl.data.given import GivenImages
from dartsl.data.images import IMAGE, ImageData
from dartsl.data.text import Corpus, text_of
from dartsl.lang.plan.terms import Plan
from dartsl.lang.settings.effects import Found
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.supernet import Supernet
from dartsl.run.given import NOTHING, Given, require_none
from dartsl.run.parallel import ALONE, Group
from dartsl.searching.image_session import ImageSession
from dartsl.searching.images import Images, images_of
from dartsl.searching.session import SearchSession
from dartsl.searching.spans import Span
from dartsl.searching.text_session import TextSession

Data = Images | Corpus


def _named_text(plan: Plan, config: SearchConfig, given: Given) -> Corpus:
    require_none(given)
    return text_of(plan, config)


READERS: Mapping[str, Callable[[Plan, SearchConfig, Given], Data]] = {
    **dict.fromkeys(("images", "series", "vectors"), images_of),
    "text": _named_text,
}  # by input


def data_of(model: Supernet, config: SearchConfig, given: Given = NOTHING) -> Data:
    """The data that are given, or that the settings name, if they fit the network. Raises UserError."""
    return READERS[model.plan.input.kind](model.plan, config, given)


def session_of(
    model: Supernet,
    config: SearchConfig,
    data: Data,
    group: Group = ALONE,
    given: Given = NOTHING,
    span: Span | None = None,
) -> SearchSession[Any]:
    """A search of the network that begins, or a stage of one, with its settings.

    Raises UserError for data or settings that cannot be used together.
    """
    if isinstance(data, Corpus):
        return TextSession(model, config, data, group, span)
    return ImageSession(model, config, data, group, given, span)


def notes_of(data: Data) -> tuple[str, ...]:
    """What a user should know about how the data was understood."""
    if isinstance(data, Corpus | GivenImages):
        return ()
    several = data.form.several if isinstance(data, ImageData) else "images"
    unused = f"{data.name}: a search halves the training {several}; the validation {several} are not used"
    return (*data.notes, unused) if data.has_validation else data.notes


def found_of(data: Data, config: SearchConfig) -> Found:
    """What the data turned out to be, by which it is judged what settings do."""
    if isinstance(data, GivenImages):
        return Found(prepared=data.prepared, apart=data.sizes[1] > 0)
    if isinstance(data, Corpus):
        return Found()
    streamed = isinstance(data, FolderData)
    folder = isinstance(data, FolderData) or (data.form is IMAGE and image_folder(config.data) is not None)
    return Found(folder, streamed)


def data_hash(data: Data) -> str:
    """SHA-256 of what is searched on: what a run must find again to go on."""
    if isinstance(data, GivenImages):
        return data.fingerprint
    if isinstance(data, FolderData):
        return data.fingerprint(data.listed.train)
    return data.fingerprint() if isinstance(data, Corpus) else images.data_hash(data)
