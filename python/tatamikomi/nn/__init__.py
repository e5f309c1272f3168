"""Layers: modules with parameters, named as in torch.nn; `init` initialises, `utils` clips gradients and freezes."""

from __future__ import annotations

from tatamikomi.autograd import Parameter
from tatamikomi.nn import init, utils
from tatamikomi.nn.activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from tatamikomi.nn.container import ModuleList, Sequential
from tatamikomi.nn.conv import Conv1d, Conv2d, Conv3d
from tatamikomi.nn.dropout import Dropout
from tatamikomi.nn.linear import Linear
from tatamikomi.nn.loss import CrossEntropyLoss, KLDivLoss, NLLLoss
from tatamikomi.nn.loss_binary import BCELoss, BCEWithLogitsLoss, SoftMarginLoss
from tatamikomi.nn.loss_regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from tatamikomi.nn.module import Module
from tatamikomi.nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from tatamikomi.nn.norm_group import (
    GroupNorm,
    InstanceNorm1d,
    InstanceNorm2d,
    InstanceNorm3d,
    LayerNorm,
    LocalResponseNorm,
    RMSNorm,
)
from tatamikomi.nn.pool import (
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    GlobalAvgPool,
    GlobalMaxPool,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from tatamikomi.nn.pool_adaptive import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    LPPool1d,
    LPPool2d,
    LPPool3d,
    MaxUnpool1d,
    MaxUnpool2d,
    MaxUnpool3d,
)
from tatamikomi.nn.shape import Flatten, Identity

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "GroupNorm",
    "HuberLoss",
    "Identity",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "KLDivLoss",
    "L1Loss",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "LayerNorm",
    "Linear",
    "LocalResponseNorm",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
    "Module",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "RMSNorm",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Tanh",
    "init",
    "utils",
]
