"""MobileNet, third version: found by search, with squeeze and excitation and h-swish."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from tatamikomi.autograd import Tensor
from tatamikomi.models.common import ImageClassifier, Layer, conv_norm, divisible, start
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import (
    BatchNorm2d,
    Dropout,
    Hardsigmoid,
    Hardswish,
    Linear,
    Module,
    ReLU,
    Sequential,
    SqueezeExcitation,
)
from tatamikomi.random import Generator

_NORM = partial(BatchNorm2d, eps=1e-3, momentum=0.01)


class Row(NamedTuple):
    """A block as the paper's tables have it: kernel, width inside, width after, whether squeeze and excitation and
    h-swish are used, stride."""

    kernel_size: int
    middle: int
    out_channels: int
    squeeze: bool
    swish: bool
    stride: int


LARGE = (
    Row(3, 16, 16, False, False, 1),
    Row(3, 64, 24, False, False, 2),
    Row(3, 72, 24, False, False, 1),
    Row(5, 72, 40, True, False, 2),
    Row(5, 120, 40, True, False, 1),
    Row(5, 120, 40, True, False, 1),
    Row(3, 240, 80, False, True, 2),
    Row(3, 200, 80, False, True, 1),
    Row(3, 184, 80, False, True, 1),
    Row(3, 184, 80, False, True, 1),
    Row(3, 480, 112, True, True, 1),
    Row(3, 672, 112, True, True, 1),
    Row(5, 672, 160, True, True, 2),
    Row(5, 960, 160, True, True, 1),
    Row(5, 960, 160, True, True, 1),
)
SMALL = (
    Row(3, 16, 16, True, False, 2),
    Row(3, 72, 24, False, False, 2),
    Row(3, 88, 24, False, False, 1),
    Row(5, 96, 40, True, True, 2),
    Row(5, 240, 40, True, True, 1),
    Row(5, 240, 40, True, True, 1),
    Row(5, 120, 48, True, True, 1),
    Row(5, 144, 48, True, True, 1),
    Row(5, 288, 96, True, True, 2),
    Row(5, 576, 96, True, True, 1),
    Row(5, 576, 96, True, True, 1),
)


class SqueezedResidual(Module):
    """An inverted residual, perhaps with squeeze and excitation before it is narrowed.

    Shape: x (N, in_channels, H, W) -> y (N, row.out_channels, ceil(H / row.stride), ceil(W / row.stride)).
    """

    def __init__(self, in_channels: int, row: Row, generator: Generator | None = None) -> None:
        super().__init__()
        activation: Layer = Hardswish if row.swish else ReLU
        conv = partial(conv_norm, activation=activation, norm=_NORM, generator=generator)
        layers: list[Module] = [] if row.middle == in_channels else [conv(in_channels, row.middle, 1)]
        layers.append(conv(row.middle, row.middle, row.kernel_size, row.stride, row.middle))
        if row.squeeze:
            narrow = divisible(row.middle // 4)
            layers.append(SqueezeExcitation(row.middle, narrow, scale_activation=Hardsigmoid, generator=generator))
        layers.append(conv(row.middle, row.out_channels, 1, activation=None))
        self.block = Sequential(*layers)
        self.residual = row.stride == 1 and in_channels == row.out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, oH, oW)."""
        y: Tensor = self.block(x)
        return x + y if self.residual else y


class MobileNetV3(ImageClassifier):
    """Rows of inverted residuals, a last convolution of 1 x 1, a hidden linear layer; torchvision's names and values.

    Args:
        num_classes, in_channels, generator: as `create`.
        rows: the blocks.
        hidden: outputs of the hidden linear layer.
        width_mult: by which all widths are multiplied, `hidden` as well.
        dropout: before the last linear layer, in training.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes); H = W = 224 in the paper, others as well.

    Source: A. Howard et al., "Searching for MobileNetV3", ICCV 2019, tables 1 and 2.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        rows: Sequence[Row] = LARGE,
        hidden: int = 1280,
        width_mult: float = 1.0,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        conv = partial(conv_norm, activation=Hardswish, norm=_NORM, generator=generator)
        channels = divisible(16 * width_mult)
        features: list[Module] = [conv(in_channels, channels, 3, 2)]
        for row in rows:
            middle, out_channels = divisible(row.middle * width_mult), divisible(row.out_channels * width_mult)
            features.append(
                SqueezedResidual(channels, row._replace(middle=middle, out_channels=out_channels), generator)
            )
            channels = out_channels
        features.append(conv(channels, 6 * channels, 1))
        self.features = Sequential(*features)
        between = divisible(hidden * width_mult)
        self.classifier = Sequential(
            Linear(6 * channels, between, generator=generator),
            Hardswish(),
            Dropout(dropout),
            Linear(between, num_classes, generator=generator),
        )
        start(self, generator, linear_std=0.01)


register_variant("mobilenet_v3_large", MobileNetV3, rows=LARGE, hidden=1280)
register_variant("mobilenet_v3_small", MobileNetV3, rows=SMALL, hidden=1024)
