"""How far apart the orders of the alpha gradient are, on one's own spec and one batch.

The authors' finite difference moves the weights by a norm r = 0.01, and ReLU and max pooling have kinks closer
than that: what it then gives is not the term it stands for. Whether that is so depends on the network, so it
is measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dartsl.data.named import locate
from dartsl.lang.codes.diagnostics import UserError
from dartsl.lang.settings.values import SearchConfig
from dartsl.nn.ambient import undisturbed
from dartsl.nn.blame import blamed
from dartsl.nn.build import Build
from dartsl.nn.passing import Scheduled
from dartsl.nn.supernet import from_plan
from dartsl.run.devices import chosen
from dartsl.run.job import Job
from dartsl.run.loop import own_generators
from dartsl.searching.sessions import data_of, session_of
from dartsl.step.finite import NonFiniteError

NEAR = 0.1  # a relative distance up to which one gradient is a fair stand-in for another
ORDERS = ("1", "2", "exact")
NAMES = {"1": "first order", "2": "finite difference", "exact": "exact"}
EXAMPLES = {
    **{kind: f"{kind} of each half" for kind in ("images", "series", "vectors")},
    "text": "rows of each text",
}  # what a batch is of, by kind of input


@dataclass(frozen=True)
class Compared:
    """A vector beside the exact one: its norm, |a - exact| / |exact|, and the cosine of their angle.

    The last two are None where a norm is zero.
    """

    norm: float
    distance: float | None
    cosine: float | None

    @classmethod
    def of(cls, found: Tensor, exact: Tensor) -> Compared:
        norm, whole = float(found.norm()), float(exact.norm())
        distance = float((found - exact).norm()) / whole if whole else None
        cosine = float(found @ exact) / (norm * whole) if norm and whole else None
        return cls(norm, distance, cosine)


@dataclass(frozen=True)
class Comparison:
    """The alpha gradients of one step, over all cells' alphas together, against the exact order.

    gradients   of each order
    examples    what `batch` counts
    term        the second-order term, xi * hvp (text: xi * c * hvp), by finite difference (2) and exactly
    """

    network: str
    batch: int
    r: float
    gradients: Mapping[str, Compared]
    term: Mapping[str, Compared]
    examples: str = "images of each half"

    def text(self) -> str:
        """A table and what it means."""
        head = f"alpha gradients of {self.network}, {self.batch} {self.examples}, r = {self.r:g}"
        lines = [head, "", *_table("gradient", self.gradients)]
        lines += ["", *_table("second-order term", self.term)]
        return "\n".join([*lines, "", *self.verdict()])

    def verdict(self) -> list[str]:
        """What the numbers say about the choice of an order, one sentence per line."""
        whole, first = self.term["exact"].norm, self.gradients["1"].distance
        off, apart = self.term["2"].distance, self.gradients["2"].distance
        if whole == 0.0 or off is None or first is None or apart is None:
            return ["The second-order term is zero here: first order gives the exact gradient."]
        if off <= NEAR:
            said = [
                f"The finite difference is within {off:.1%} of the exact term: order 2 can be trusted here."
            ]
        else:
            said = [
                f"The finite difference is off by {_times(off)} the exact term: kinks (ReLU, max pooling) lie",
                f"closer than r = {self.r:g}, or it is lost in rounding.",
            ]
        if first <= NEAR:
            said.append(
                f"First order is within {first:.1%} of the exact gradient, at a fraction of the cost."
            )
        else:
            said.append(f"First order is off by {_times(first)} the exact gradient.")
        if off > NEAR:
            nearer = "no nearer" if apart >= first else "still nearer"
            said.append(f"Order 2 is {nearer} to the exact gradient than first order.")
        return said


@undisturbed()
def check_gradients(job: Job, config: SearchConfig) -> Comparison:
    """The alpha gradient of a search's first step in each order, at the same weights and on the same batches.

    Raises SpecError, UserError as a search does; also where a loss or gradient is not finite.
    """
    config = replace(config, device=chosen(config.device))
    if job.given.data is None:
        locate(config.data, job.picked().takes)
    model = from_plan(job.spec, job.plan(config.partial), Build.of(config), job.plugins)
    data = data_of(model, config, job.given)
    with own_generators(config.device), blamed(model.plugins):
        session = session_of(model, config, data, given=job.given)
        if not session.method.alphas_learn:
            raise UserError(
                f"the relaxation `{config.relaxation}` learns no alphas, and has no gradients of them",
                "give another relaxation or method",
            )
        session.begin_epoch()
        train, validation = session.draw(next(iter(session.batches)))
        stepper = session.stepper
        stepper.finite.at_once = True
        scheduled = Scheduled(**session.numbers)
        try:
            found = {
                order: replace(stepper, method=replace(stepper.method, order=order)).gradient(
                    train, validation, 0, scheduled
                )
                for order in ORDERS
            }
        except NonFiniteError as fault:
            raise UserError(
                f"the {fault.quantity} is not finite", "try a lower lr, or --dtype float64"
            ) from None
    gradients = {order: _flat(gradient.gradients) for order, gradient in found.items()}
    terms = {
        order: gradient.scale * _flat(gradient.product)
        for order, gradient in found.items()
        if gradient.product is not None
    }
    return Comparison(
        model.plan.network.name,
        train.size,
        config.r,
        {order: Compared.of(gradient, gradients["exact"]) for order, gradient in gradients.items()},
        {order: Compared.of(term, terms["exact"]) for order, term in terms.items()},
        EXAMPLES[model.plan.input.kind],
    )


def _table(title: str, rows: Mapping[str, Compared]) -> list[str]:
    wide = max(len(title), *(len(name) for name in NAMES.values()))
    lines = [f"{title:<{wide}}  {'norm':>9}  {'distance from exact':>19}  {'cosine':>8}"]
    for name, row in rows.items():
        apart = "-" if row.distance is None else f"{row.distance:.3g}"
        cosine = "-" if row.cosine is None else f"{row.cosine:.4f}"
        lines.append(f"{NAMES[name]:<{wide}}  {row.norm:>9.3e}  {apart:>19}  {cosine:>8}")
    return lines


def _times(ratio: float) -> str:
    return f"{ratio:.3g} times" if ratio >= 1 else f"{ratio:.1%} of"


def _flat(gradients: Sequence[Tensor]) -> Tensor:
    return torch.cat([gradient.flatten() for gradient in gradients]).double()
