"""The settings of a training: `train {}`, and the options of `dartsl train`."""

from __future__ import annotations

from dataclasses import dataclass

from dartsl.lang.settings.fields import of_images, of_labelled, of_text, of_vectors, setting
from dartsl.lang.settings.methods import CROSS_ENTROPY, LOSSES


@dataclass(frozen=True)
class TrainConfig:
    """Settings of `dartsl train`.

    The defaults are DARTS's for CIFAR-10, those for networks of text its for Penn Treebank (arXiv 1806.09055):
    `train_config` gives them.
    """

    epochs: int = setting(600, "passes over the training data", low=1, high=1_000_000, text=8000)
    batch: int = setting(96, "images per step; for text, parallel rows", low=1, text=64)
    lr: float = setting(0.025, "initial learning rate", low=0, open_low=True, text=20.0)
    lr_min: float = of_labelled(0.0, "final learning rate of the cosine schedule", low=0)
    schedule: str = of_labelled("cosine", "how the learning rate falls", values=("cosine", "exponential"))
    decay: float = of_labelled(
        0.97, "factor per epoch of the exponential schedule", low=0, high=1, open_low=True
    )
    warmup: int = of_labelled(0, "epochs in which the learning rate rises linearly", low=0)
    momentum: float = setting(0.9, "momentum of SGD", low=0, high=1, text=0.0)
    weight_decay: float = setting(3e-4, "L2 decay of the weights", low=0, text=8e-7)
    clip: float = setting(5.0, "maximum norm of the gradient; 0 for no clipping", low=0, text=0.25)
    auxiliary: float = of_images(0.0, "weight of the auxiliary head's loss; 0 for no such head", low=0)
    drop_path: float = of_labelled(0.0, "drop-path probability at the last epoch", low=0, high=1)
    label_smoothing: float = of_labelled(0.0, "label smoothing", low=0, high=1)
    class_weights: str = of_labelled(
        "none",
        "weights of the classes in the training loss; balanced: images / (classes * images of the class)",
        values=("none", "balanced"),
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
    level: str = of_text("word", "split a text into words or characters", values=("word", "char"))
    bptt: int = of_text(
        0,
        "words (or characters) per window of text, on average; 0: as the network's `tokens` says",
        low=0,
        high=1_000_000,
    )
    short_windows: float = of_text(
        0.05, "probability that a training window is about half as long", low=0, high=1
    )
    ar: float = of_text(
        0.0, "activation regularisation: factor of the mean square of the outputs after dropout", low=0
    )
    tar: float = of_text(
        1e-3,
        "temporal activation regularisation: factor of the mean square of the change of the outputs",
        low=0,
    )
    asgd: bool = of_text(True, "average the weights (ASGD) once the validation loss no longer falls")
    nonmono: int = of_text(
        5,
        "last epochs left out of the minimum that the validation loss is compared with, to start ASGD",
        low=0,
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
    validation: float = of_labelled(
        0.1, "fraction of the training data, its last images, held out for validation", low=0, high=1
    )
    final: bool = of_labelled(False, "train on all training data, without validation")
    test: bool = setting(True, "measure the test data once, at the end; without it they are never looked at")
    accumulate: int = of_labelled(
        1, "number of parts that each batch is computed in, one after another, to save memory", low=1
    )
    ema: float = of_labelled(
        0.0,
        "decay of the evaluated moving average of weights, at most (1 + t) / (10 + t) after step t; 0 for none",
        low=0,
        high=1,
    )
    resized_crop: bool = of_images(False, "train on random resized crops (a folder of images)")
    jitter: tuple[float, ...] = of_images(
        (), "maximum random changes of brightness, contrast, saturation, hue (a folder of images)", low=0
    )
    resize: int = of_images(
        0, "shorter side before the centre crop in evaluation; 0: 8 / 7 of the crop", low=0, high=100_000
    )
    stream: str = of_images(
        "auto",
        "read a folder's images as they are needed; auto: if they take more than 2 GiB",
        values=("auto", "always", "never"),
    )
    workers: int = of_images(4, "processes that read a streamed folder; 0 for none", low=0, high=1024)
    dtype: str = setting(
        "float32", "floating-point type of weights and activations", values=("float32", "float64")
    )
    optimise: int = setting(
        2, "level of optimisation: the same mathematics, in less time and memory", low=0, high=2
    )
    amp: bool = of_labelled(
        False,
        "compute convolutions in a 16-bit type; weights and batch norm's statistics stay float32. A cell took 1.4 "
        "times less time on an H200; whole steps were not measured there, and on a CPU they take more",
    )
    amp_type: str = of_labelled(
        "bfloat16", "16-bit type of amp; float16 (on a GPU) scales the loss", values=("bfloat16", "float16")
    )
    compile: bool = of_labelled(False, "compile the network with torch.compile")
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
