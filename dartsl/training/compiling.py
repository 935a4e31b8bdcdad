"""Training with torch.compile: what is drawn ahead of a compiled pass, and what is said where torch cannot compile."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from torch import Tensor, nn

from dartsl.lang.codes.diagnostics import UserError
from dartsl.nn.draws import DropPath
from dartsl.nn.passing import Pass

MODULES = ("torch._dynamo", "torch._inductor")  # importing them, for their errors' names, takes seconds

Self = TypeVar("Self")
Given = ParamSpec("Given")
Result = TypeVar("Result")


def drawn_ahead(model: nn.Module, images: Tensor, pass_: Pass) -> Pass:
    """The same pass over images (B, C, H, W), with what each drop-path keeps of them drawn already.

    Drawn within it, each would cut the compiled network in two, and each new probability compile it anew.
    """
    paths = [module for module in model.modules() if isinstance(module, DropPath)]
    drawn = {
        module.path: module.draws.kept_images(pass_, module.path, images) for module in paths
    }  # (B, 1, 1, 1)
    return replace(pass_, drawn=drawn)


def explained(step: Callable[Concatenate[Self, Given], Result]) -> Callable[Concatenate[Self, Given], Result]:
    """A method that raises UserError where torch.compile fails within it."""

    @wraps(step)
    def attempt(self: Self, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return step(self, *args, **kwargs)
        except RuntimeError as error:
            if not any(kind.__module__.startswith(MODULES) for kind in type(error).__mro__):
                raise
            cause = getattr(error, "inner_exception", error)
            reason = (str(cause).splitlines() or [type(cause).__name__])[0]
            raise UserError(
                f"torch.compile fails: {reason}",
                help="leave --compile out; it needs a C++ compiler, or Triton",
            ) from error

    return attempt
