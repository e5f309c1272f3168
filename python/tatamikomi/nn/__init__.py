"""Layers: modules with parameters, named as in torch.nn; `init` has initialisers, `utils` clips and parametrizes."""

from __future__ import annotations

from tatamikomi.autograd import Parameter
from tatamikomi.nn import init, utils
from tatamikomi.nn.activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from tatamikomi.nn.blocks import ASPP, SeparableConv2d, SqueezeExcitation
from tatamikomi.nn.collection import ModuleDict, ParameterDict, ParameterList
from tatamikomi.nn.container import ModuleList, Sequential
from tatamikomi.nn.conv import Conv1d, Conv2d, Conv3d
from tatamikomi.nn.dropout import Dropout
from tatamikomi.nn.lazy import (
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyBatchNorm3d,
    LazyConv1d,
    LazyConv2d,
    LazyConv3d,
    LazyLinear,
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
    "ASPP",
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
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyLinear",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "ReLU",
    "SeparableConv2d",
    "Sequential",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "SqueezeExcitation",
    "Tanh",
    "init",
    "utils",
]
