"""Operations of convolutional networks on Tensors: torch.nn.functional's names, argument order and defaults."""

from __future__ import annotations

from tatamikomi.functional.activation import add_relu, log_softmax, relu, sigmoid, softmax, tanh
from tatamikomi.functional.conv import conv1d, conv2d, conv3d, fold, unfold
from tatamikomi.functional.dropout import dropout
from tatamikomi.functional.linear import linear
from tatamikomi.functional.loss import cross_entropy, mse_loss
from tatamikomi.functional.norm import batch_norm
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

__all__ = [
    "add_relu",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "conv1d",
    "conv2d",
    "conv3d",
    "cross_entropy",
    "dropout",
    "fold",
    "global_avg_pool",
    "global_max_pool",
    "linear",
    "log_softmax",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
    "mse_loss",
    "relu",
    "sigmoid",
    "softmax",
    "tanh",
    "unfold",
]
