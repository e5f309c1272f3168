"""Operations of convolutional networks on Tensors: torch.nn.functional's names, argument order and defaults."""

from __future__ import annotations

from tatamikomi.functional.activation import add_relu, log_softmax, relu, sigmoid, softmax, tanh
from tatamikomi.functional.conv import conv1d, conv2d, conv3d, fold, unfold
from tatamikomi.functional.conv_transpose import conv_transpose1d, conv_transpose2d, conv_transpose3d
from tatamikomi.functional.dropout import dropout
from tatamikomi.functional.linear import linear
from tatamikomi.functional.loss import cross_entropy, kl_div, nll_loss
from tatamikomi.functional.loss_binary import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    dice_loss,
    focal_loss,
    soft_margin_loss,
)
from tatamikomi.functional.loss_regression import huber_loss, l1_loss, mse_loss, smooth_l1_loss
from tatamikomi.functional.norm import batch_norm
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
from tatamikomi.functional.resize import interpolate, upsample, upsample_bilinear, upsample_nearest
from tatamikomi.functional.sample import affine_grid, grid_sample
from tatamikomi.functional.shuffle import channel_shuffle, pixel_shuffle, pixel_unshuffle

__all__ = [
    "add_relu",
    "affine_grid",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dice_loss",
    "dropout",
    "focal_loss",
    "fold",
    "global_avg_pool",
    "global_max_pool",
    "grid_sample",
    "huber_loss",
    "interpolate",
    "kl_div",
    "l1_loss",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "nll_loss",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "relu",
    "sigmoid",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "tanh",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]
