"""Settings of a search that do not go with one another, or with its network: refused, with the reason."""

from __future__ import annotations

from dartsl.lang.diagnostics import UserError
from dartsl.lang.methods import DIRICHLET, KL, NO_PERTURBATION, SIGMOID
from dartsl.lang.settings import SearchConfig
from dartsl.nn.supernet import Supernet
from dartsl.searching.cost import require_target


def require_usable(model: Supernet, config: SearchConfig) -> None:
    """Raises UserError for what would only fail, or mean nothing, after the first step."""
    if not model.alpha_parameters():
        raise UserError(
            f"network `{model.plan.network.name}` offers no choice: there is nothing to search",
            help="an edge offers a choice as in `edge c0 -> n0 : skip_connect | sep_conv_3x3`",
        )
    if not model.weights():
        raise UserError(f"network `{model.plan.network.name}` has no weights to train")
    if config.warmup >= config.epochs:
        raise UserError(
            f"warmup {config.warmup} of {config.epochs} epochs leaves none in which alphas are trained",
            help="give more epochs than warmup",
        )
    require_target(config, model.plan)
    _require_parts_that_go_together(config)
    if max(config.alphas_betas) >= 1:
        raise UserError("alphas_betas are two numbers from 0 to below 1", help="DARTS takes 0.5 and 0.999")
    if config.amp and config.dtype != "float32":
        raise UserError(f"amp computes in bfloat16, which does not go with dtype {config.dtype}", exit_code=2)


def _require_parts_that_go_together(config: SearchConfig) -> None:
    if config.perturb != NO_PERTURBATION and config.relaxation == SIGMOID:
        raise UserError(
            f"perturb = {config.perturb} does not go with the relaxation `{SIGMOID}`: its rows need not add up to 1",
            help="leave one of them out",
        )
    if KL in config.penalty and config.relaxation != DIRICHLET:
        raise UserError(
            f"the penalty `{KL}` is of Dirichlet distributions, and the relaxation `{config.relaxation}` has none",
            help=f"--relaxation {DIRICHLET}, or another penalty",
        )
    if KL in config.penalty and config.alphas_decay > 0:
        raise UserError(
            f"the penalty `{KL}` takes the place of the alphas' decay, which is {config.alphas_decay:g}",
            help="give --alphas-decay 0 with it, or leave the penalty out",
        )
