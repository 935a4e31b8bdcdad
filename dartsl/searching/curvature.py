"""How sharply the validation loss bends in the alphas: the largest eigenvalue of its Hessian.

    H = d^2/d alpha^2 (L_val(w, alpha) + decay / 2 * |alpha|^2)

Source: Zela et al., "Understanding and robustifying differentiable architecture search", ICLR 2020 (arXiv 1909.09656),
and the authors' code, which takes the largest of the eigenvalues themselves, not of their absolute values. There H is
made row by row; here Lanczos's iteration asks for its products with vectors alone (`dartsl.searching.products`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.draws import stream_seed
from dartsl.nn.passing import Pass, Scheduled
from dartsl.nn.relaxations import ALPHAS
from dartsl.nn.supernet import Supernet
from dartsl.searching.products import hessian_product
from dartsl.step.batches import Batch
from dartsl.step.finite import AT_ONCE, Finite, no_parameter

PRECISION = (
    2 / 3
)  # the residual of an eigenvalue is at most the type's epsilon to this power, times the largest one


@dataclass
class Curvature:
    """When a search computes it, and what it came to.

    every  epochs from one computation to the next; 0: never
    decay  that of the alphas
    value  at the end of the epoch, once its last step is taken; None before, and where it is not computed
    """

    every: int
    decay: float
    value: float | None = None

    @classmethod
    def of(cls, config: SearchConfig) -> Curvature:
        """That of a search with these settings."""
        return cls(config.curvature, config.alphas_decay)

    def due(self, epoch: int) -> bool:
        """Whether it is computed at the end of an epoch, from 0: as the authors do, of the first one and so on."""
        return self.every > 0 and epoch % self.every == 0

    def measure(
        self,
        model: Supernet,
        validation: Batch,
        step: int,
        scheduled: Mapping[str, float],
        finite: Finite = AT_ONCE,
    ) -> None:
        """Compute it after the step of that number, on its validation batch and draws, with what is scheduled."""
        pass_ = Pass(step, "validation", frozen=True, scheduled=Scheduled(**scheduled).calm)
        self.value = curvature(model, validation, pass_, self.decay)
        finite.require("curvature of the validation loss", torch.tensor(self.value), no_parameter)

    def figures(self) -> dict[str, float]:
        """What the history has of it."""
        return {} if self.value is None else {"curvature": self.value}


def curvature(model: Supernet, validation: Batch, pass_: Pass, decay: float) -> float:
    """At the weights and alphas of now; NaN where a product is not finite.

    The pass is in the model's mode, should move no running statistics, and sees the same draws in every product. The
    decay adds itself, penalties are left out: the number is that of the validation loss, whatever the method.
    """
    alphas = model.alpha_parameters()
    sizes = [alpha.numel() for alpha in alphas]

    def product(vector: Tensor) -> Tensor:
        parts = zip(alphas, torch.split_with_sizes(vector, sizes), strict=True)
        along = [part.to(alpha.device, alpha.dtype).view_as(alpha) for alpha, part in parts]
        return _flat(hessian_product(model, validation, pass_, along))

    tolerance = torch.finfo(alphas[0].dtype).eps ** PRECISION
    return largest_eigenvalue(product, _start(model), tolerance) + decay


def largest_eigenvalue(product: Callable[[Tensor], Tensor], start: Tensor, tolerance: float) -> float:
    """The largest eigenvalue of a symmetric matrix among those whose eigenvectors meet `start` (n,), not zero.

    Lanczos's iteration, each vector made orthogonal to all before it (Golub and Van Loan, "Matrix computations",
    section 10.3): at most n products, until the residual is at most `tolerance` times the largest absolute eigenvalue.
    Vectors are float64 on the CPU. NaN where a product is not finite.
    """
    basis, diagonal, beside = [start / start.norm()], list[float](), list[float]()
    while True:
        image = product(basis[-1])
        diagonal.append(float(image @ basis[-1]))
        if not image.isfinite().all():
            return math.nan
        found = torch.stack(basis)  # (k, n)
        for _ in range(2):  # twice is enough, once is not
            image = image - found.T @ (found @ image)
        rest = float(image.norm())
        off = torch.tensor(beside, dtype=torch.float64)
        matrix = torch.diag(torch.tensor(diagonal, dtype=torch.float64)) + off.diag(1) + off.diag(-1)
        values, vectors = torch.linalg.eigh(matrix)  # (k,), (k, k)
        residual = rest * abs(float(vectors[-1, -1]))
        if len(basis) == len(start) or residual <= tolerance * float(values.abs().max()):
            return float(values[-1])
        beside.append(rest)
        basis.append(image / rest)


def _start(model: Supernet) -> Tensor:
    """From the seed, the same each time: a draw for each number that is learnt, 0 where no row has a candidate."""
    generator = torch.Generator().manual_seed(stream_seed(model.seed, "curvature"))
    spare = {id(each.parameters[ALPHAS]): each.spare for each in model.architectures()}
    parts = []
    for alpha in model.alpha_parameters():
        drawn = torch.randn(alpha.shape, generator=generator, dtype=torch.float64)
        unused = spare.get(id(alpha))
        parts.append(drawn if unused is None else drawn.masked_fill(unused.cpu(), 0.0))
    return _flat(parts)


def _flat(tensors: Sequence[Tensor]) -> Tensor:
    """(n,), float64 on the CPU."""
    return torch.cat([tensor.detach().flatten() for tensor in tensors]).cpu().double()
