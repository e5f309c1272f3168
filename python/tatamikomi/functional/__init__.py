"""Operations of convolutional networks on Tensors: torch.nn.functional's names, argument order and defaults."""

from __future__ import annotations

from tatamikomi.functional.activation import add_relu, glu, log_softmax, relu, sigmoid, softmax, softmin, tanh
from tatamikomi.functional.activation_piecewise import (
    hardshrink,
    hardsigmoid,
    hardswish,
    hardtanh,
    leaky_relu,
    prelu,
    relu6,
    rrelu,
    softshrink,
    step,
    threshold,
)
from tatamikomi.functional.activation_smooth import (
    celu,
    elu,
    gelu,
    logsigmoid,
    mish,
    selu,
    silu,
    softplus,
    softsign,
    tanhshrink,
)
from tatamikomi.functional.conv import conv1d, conv2d, conv3d, true_conv2d
from tatamikomi.functional.conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from tatamikomi.functional.dropout import (
    alpha_dropout,
    drop_connect,
    drop_path,
    dropout,
    dropout1d,
    dropout2d,
    dropout3d,
    feature_alpha_dropout,
)
from tatamikomi.functional.embedding import embedding, one_hot
from tatamikomi.functional.linear import bilinear, linear
from tatamikomi.functional.local import locally_connected2d
from tatamikomi.functional.loss import cross_entropy, kl_div, nll_loss
from tatamikomi.functional.loss_binary import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    dice_loss,
    focal_loss,
    soft_margin_loss,
)
from tatamikomi.functional.loss_ctc import ctc_loss
from tatamikomi.functional.loss_margin import (
    cosine_embedding_loss,
    hinge_embedding_loss,
    margin_ranking_loss,
    triplet_margin_loss,
)
from tatamikomi.functional.loss_regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from tatamikomi.functional.norm import batch_norm
from tatamikomi.functional.norm_group import group_norm, instance_norm, layer_norm, rms_norm
from tatamikomi.functional.norm_local import local_response_norm, normalize
from tatamikomi.functional.pad import pad
from tatamikomi.functional.pool import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    global_avg_pool,
    global_max_pool,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from tatamikomi.functional.pool_adaptive import (
    adaptive_avg_pool1d,
    adaptive_avg_pool2d,
    adaptive_avg_pool3d,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
)
from tatamikomi.functional.pool_power import lp_pool1d, lp_pool2d, lp_pool3d
from tatamikomi.functional.pool_unpool import max_unpool1d, max_unpool2d, max_unpool3d
from tatamikomi.functional.resize import interpolate, upsample, upsample_bilinear, upsample_nearest
from tatamikomi.functional.rnn import gru_cell, lstm_cell, rnn_relu_cell, rnn_tanh_cell
from tatamikomi.functional.sample import affine_grid, grid_sample
from tatamikomi.functional.shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle
from tatamikomi.functional.similarity import cosine_similarity, pairwise_distance
from tatamikomi.functional.windows import fold, unfold

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "add_relu",
    "affine_grid",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dice_loss",
    "drop_connect",
    "drop_path",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "embedding",
    "feature_alpha_dropout",
    "focal_loss",
    "fold",
    "gelu",
    "global_avg_pool",
    "global_max_pool",
    "glu",
    "grid_sample",
    "group_norm",
    "gru_cell",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hinge_embedding_loss",
    "huber_loss",
    "instance_norm",
    "interpolate",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "linear",
    "local_response_norm",
    "locally_connected2d",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "lstm_cell",
    "margin_ranking_loss",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "relu",
    "relu6",
    "rms_norm",
    "rnn_relu_cell",
    "rnn_tanh_cell",
    "rrelu",
    "selu",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "step",
    "tanh",
    "tanhshrink",
    "threshold",
    "triplet_margin_loss",
    "true_conv2d",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]
