"""The training of a decided network from scratch, and its evaluation.

`dartsl.train(...)` is part of the Python API, and this package has the same name: importing any module of it makes it
the attribute `train` of `dartsl`. So the package can be called, and calls `dartsl.training.train`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from dartsl.training import train

        return train(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
