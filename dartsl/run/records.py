"""What the JSON files of a run folder hold, and what each entry must be, declared in one place. No torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.methods import NAMES, Part
from dartsl.lang.settings.values import coerce
from dartsl.nn.plugin_files import PluginFile
from dartsl.run.files import Row, parse_json, read_file
from dartsl.run.init import Init
from dartsl.run.inputs import Inputs, read_inputs
from dartsl.run.kinds import KINDS
from dartsl.run.schema import (
    Check,
    MisfitError,
    anything,
    either,
    like,
    many,
    maybe,
    one_of,
    record,
    table,
    text,
    whole,
)

FORMAT = (
    2  # 1: into `concat` and `lerp`, sources were merged in order of declaration, however they were written
)
FORMATS = (1, FORMAT)

HASH = like("[0-9a-f]{64}")
# What `str` of a Fraction gives, and no longer than a network could use.
FRACTION = like(r"-?[0-9]{1,1000}(/[1-9][0-9]{0,999})?")
PLUGIN = record({"path": text, "sha256": maybe(HASH)})
INIT = record(
    {"path": text, "sha256": HASH, "fresh": many(text)}, {"alphas": one_of(True, False)}, closed=True
)

RUN = record(
    {
        "format": one_of(*FORMATS),
        "kind": text,
        "source": text,
        "spec_hash": HASH,
        "network": text,
        "parameters": table(FRACTION),
        "settings": record({"epochs": anything}),  # `dartsl.lang.settings.values` knows what each must be
        "seed": whole(high=None),
        "command": text,
        "plugins": many(either(PLUGIN, text)),  # a path alone, before its SHA-256 was recorded
        "data_hash": text,
        "versions": table(text),
    },
    {
        "seal": either(HASH, like("")),
        "given": table(text),
        "copies": table(HASH),
        "init": maybe(INIT),  # of a run that began with weights of others
        "inputs": record({}),  # not in format 1; `dartsl.run.inputs` knows what is in it
    },
)


@dataclass(frozen=True)
class Identity:
    """What a checkpoint must agree with to be continued.

    `kind` is the name of a `RunKind`; `parameters` are the network's, as exact fractions in text; `format` is that of
    the run, which says how its spec is read.
    """

    kind: str
    spec_hash: str
    network: str
    parameters: dict[str, str]
    format: int = FORMAT


@dataclass(frozen=True)
class RunInfo:
    """What `run.json` holds.

    `settings` are all of them, defaults too; `parameters` are the network's, as exact fractions in text;
    `source` is what the user called the spec; `data_hash` is the fingerprint of the data the run uses; `inputs` say
    how images are normalised and what the classes are called (None: a run of format 1); `seal` says who has named
    the plugins: see `dartsl.run.trust`; `given` names what was given from Python (`dartsl.run.given`); `init`
    says whose weights a training began with; `copies` are the SHA-256s of files of which the folder has a copy.
    """

    kind: str
    source: str
    spec_hash: str
    network: str
    parameters: dict[str, str]
    settings: dict[str, Any]
    seed: int
    command: str
    plugins: list[PluginFile]
    data_hash: str
    inputs: Inputs | None
    versions: dict[str, str]
    format: int = FORMAT
    seal: str = ""
    given: dict[str, str] = field(default_factory=dict)
    init: Init | None = None
    copies: dict[str, str] = field(default_factory=dict)

    @property
    def identity(self) -> Identity:
        """What a checkpoint of this run must carry."""
        return Identity(self.kind, self.spec_hash, self.network, self.parameters, self.format)


def require_rows(path: Path, rows: Sequence[Row], check: Check) -> None:
    """Raises UserError where rows are not those of the epochs 1, 2, ... or one does not fit."""
    for number_, row in enumerate(rows, start=1):
        try:
            check(row, "")
        except MisfitError as place:
            raise UserError(
                f"line {number_} of {path} is damaged: `{place}` is missing or not what it was"
            ) from None
        if row["epoch"] != number_:
            raise UserError(f"line {number_} of {path} is damaged: it is of epoch {row['epoch']}")


def read_info(run: Path, path: Path) -> RunInfo:
    """What the `run.json` at `path` says of a run. Raises UserError where it cannot be read, or says it wrongly."""
    try:
        found = parse_json(read_file(path))
    except ValueError:
        raise UserError(f"{path} is damaged: it is not JSON") from None
    version: Any = found.get("format") if isinstance(found, dict) else None
    if type(version) is not int or version not in FORMATS:
        raise UserError(
            f"{run} has run format {str(version)[:20]}, and this version of dartsl reads formats 1 and {FORMAT}"
        )
    try:
        RUN(found, "")
        kind = KINDS.get(found["kind"])
        if kind is None:
            raise MisfitError("kind")
    except MisfitError as place:
        raise UserError(f"{path} is damaged: `{place}` is missing or not what it was") from None
    settings = {field.name: field for field in fields(kind.settings)}
    for name, value in found["settings"].items():
        if name not in settings:
            raise UserError(f"{path} is damaged: there is no setting `{name}`")
        try:
            coerce(settings[name], value)
        except ValueError as wanted:
            part = settings[name].metadata["names"]
            if (unknown := _unknown(part, value)) is not None:
                raise UserError(
                    f"{path} is of a search with the {part} `{unknown}`, which is not known here",
                    help="import the file that registers it first",
                ) from None
            raise UserError(f"{path} is damaged: `settings.{name}` is not {wanted}") from None
    try:
        inputs = None if version == 1 and "inputs" not in found else read_inputs(found.get("inputs"))
    except ValueError as fault:
        raise UserError(f"{path} is damaged: `inputs` is not what it was ({fault})") from None
    known = {spec.name: found[spec.name] for spec in fields(RunInfo) if spec.name in found}
    plugins = [_plugin(file) for file in found["plugins"]]
    init = None if found.get("init") is None else Init(**found["init"])
    return RunInfo(**known | {"inputs": inputs, "plugins": plugins, "init": init})


def _plugin(record: Any) -> PluginFile:
    return PluginFile(record) if isinstance(record, str) else PluginFile(record["path"], record["sha256"])


def _unknown(part: Part | None, value: Any) -> str | None:
    """The first of a setting's names that nothing is registered under here; None where it names nothing, or all are."""
    names = value if isinstance(value, list) else [value]
    return next((n for n in names if part and isinstance(n, str) and n not in NAMES[part]), None)
