"""Names that other tools use, and what they are called here: operations, arguments, settings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping


def plain(name: str) -> str:
    """A name without its case and its underscores: `Batch_Size` and `batchsize` are one."""
    return name.replace("_", "").lower()


def _table(rows: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """Names, separated by blanks, to what they are here."""
    return {plain(name): here for names, here in rows for name in names.split()}


_MERGES = _table(
    (
        ("add plus addition elementwise_add total sums", "sum"),
        ("cat concatenate concatenation stack join merge cat_channels concats", "concat"),
        ("mul multiply prod times multiplication", "product"),
        ("avg average", "mean"),
        ("interp mix blend", "lerp"),
    )
)

_EXTERN = (
    "there is no such operation: compose it with `op`, or write it in Python and declare it with `extern op`"
)

_OPERATIONS = _table(
    (
        ("conv2d conv1d convolution convolution2d", "a convolution is written `conv(k)`, for example `conv(3)`"),
        (
            "depthwise_conv depthwise_conv2d depthwise depth_conv group_conv",
            "a depthwise convolution is written `dwconv(k)`, for example `dwconv(3)`",
        ),
        ("separable_conv2d separable_conv sepconv2d", "std/cnn has `sep_conv(k)`, for example `sep_conv(3)`"),
        ("dilated_conv atrous_conv", "write `conv(3, dilation = 2)`, or `dil_conv(3)` of std/cnn"),
        ("re_lu", "write `relu`"),
        (
            "relu6 gelu silu swish elu selu leaky_relu prelu mish hard_swish hardswish hardtanh softplus glu",
            "the activations are `relu`, `sigmoid` and `tanh`; for another, declare an `extern op`",
        ),
        ("activation act nonlinearity", "the activations are `relu`, `sigmoid` and `tanh`"),
        (
            "batch_norm batch_norm2d batch_normalization bn2d norm",
            "batch normalisation is written `bn`",
        ),
        ("layer_norm group_norm instance_norm", f"the only normalisation is `bn`; {_EXTERN}"),
        ("max_pool2d max_pooling max_pooling2d pool pooling", "a pool is written `max_pool(3)` or `avg_pool(3)`"),
        ("avg_pool2d average_pooling2d average_pool mean_pool", "a pool is written `max_pool(3)` or `avg_pool(3)`"),
        (
            "gap global_pool global_average_pool global_average_pooling global_average_pooling2d "
            "adaptive_avg_pool adaptive_avg_pool2d global_avg_pool2d",
            "the mean over the image is written `global_avg_pool`",
        ),
        (
            "dense fc fully_connected classifier inner_product logits",
            "a linear layer is written `linear(outputs)`, for example `linear(10)`",
        ),
        (
            "flatten reshape view squeeze",
            "leave it out: `global_avg_pool > linear(10)` gives a vector",
        ),
        (
            "softmax log_softmax cross_entropy logsoftmax",
            "leave it out: the loss applies it; a head ends with `linear(classes)`",
        ),
        (
            "dropout dropout2d spatial_dropout drop",
            "there is none for images: `train { drop_path = 0.2 }` drops whole paths; "
            "vectors and sequences have `locked_dropout(p)`",
        ),
        ("drop_path stochastic_depth", "it is a setting: `train { drop_path = 0.2 }`"),
        (
            "skip shortcut residual skip_connection noop no_op passthrough id",
            "what passes its input on is `skip_connect` of std/cnn, or `identity`",
        ),
        ("zero zeroize zeros empty nothing", "the operation that gives zeros is `none`"),
        ("max maximum", "the merges are `sum`, `concat`, `mean`, `product` and `lerp`; a pool is `max_pool(3)`"),
        ("sequential compose chain seq pipeline", "a chain is written `a > b`"),
        ("module_list mixed_op one_of choice choose select", "a choice is written `a | b`"),
        ("repeat", "a repetition is written `a*n`"),
        ("if", "a choice by stride is written `match stride { 1 => a, 2 => b }`"),
        ("lstm gru rnn", "`scan` runs a recurrent cell along a text; std/rnn has one"),
        ("embed embedding2d", "an embedding is written `embedding(vocab)`"),
        ("se squeeze_excite squeeze_excitation", "write `product(identity, global_avg_pool > conv(1) > sigmoid)`"),
        (
            "upsample interpolate conv_transpose2d deconv attention self_attention multihead_attention "
            "channel_shuffle shuffle pixel_shuffle pad zero_pad2d",
            _EXTERN,
        ),
    )
)  # fmt: skip

# Names that hold a kernel, with its digits in the group `k`, and how that is written here.
_SIZED: tuple[tuple[str, str], ...] = (
    (r"nor_?conv_?(?P<k>\d+)x(?P=k)", "NAS-Bench-201's name for `relu_conv_bn({k})` of std/cnn"),
    (r"conv(?:olution)?_?(?P<k>\d+)(?:x(?P=k))?(?:_?bn)?(?:_?relu)?", "write `conv({k})`"),
    (r"(?:dw|depth_?wise)_?(?:conv)?_?(?P<k>\d+)(?:x(?P=k))?", "write `dwconv({k})`"),
    (r"sep_?(?:conv)?_?(?P<k>\d+)(?:x(?P=k))?", "write `sep_conv({k})`, of std/cnn"),
    (r"dil_?(?:conv)?_?(?P<k>\d+)(?:x(?P=k))?", "write `dil_conv({k})`, of std/cnn"),
    (r"max_?pool(?:ing)?_?(?P<k>\d+)(?:x(?P=k))?", "write `max_pool({k})`, or `max_pool_3x3` of std/cnn"),
    (r"(?:avg|average|mean)_?pool(?:ing)?_?(?P<k>\d+)(?:x(?P=k))?",
     "write `avg_pool({k})`, or `avg_pool_3x3` of std/cnn"),
)  # fmt: skip

# Arguments: the parameter that is meant, or what to do instead.
_PARAMETERS = _table(
    (
        ("kernel_size kernel ksize size filter_size window window_size pool_size kernel_shape", "k"),
        (
            "out_channels filters channels out_features units features num_classes classes n_classes "
            "nclasses output_dim outputs width c_out cout planes out_planes embedding_dim dim",
            "out",
        ),
        ("dilation_rate dil rate dilations", "dilation"),
        ("num_embeddings vocab_size words tokens n_tokens", "vocab"),
        ("p prob dropout_rate rate", "p"),
        ("probability drop", "dropout"),
    )
)
_NO_PARAMETERS = _table(
    (
        ("padding pad same", "leave it out: the padding keeps the size of the image"),
        (
            "in_channels in_features input_shape c_in cin input_dim num_features in_planes",
            "leave it out: the width that arrives is known",
        ),
        ("bias use_bias", "leave it out: a convolution has no bias, since `bn` follows it"),
        ("groups", "leave it out: `dwconv(k)` is depthwise; for other groups, declare an `extern op`"),
        ("eps momentum affine track_running_stats", "leave it out: eps is 1e-5 and momentum 0.1"),
        ("activation act nonlinearity", "chain the activation after it: `a > relu`"),
        ("norm normalization batch_norm", "chain it after the operation: `a > bn`"),
        ("inplace name dtype device", "leave it out"),
        ("expansion expand_ratio expand", "write the width as an argument: `out = 4*C`"),
    )
)

_SETTINGS = _table(
    (
        ("learning_rate initial_lr base_lr w_lr lr_w weights_lr eta lrate step_size", "lr"),
        (
            "arch_lr arch_learning_rate alpha_lr lr_alpha lr_arch alphas_learning_rate architecture_lr "
            "alpha_learning_rate",
            "alphas_lr",
        ),
        ("arch_weight_decay alphas_weight_decay alpha_decay arch_decay alpha_weight_decay", "alphas_decay"),
        ("wd l2 l2_reg weights_decay w_weight_decay l2_penalty regularization", "weight_decay"),
        ("criterion objective loss_function", "loss"),  # darts 2; an earlier file has no such setting
        ("batch_size bs minibatch mini_batch train_batch_size batchsize", "batch"),
        (
            "num_epochs n_epochs max_epochs nepochs epoch iterations num_iterations max_steps steps iters "
            "total_epochs rounds",
            "epochs",
        ),
        ("grad_clip clip_grad gradient_clip max_norm clip_norm gradient_clipping grad_norm", "clip"),
        ("learning_rate_min min_lr lr_end eta_min final_lr", "lr_min"),
        ("random_seed rng manual_seed random_state", "seed"),
        ("dataset data_dir data_path root datadir train_data path dataset_name data_set folder", "data"),
        ("gpu gpus gpu_id cuda use_cuda accelerator use_gpu", "device"),
        ("train_portion train_split val_split validation_split portion", "split"),
        ("unrolled second_order unroll", "order"),
        ("partial_connection is_partial_connection channel_proportion", "partial"),
        ("edge_normalization edge_norm edge_normalisation", "edge_weights"),
        ("cutout_length cutout_size", "cutout"),
        ("auxiliary_weight aux aux_weight", "auxiliary"),
        ("drop_path_prob drop_path_rate droppath stochastic_depth", "drop_path"),
        ("smoothing label_smooth", "label_smoothing"),
        ("num_workers n_workers threads loader_workers", "workers"),
        ("fp16 half mixed_precision precision autocast bf16", "amp"),
        ("warmup_epochs warm_up warmup_steps", "warmup"),
        ("beta betas alphas_beta arch_betas beta1", "alphas_betas"),
        ("random_crop", "crop"),
        ("hflip horizontal_flip random_flip", "flip"),
        ("seq_len sequence_length seq_length", "bptt"),
        ("lr_schedule scheduler lr_scheduler", "schedule"),
    )
)
_NO_SETTINGS = _table(
    (
        (
            "init_channels channels layers num_layers nodes num_nodes width c n",
            "it is a parameter of the network: `network small(C = 16, n = 2)`, and `--set C=16` changes it",
        ),
        ("num_classes classes n_classes", "the head of the network says it: `head global_avg_pool > linear(10)`"),
        (
            "optimizer optim algorithm optimiser",
            "leave it out: the weights are trained by SGD (`lr`, `momentum`), the alphas by Adam (`alphas_lr`)",
        ),
        ("loss criterion metric metrics objective loss_function", "leave it out: the loss is the cross-entropy"),
        (
            "log_dir save output out out_dir output_dir exp_name checkpoint checkpoint_dir save_dir name",
            "leave it out: the run folder is named by the option `--out`",
        ),
        ("verbose print_freq report_freq log_interval debug", "leave it out: every epoch is reported"),
        ("patience early_stopping", "leave it out: a run takes all of its `epochs`"),
        ("model arch architecture network cell", "leave it out: the network is declared in this file"),
        ("augment augmentation data_augmentation transforms", "images are augmented by `crop`, `flip` and `cutout`"),
        ("shuffle", "leave it out: training data is always shuffled"),
    )
)  # fmt: skip

_COPIES = ("copy", "clone", "deepcopy", "copyof", "like", "same")
_ALL = ("any", "every", "each", "everything", "inputs", "nodes")  # for `all`

# Values of settings: what stands in other tools, and here.
_VALUES: Mapping[tuple[str, str], str] = {
    **{("device", word): '"cuda"' for word in ("gpu", "GPU", "CUDA", "nvidia")},
    **{("dtype", word): '"float32"' for word in ("float", "fp32", "single", "torch.float32")},
    **{("dtype", word): '"float64"' for word in ("double", "fp64", "torch.float64")},
    **{("order", word): "1" for word in ("first", "1st", "one")},
    **{("order", word): "2" for word in ("second", "2nd", "two", "unrolled")},
}


def merge(name: str) -> str | None:
    """The merge that a name means."""
    return _MERGES.get(plain(name))


# From version 2 on.
_OPERATIONS_2 = _table(
    (
        (
            "elu selu leaky_relu prelu mish hardtanh softplus glu activation act nonlinearity",
            "the activations are `relu`, `relu6`, `sigmoid`, `tanh`, `silu`, `gelu`, `hard_swish` and `hard_sigmoid`; "
            "for another, declare an `extern op`",
        ),
        ("re_lu6", "write `relu6`"),
        ("swish", "write `silu`"),
        ("h_swish", "write `hard_swish`"),
        ("hsigmoid", "write `hard_sigmoid`"),
        ("ln layernorm1d layernorm2d", "write `layer_norm`"),
        ("gn", "write `group_norm(groups)`"),
        (
            "instance_norm norm",
            f"the normalisations are `bn`, `layer_norm` and `group_norm(groups)`; {_EXTERN}",
        ),
        ("dropout2d spatial_dropout drop", "dropout is written `dropout(p)`"),
        (
            "self_attention multihead_attention multi_head_attention mha scaled_dot_product_attention",
            "write `attention(heads)`",
        ),
        ("positional_encoding positional_embedding pos_embedding pos_embed", "write `position_embedding`"),
    )
)


def later_operation(name: str) -> str | None:
    """What to write in a file of `darts 2` where it is not what `operation` says."""
    return _OPERATIONS_2.get(plain(name))


def operation(name: str) -> str | None:
    """What to write for the name of an operation in another tool."""
    if (merged := merge(name)) is not None:
        return f"results are merged by `{merged}(a, b)`"
    for pattern, here in _SIZED:
        found = re.fullmatch(pattern, name.lower())
        if found is not None:
            return here.format_map(found.groupdict())
    return _OPERATIONS.get(plain(name))


def parameter(name: str, known: Iterable[str]) -> str | None:
    """The parameter, one of `known`, that the name of an argument means."""
    here = _PARAMETERS.get(plain(name))
    return here if here is not None and here in known else None


def no_parameter(name: str) -> str | None:
    """What to do with an argument that nothing here has."""
    return _NO_PARAMETERS.get(plain(name))


def setting(name: str) -> str | None:
    """The setting that a name means, of `search` or of `train`."""
    return _SETTINGS.get(plain(name))


def no_setting(name: str) -> str | None:
    """What to do with a setting that neither `search` nor `train` has."""
    return _NO_SETTINGS.get(plain(name))


def literal(name: str) -> str | None:
    """What to write for a value that other languages have a word for."""
    return {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}.get(name)


def cell(name: str) -> str | None:
    """What to write for a name that makes a cell of another."""
    return "a cell like another is written `cell b = a`" if plain(name) in _COPIES else None


def means_all(name: str) -> bool:
    """Whether the name of a node was meant for `all`."""
    return name.lower() in _ALL


def value(name: str, given: object) -> str | None:
    """What to write for the value of a setting."""
    return _VALUES.get((name, given)) if isinstance(given, str) else None
