"""The search: the bilevel step, the loop around it, and what is derived from the alphas.

`dartsl.search(...)` is part of the Python API, and this package has the same name: importing any module of it
makes it the attribute `search` of `dartsl`. So the package can be called, and calls `dartsl.api.search`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        from dartsl.api import search

        return search(*args, **kwargs)


sys.modules[__name__].__class__ = _CallablePackage
