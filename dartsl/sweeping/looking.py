"""Figures from a table: what it says of an architecture of a sweep, in place of a training of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from dartsl.exchange.tables import LookedUp, Table, looked_up, read_table
from dartsl.exchange.writing import genotype_text, nasbench_string
from dartsl.lang.check.model import Spec
from dartsl.lang.checker import check, pick_network
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.plan.network_plan import plan as plan_network
from dartsl.lang.plan.terms import Plan
from dartsl.lang.syntax.loader import read
from dartsl.run.files import parse_json, read_file, write_json
from dartsl.run.schema import Check, MisfitError, real, record, table
from dartsl.sweeping.folder import SweepFolder, with_folder
from dartsl.sweeping.lookups import TABLE, TableUse
from dartsl.sweeping.plan import Job, Protocol

WRITTEN: Mapping[str, Callable[[Spec, Plan], str]] = {
    "nasbench201": nasbench_string,
    "genotype": genotype_text,
}
_LOOKUP: Check = record({"figures": table(record({"value": real}))})


def digest(data: bytes) -> str:
    """Of a table's bytes."""
    return sha256(data).hexdigest()


def require_unchanged(folder: SweepFolder) -> None:
    """Raises UserError where the sweep's table is not the one that was planned with."""
    use = folder.plan.protocol.table
    if use is not None and digest(read_file(folder.path / TABLE)) != use.sha256:
        raise UserError(
            f"{folder.path / TABLE} is not the table that the sweep was planned with",
            "put the file back, or begin another sweep with the new table",
        )


def look_up(folder: SweepFolder, job: Job) -> None:
    """Write what the table says of an architecture. Raises UserError where it is not in it."""
    plan, use = folder.plan, folder.plan.protocol.table
    assert use is not None
    assert job.seed is not None
    path = folder.path / plan.architecture(plan.arm(job.arm), job.seed)
    spec = check(read(str(path)))
    text = WRITTEN[use.form](spec, planned_network(spec, plan.protocol))
    (found,) = looked_up(_table(folder.path.resolve() / TABLE, use), [(job.name, text)])
    if not found.figures:
        raise UserError(f"{found.architecture} is not in the table {use.source}")
    write_json(with_folder(folder.path / job.out), _as_json(found))


@lru_cache(maxsize=1)
def _table(path: Path, use: TableUse) -> Table:
    """Read once for all lookups of a process."""
    return read_table(path, use.architectures, use.read, use.lower, use.isomorphic)


def _as_json(found: LookedUp) -> dict[str, Any]:
    return {
        "architecture": found.architecture,
        "rows": found.rows,
        "matching": found.matching,
        "figures": {
            each.column: {"value": each.value, "rank": each.rank, "of": each.of, "best": each.best}
            for each in found.figures
        },
    }


def planned_network(spec: Spec, protocol: Protocol) -> Plan:
    """A decided spec's network as the sweep has it. Raises UserError, SpecError."""
    parameters = {name: Fraction(value) for name, value in protocol.parameters.items()}
    return plan_network(spec, pick_network(spec, protocol.network), parameters)


def figures_of(path: Path, use: TableUse) -> dict[str, float]:
    """What a lookup has left, of each column as it is compared: lower is better. Raises UserError."""
    try:
        found = parse_json(read_file(path))
        _LOOKUP(found, "")
        return {column: use.figure(column, float(found["figures"][column]["value"])) for column in use.read}
    except MisfitError as place:
        raise UserError(f"{path} is damaged: `{place}` is missing or not what it was") from None
    except (ValueError, KeyError):
        raise UserError(f"{path} is damaged: it is not what a lookup leaves") from None
