"""Layers: modules with parameters, named as in torch.nn; `init` has the initialisers, `utils` clips gradients."""

from __future__ import annotations

from tatamikomi.autograd import Parameter
from tatamikomi.nn import init, utils
from tatamikomi.nn.activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from tatamikomi.nn.container import ModuleList, Sequential
from tatamikomi.nn.conv import Conv1d, Conv2d, Conv3d
from tatamikomi.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tatamikomi.nn.dropout import Dropout
from tatamikomi.nn.linear import Linear
from tatamikomi.nn.loss import CrossEntropyLoss, KLDivLoss, NLLLoss
from tatamikomi.nn.loss_binary import BCELoss, BCEWithLogitsLoss, SoftMarginLoss
from tatamikomi.nn.loss_regression import HuberLoss, L1Loss, MSELoss, SmoothL1Loss
from tatamikomi.nn.module import Module
from tatamikomi.nn.norm import BatchNorm1d, BatchNorm2d, BatchNorm3d
from tatamikomi.nn.pad import (
    CircularPad1d,
    CircularPad2d,
    CircularPad3d,
    ConstantPad1d,
    ConstantPad2d,
    ConstantPad3d,
    ReflectionPad1d,
    ReflectionPad2d,
    ReflectionPad3d,
    ReplicationPad1d,
    ReplicationPad2d,
    ReplicationPad3d,
    ZeroPad1d,
    ZeroPad2d,
    ZeroPad3d,
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
from tatamikomi.nn.resize import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d
from tatamikomi.nn.shape import Flatten, Identity
from tatamikomi.nn.shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle

__all__ = [
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "ChannelShuffle",
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CrossEntropyLoss",
    "Dropout",
    "Flatten",
    "GlobalAvgPool",
    "GlobalMaxPool",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "Linear",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "ModuleList",
    "NLLLoss",
    "Parameter",
    "PixelShuffle",
    "PixelUnshuffle",
    "ReLU",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "Sequential",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "Tanh",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
    "init",
    "utils",
]
