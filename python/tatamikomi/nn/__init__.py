"""Layers: modules with parameters, named as in torch.nn; `init` has the initialisers, `utils` clips gradients."""

from __future__ import annotations

from tatamikomi.autograd import Parameter
from tatamikomi.nn import init, utils
from tatamikomi.nn.activation import LogSoftmax, ReLU, Sigmoid, Softmax, Tanh
from tatamikomi.nn.blocks import ASPP, SeparableConv2d, SqueezeExcitation
from tatamikomi.nn.collection import ModuleDict, ParameterDict, ParameterList
from tatamikomi.nn.container import ModuleList, Sequential
from tatamikomi.nn.conv import Conv1d, Conv2d, Conv3d
from tatamikomi.nn.conv_transpose import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d
from tatamikomi.nn.dropout import Dropout
from tatamikomi.nn.embedding import Embedding
from tatamikomi.nn.lazy import (
    LazyBatchNorm1d,
    LazyBatchNorm2d,
    LazyBatchNorm3d,
    LazyConv1d,
    LazyConv2d,
    LazyConv3d,
    LazyLinear,
)
from tatamikomi.nn.linear import Bilinear, Linear
from tatamikomi.nn.local import LocallyConnected2d
from tatamikomi.nn.loss import CrossEntropyLoss, CTCLoss, KLDivLoss, NLLLoss
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
from tatamikomi.nn.resize import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d
from tatamikomi.nn.rnn import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell
from tatamikomi.nn.shape import Flatten, Identity
from tatamikomi.nn.shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle
from tatamikomi.nn.similarity import CosineSimilarity, PairwiseDistance

__all__ = [
    "ASPP",
    "GRU",
    "LSTM",
    "RNN",
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
    "Bilinear",
    "CTCLoss",
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
    "CosineSimilarity",
    "CrossEntropyLoss",
    "Dropout",
    "Embedding",
    "Flatten",
    "GRUCell",
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
    "LSTMCell",
    "LayerNorm",
    "LazyBatchNorm1d",
    "LazyBatchNorm2d",
    "LazyBatchNorm3d",
    "LazyConv1d",
    "LazyConv2d",
    "LazyConv3d",
    "LazyLinear",
    "Linear",
    "LocalResponseNorm",
    "LocallyConnected2d",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
    "Module",
    "ModuleDict",
    "ModuleList",
    "NLLLoss",
    "PairwiseDistance",
    "Parameter",
    "ParameterDict",
    "ParameterList",
    "PixelShuffle",
    "PixelUnshuffle",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "SeparableConv2d",
    "Sequential",
    "Sigmoid",
    "SmoothL1Loss",
    "SoftMarginLoss",
    "Softmax",
    "SqueezeExcitation",
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
