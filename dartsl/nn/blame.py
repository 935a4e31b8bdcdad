"""Faults of plugins while they run, which the look at them before (`dartsl.nn.contract`) could not foresee."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from dartsl.lang.codes.diagnostics import SpecError, UserError
from dartsl.nn.contract import Builder
from dartsl.nn.plugin_files import summary


@contextmanager
def blamed(builders: Mapping[str, Builder], kind: type[UserError] = UserError) -> Iterator[None]:
    """Turn what an implementation raises within it, forward or backward, into an error (a `kind`) that names it.

    SystemExit is one too, whoever raises it: what is not over must not end as if it were.
    """
    try:
        yield
    except (UserError, SpecError, KeyboardInterrupt):
        raise
    except BaseException as fault:
        name = _culprit(fault, builders)
        if name is None and not isinstance(fault, SystemExit):
            raise
        what = "the network" if name is None else f"the implementation of `{name}` ({_file(builders[name])})"
        raise kind(
            f"{what} fails while it runs: {summary(fault)}",
            help="mend it and start again: a run goes on with the very code that it was started with",
        ) from fault


def _culprit(fault: BaseException, builders: Mapping[str, Builder]) -> str | None:
    """The operation whose implementation's file the fault has come through last."""
    names = {_file(builder): name for name, builder in builders.items()}
    passed = [frame.f_code.co_filename for frame, _ in traceback.walk_tb(fault.__traceback__)]
    return next((names[path] for path in reversed(passed) if path in names), None)


def _file(builder: Builder) -> str:
    """Where an implementation was written."""
    code = getattr(builder, "__code__", None)
    module = sys.modules.get(getattr(builder, "__module__", None) or "")
    return str(code.co_filename) if code is not None else str(getattr(module, "__file__", None))
