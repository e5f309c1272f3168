"""Layers: modules with parameters, named as in torch.nn; `init` has the initialisers, `utils` clips gradients."""

from __future__ import annotations

from tatamikomi.autograd import Parameter
from tatamikomi.nn import init, utils
from tatamikomi.nn.activation import GLU, LogSoftmax, ReLU, Sigmoid, Softmax, Softmax2d, Softmin, Tanh
from tatamikomi.nn.activation_piecewise import (
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    PReLU,
    ReLU6,
    RReLU,
    Softshrink,
    Step,
    Threshold,
)
from tatamikomi.nn.activation_smooth import (
    CELU,
    ELU,
    GELU,
    SELU,
    LogSigmoid,
    Mish,
    SiLU,
    Softplus,
    Softsign,
    Tanhshrink,
)
from tatamikomi.nn.container import ModuleList, Sequential
from tatamikomi.nn.conv import Conv1d, Conv2d, Conv3d
from tatamikomi.nn.dropout import (
    AlphaDropout,
    DropConnect,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    DropPath,
    FeatureAlphaDropout,
    SpatialDropout,
)
from tatamikomi.nn.linear import Linear
from tatamikomi.nn.loss import CrossEntropyLoss, KLDivLoss, NLLLoss
from tatamikomi.nn.loss_binary import BCELoss, BCEWithLogitsLoss, SoftMarginLoss
from tatamikomi.nn.loss_regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from tatamikomi.nn.module import Module
from tatamikomi.nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
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
from tatamikomi.nn.shape import Flatten, Identity

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "AlphaDropout",
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
    "DropConnect",
    "DropPath",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
    "Flatten",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Mish",
    "Module",
    "ModuleList",
    "NLLLoss",
    "PReLU",
    "Parameter",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "SpatialDropout",
    "Step",
    "Tanh",
    "Tanhshrink",
    "Threshold",
    "init",
    "utils",
]
