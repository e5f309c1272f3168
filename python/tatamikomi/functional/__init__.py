"""Operations of convolutional networks on Tensors: torch.nn.functional's names, argument order and defaults."""

from __future__ import annotations

from tatamikomi.functional.activation import add_relu, log_softmax, relu, sigmoid, softmax, tanh
from tatamikomi.functional.conv import conv1d, conv2d, conv3d, fold, unfold
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
from tatamikomi.functional.norm_group import group_norm, instance_norm, layer_norm, rms_norm
from tatamikomi.functional.norm_local import local_response_norm, normalize
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

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "add_relu",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "conv1d",
    "conv2d",
    "conv3d",
    "cross_entropy",
    "dice_loss",
    "dropout",
    "focal_loss",
    "fold",
    "global_avg_pool",
    "global_max_pool",
    "group_norm",
    "huber_loss",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "linear",
    "local_response_norm",
    "log_softmax",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mse_loss",
    "nll_loss",
    "normalize",
    "relu",
    "rms_norm",
    "sigmoid",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "tanh",
    "unfold",
]
