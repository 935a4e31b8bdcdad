"""The settings of a search: `search {}`, and the options of `dartsl search`."""

from __future__ import annotations

from dataclasses import dataclass

from dartsl.lang.settings.fields import of_images, of_labelled, of_maps, of_text, of_vectors, setting
from dartsl.lang.settings.methods import (
    ADVERSARIAL,
    CROSS_ENTROPY,
    DARTS,
    LOSSES,
    NEVER,
    NO_PERTURBATION,
    NORMAL,
    PERTURBATION,
    RANDOM,
    SAMPLED,
    SOFTMAX,
    ZERO,
)
from dartsl.lang.settings.schedules import Schedule
from dartsl.lang.settings.stages import CARRIED, FRESH, Stages


@dataclass(frozen=True)
class SearchConfig:
    """Settings of `dartsl search`.

    The defaults are DARTS's for CIFAR-10, those for networks of text its for Penn Treebank (arXiv 1806.09055, A.1
    and A.2): `search_config` gives them.
    """

    method: str = setting(
        DARTS,
        "which method's settings stand in place of the defaults; `dartsl methods` says what",
        names="method",
    )
    order: str = setting(
        "1",
        "how the alpha gradient is computed: first order, second order, or exact",
        values=("1", "2", "exact"),
    )
    steps_first: str = setting(
        "alphas",
        "which step of the two is taken first, so that the other one sees what it changed",
        values=("alphas", "weights"),
    )
    epochs: int = setting(
        50, "passes over the weights' half of the training data (text: all of it)", low=1, high=1_000_000
    )
    batch: int = setting(64, "images per step, from each half; for text, parallel rows", low=1, text=256)
    warmup: int = setting(0, "initial epochs in which only the weights are trained", low=0)
    lr: float = setting(0.025, "initial learning rate of the weights", low=0, open_low=True, text=20.0)
    lr_min: float = of_labelled(0.001, "final learning rate of the weights' cosine schedule", low=0)
    momentum: float = setting(0.9, "momentum of the weights' SGD", low=0, high=1, text=0.0)
    nesterov: bool = setting(
        False, "let the weights' SGD take Nesterov's momentum, which a step looks ahead by"
    )
    weight_decay: float = setting(3e-4, "L2 decay of the weights", low=0, text=5e-7)
    clip: float = setting(5.0, "maximum norm of the weights' gradient; 0 for no clipping", low=0, text=0.25)
    alphas_lr: float = setting(3e-4, "learning rate of the alphas' Adam", low=0, open_low=True, text=3e-3)
    alphas_betas: tuple[float, ...] = setting(
        (0.5, 0.999), "betas of the alphas' Adam", low=0, high=1, text=(0.9, 0.999)
    )
    alphas_clip: float = setting(
        0.0, "maximum norm of the alphas' gradient, that of penalties included; 0 for no clipping", low=0
    )
    alphas_decay: float = setting(1e-3, "L2 decay of the alphas", low=0)
    r: float = setting(
        0.01, "norm of the weights' perturbation in the finite difference (order 2)", low=0, open_low=True
    )
    split: float = of_labelled(
        0.5,
        "fraction of the training data that trains weights; the rest trains alphas",
        low=0,
        high=1,
        open_low=True,
    )
    crop: int = of_images(
        4, "padding, in pixels, of the random crop; 0 for none", low=0, high=256, series=0, vectors=0
    )
    flip: bool = of_images(True, "flip images left to right at random", series=False, vectors=False)
    cutout: int = of_images(
        0, "side, in pixels, of the square that cutout blanks; 0 for none", low=0, high=1_000_000
    )
    mean: tuple[float, ...] = of_labelled(
        (), "mean of each channel (of uint8 in 0..1); empty: measured on the training images"
    )
    std: tuple[float, ...] = of_labelled(
        (),
        "standard deviation of each channel (of uint8 in 0..1); empty: measured on the training images",
        low=0,
    )
    stream: str = of_images(
        "auto",
        "read a folder's images as they are needed; auto: if they take more than 2 GiB",
        values=("auto", "always", "never"),
    )
    workers: int = of_images(4, "processes that read a streamed folder; 0 for none", low=0, high=1024)
    level: str = of_text("word", "split a text into words or characters", values=("word", "char"))
    bptt: int = of_text(
        0,
        "words (or characters) per window of text; 0: as the network's `tokens` says",
        low=0,
        high=1_000_000,
    )
    short_windows: float = of_text(0.05, "probability that a training window is half as long", low=0, high=1)
    ar: float = of_text(
        0.0, "activation regularisation: factor of the mean square of the outputs after dropout", low=0
    )
    tar: float = of_text(
        1e-3,
        "temporal activation regularisation: factor of the mean square of the change of the outputs",
        low=0,
    )
    relaxation: str = setting(
        SOFTMAX, "how the mixing weights are computed from the alphas", names="relaxation"
    )
    alphas_start: str = setting(
        NORMAL, "where alphas begin: normal: 1e-3 N(0, 1), as in DARTS; zero: at 0", values=(NORMAL, ZERO)
    )
    temperature: Schedule = setting(
        Schedule(10.0, 1.0, "linear"), "temperature of a relaxation that draws", low=0, open_low=True
    )
    penalty: tuple[str, ...] = setting(
        (), "what is added to the validation loss for the alphas", names="penalty"
    )
    beta_decay_weight: float = setting(
        50.0, "factor of the penalty `beta_decay`: epoch e of E, from 0, has e / E of it", low=0
    )
    zero_one_weight: float = setting(10.0, "factor of the penalty `zero_one`", low=0)
    kl_weight: float = setting(1e-3, "factor of the penalty `kl`", low=0)
    entropy_weight: float = setting(0.1, "factor of the penalty `entropy`", low=0)
    cost: str = of_labelled(
        "multiply_adds",
        "what the penalty `cost` counts, or a file in which costs stand (`dartsl latency`); in a spec its path starts "
        "from the spec",
        values=("multiply_adds", "parameters"),
        suffix=".json",
    )
    target: float = of_labelled(0.0, "what the found network is to cost, for the penalty `cost`", low=0)
    cost_mode: str = of_labelled(
        "add",
        "add: costs below the target are rewarded as those above are punished; hinge: they are not; mul: the "
        "validation loss is multiplied by cost_factor (log cost / log target)^cost_exponent (ProxylessNAS)",
        values=("add", "hinge", "mul"),
    )
    cost_weight: float = of_labelled(0.1, "factor of the penalty `cost` where it is added", low=0)
    cost_factor: float = of_labelled(0.2, "factor of the loss in `cost_mode = mul`", low=0, open_low=True)
    cost_exponent: float = of_labelled(0.3, "exponent of the logarithms' ratio in `cost_mode = mul`", low=0)
    stop: str = setting(NEVER, "when a search ends before its last epoch", names="stop")
    stop_skips: int = setting(
        2, "skip connections in a derived cell at which the rule `skips` ends a search", low=1
    )
    stop_epochs: int = setting(
        10, "epochs with the same ranking of the alphas after which the rule `stable` ends a search", low=2
    )
    stop_ratio: float = setting(
        1.3,
        "growth of the mean curvature above which the rule `curvature` ends a search",
        low=0,
        open_low=True,
    )
    stop_window: int = setting(5, "values of the curvature in each mean that it compares", low=1)
    stop_lag: int = setting(4, "values of the curvature from one of these means to the other", low=1)
    stop_earliest: int = setting(10, "initial epochs whose architecture it never returns", low=0)
    rollback: bool = setting(
        False,
        "where the rule `curvature` would end a search, go back to the epoch that it returns, with more weight decay",
    )
    rollback_factor: float = setting(
        3.0, "factor of the weight decay each time a search goes back", low=1, open_low=True
    )
    rollback_most: float = setting(0.0243, "weight decay above which no search goes back", low=0)
    freeze: bool = of_labelled(
        False, "freeze operations whose gradients on training and validation batches disagree (OLES)"
    )
    freeze_threshold: float = setting(
        0.4,
        "mean similarity of these gradients below which an operation is frozen",
        low=-1,
        high=1,
        only=("images", "series", "vectors"),
    )
    freeze_steps: int = of_labelled(20, "steps over which that mean is taken", low=1, high=1_000_000)
    curvature: int = setting(
        0,
        "epochs from one computation of the curvature to the next, the largest eigenvalue of the validation loss's "
        "Hessian in the alphas; 0 for none",
        low=0,
    )
    edge_weights: bool = setting(
        False, "learn a weight for each edge, the softmax over the edges into a node (PC-DARTS)"
    )
    partial: int = of_maps(
        1,
        "mix one of so many parts of each edge's channels, in the search alone; the others pass by (PC-DARTS)",
        low=1,
        high=1_000_000,
    )
    perturb: str = setting(
        NO_PERTURBATION,
        "how mixing weights are perturbed while the network's weights are trained: random: by even draws from "
        "-epsilon to epsilon; adversarial: by up to epsilon, so that the training loss rises (SDARTS)",
        values=(NO_PERTURBATION, RANDOM, ADVERSARIAL),
    )
    perturb_steps: int = setting(
        7, "steps up the gradient of the training loss of `perturb = adversarial`", low=1
    )
    epsilon: Schedule = setting(
        Schedule(0.03, 0.3, "toward"), "by how much mixing weights are perturbed at most", low=0, high=1
    )
    auxiliary_skip: bool = setting(
        False, "add a skip connection to every edge that offers a choice, in the search alone (DARTS-)"
    )
    auxiliary_skip_weight: Schedule = setting(
        Schedule(1.0, 0.0, "toward"), "what that skip connection is multiplied by", low=0
    )
    skip_dropout: float = of_labelled(
        0.0,
        "rate of dropout after the skip connections of edges that offer a choice, which fades over the epochs, in the "
        "search alone (P-DARTS); 0 for none",
        low=0,
        high=1,
    )
    derive: str = setting(
        "connected",
        "how cells are derived from the mixing weights: connected: the likeliest cells whose output depends on the "
        "input; argmax: the strongest operations, even where it does not; threshold: of these, those that weigh "
        "enough; perturbation: the search goes on, and each edge keeps what is missed most (DARTS-PT); sampled: the "
        "best of many random architectures, by the weights that they share (Li and Talwalkar)",
        values=("connected", "argmax", "threshold", PERTURBATION, SAMPLED),
    )
    projection_interval: int = setting(
        5, "epochs from one decision of `derive = perturbation` to the next", low=1
    )
    samples: int = setting(
        1000, "random architectures that `derive = sampled` measures", low=1, high=1_000_000
    )
    sample_batches: int = setting(
        10,
        "validation batches that it measures each of them on, before the ten best are measured on all; 0: all of them",
        low=0,
        text=0,
    )
    threshold: float = setting(
        0.85, "mixing weight below which `derive = threshold` keeps no edge", low=0, high=1
    )
    skip_limit: int = setting(
        -1, "most skip connections in a derived cell, the weakest taken out; -1 for no limit", low=-1
    )
    stages: Stages = setting(
        Stages(),
        "stages, each with the most candidates that an edge keeps, its epochs and parameters of the network, such as "
        "`stage(keep = 5, epochs = 25, n = 3)`; with other `epochs` each has its share of these",
    )
    stages_start: str = setting(
        FRESH,
        "how a stage begins: fresh: with new weights and alphas, schedules and a new learning rate (P-DARTS); kept: "
        "with those of the stage before, over one schedule (DrNAS)",
        values=(FRESH, CARRIED),
    )
    seed: int = setting(0, "seed of everything random", low=0)
    loss: str = of_labelled(
        CROSS_ENTROPY,
        "what is minimised: cross_entropy, of classes; mse: the mean squared error of numbers, of which the head gives "
        "one a target. It counts for search and training alike",
        values=LOSSES,
        since=2,
    )
    target_column: tuple[str, ...] = of_vectors(
        (), "column of a table (.csv) that is to be predicted; of numbers there may be several", words=True
    )
    drop_column: tuple[str, ...] = of_vectors((), "columns of a table (.csv) that are left out", words=True)
    data: str = setting(
        "",
        "data set: `digits`, table: `breast_cancer`, `diabetes`, text: `markov`, or the path of a file or folder",
    )
    device: str = setting("auto", "torch device, such as `cpu` or `cuda:0`; auto: a GPU if there is one")
    dtype: str = setting(
        "float32", "floating-point type of weights and activations", values=("float32", "float64")
    )
    optimise: int = setting(
        2, "level of optimisation: the same mathematics, in less time and memory", low=0, high=2
    )
    amp: bool = setting(
        False,
        "compute convolutions in bfloat16; weights, alphas and batch norm's statistics stay float32. A cell took 1.4 "
        "times less time on an H200; whole steps were not measured there, and on a CPU they take more",
    )
    deterministic: bool = setting(
        False,
        "choose kernels that give the same bits every time: a run on a GPU goes on bit for bit, in more time",
    )
    memory: str = setting(
        "normal",
        "`low` recomputes each layer in the backward pass: less memory, more time",
        values=("normal", "low"),
    )
    graphs: bool = setting(
        True, "replay steps as CUDA graphs, on a GPU, where they can be captured; changes no result"
    )
    kernels: str = setting(
        "auto",
        "auto: on a GPU, dartsl's own kernels where they were measured to be faster there than torch's; off: never",
        values=("auto", "off"),
    )
    tensorboard: bool = setting(
        False, "also write event files into the run's `tensorboard/`; needs dartsl[tensorboard]"
    )
