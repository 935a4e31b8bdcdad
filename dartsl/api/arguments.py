"""What the arguments of the functions must be: a name means the same wherever it stands. No torch."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from numbers import Integral, Real
from typing import Any

from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.records import widths
from dartsl.nn.plugin_files import PluginFile

FLOATING = ("float32", "float64", "bfloat16")

Wanted = Callable[[Any], str | None]  # None where a value fits, else what would


def require(**given: Any) -> None:
    """Raise UserError (exit code 2) for an argument that is not what its name says; None stands for one of `LEFT_OUT`
    that was left out."""
    for name, value in given.items():
        wanted = None if value is None and name in LEFT_OUT else ARGUMENTS[name](value)
        if wanted is not None:
            raise UserError(f"`{value}` is not a value for `{name}`", f"give {wanted}", exit_code=2)


def exact(parameters: Mapping[str, Any] | None) -> dict[str, Fraction]:
    """The parameters of a network as exact numbers: 0.1 is a tenth. Raises UserError for what is no number."""
    require(parameters=parameters)
    found = {}
    for name, value in (parameters or {}).items():
        number = _exact(value)
        if number is None:
            raise UserError(f"`{value}` is not a value for `{name}`", "give a number", exit_code=2)
        found[name] = number
    return found


def _exact(value: Any) -> Fraction | None:
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        return widths.exact(str(value))
    except ValueError:  # infinity, or not a number
        return None


def _whole(low: int, high: int | None = None) -> Wanted:
    wanted = f"a whole number from {low}" + ("" if high is None else f" to {high}")

    def check(value: Any) -> str | None:
        if isinstance(value, bool) or not isinstance(value, Integral):  # NumPy's are whole numbers, too
            return wanted
        return None if low <= int(value) and (high is None or int(value) <= high) else wanted

    return check


def _one_of(*values: str) -> Wanted:
    wanted = ", ".join(f'"{value}"' for value in values[:-1]) + f' or "{values[-1]}"'
    return lambda value: None if isinstance(value, str) and value in values else wanted


def _of(kind: type | tuple[type, ...], wanted: str) -> Wanted:
    return lambda value: None if isinstance(value, kind) else wanted


def _order(value: Any) -> str | None:
    fits = not isinstance(value, bool) and value in ("1", "2", "exact", 1, 2)
    return None if fits else '1, 2 or "exact"'


def _plugins(value: Any) -> str | None:
    file = (str, os.PathLike, PluginFile)
    several = isinstance(value, Sequence) and all(isinstance(each, file) for each in value)
    fits = several or isinstance(value, (*file, Mapping)) or callable(value)
    return None if fits else "the path of a Python file, or several"


def _names(what: str) -> Wanted:
    def wanted(value: Any) -> str | None:
        several = isinstance(value, Sequence) and all(isinstance(each, str) for each in value)
        return None if several else f"the name of a {what}, or several"

    return wanted


def _dtype(value: Any) -> str | None:
    """A name, or torch's type of that name."""
    fits = str(value).removeprefix("torch.") in FLOATING
    return None if fits else "float32, float64 or bfloat16"


LEFT_OUT = frozenset(
    {"architectures", "cell", "epoch", "network", "on", "out", "parameters", "table", "threads"}
)
ARGUMENTS: Mapping[str, Wanted] = {
    "level": _whole(0, 2),
    "seed": _whole(0),
    "seeds": _whole(2),
    "count": _whole(1),
    "batch": _whole(1),
    "repeats": _whole(1),
    "threads": _whole(1),
    "jobs": _whole(1),
    "first_seed": _whole(0),
    "random": _whole(0),
    "random_at_cost": _whole(0),
    "train_epochs": _whole(1),
    "epochs": _whole(1),
    "epoch": _whole(1),
    "top_k": _whole(1),
    "which": _one_of("evaluated", "last", "average"),
    "order": _order,
    "dtype": _dtype,
    "memory": _one_of("normal", "low"),
    "form": _one_of("python", "graph", "dot", "passes"),
    "times": _of(bool, "True or False"),
    "quiet": _of(bool, "True or False"),
    "architectures": _of(str, "the name of a column"),
    "table": _of((str, os.PathLike), "the path of a CSV file"),
    "columns": _names("column"),
    "lower_is_better": _of(bool, "True or False"),
    "isomorphic": _of(bool, "True or False"),
    "unique": _of(bool, "True or False"),
    "upgrade": _of(bool, "True or False"),
    "out": _of((str, os.PathLike), "the path of a folder"),
    "on": _of(str, '"auto", or the address of a Ray cluster'),
    "amp": _of(bool, "True or False"),
    "drop_path": _of(bool, "True or False"),
    "auxiliary": _of(bool, "True or False"),
    "auxiliary_skip": _of(bool, "True or False"),
    "edge_weights": _of(bool, "True or False"),
    "partial": _whole(1),
    "relaxation": _of(str, "the name of a relaxation"),
    "alphas_start": _one_of("normal", "zero"),
    "layers": _names("layer"),
    "network": _of(str, "the name of a network"),
    "command": _of(str, "a text"),
    "cell": _of(str, "the name of a cell"),
    "parameters": _of(Mapping, 'numbers by name, such as {"C": 36}'),
    "plugins": _plugins,
}
