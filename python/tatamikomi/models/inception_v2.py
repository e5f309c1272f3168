"""Inception v2, also called BN-Inception: GoogLeNet with batch normalisation, and 3 x 3 twice for 5 x 5."""

from __future__ import annotations

from tatamikomi.autograd import Tensor, cat
from tatamikomi.models.common import start
from tatamikomi.models.googlenet import basic_conv
from tatamikomi.models.registry import register
from tatamikomi.nn import AvgPool2d, GlobalAvgPool, Linear, MaxPool2d, Module, Sequential
from tatamikomi.random import Generator

Row = tuple[int, int, int, int, int, int]

# Outputs of 1 x 1; of 1 x 1 and the 3 x 3 after it; of 1 x 1 and the two 3 x 3 after it; of 1 x 1 after pooling.
# Without the first and the last, strides are 2 and the pooled channels pass through.
_ROWS: dict[str, Row] = {
    "inception3a": (64, 64, 64, 64, 96, 32),
    "inception3b": (64, 64, 96, 64, 96, 64),
    "inception3c": (0, 128, 160, 64, 96, 0),
    "inception4a": (224, 64, 96, 96, 128, 128),
    "inception4b": (192, 96, 128, 96, 128, 128),
    "inception4c": (160, 128, 160, 128, 160, 128),
    "inception4d": (96, 128, 192, 160, 192, 128),
    "inception4e": (0, 128, 192, 192, 256, 0),
    "inception5a": (352, 192, 320, 160, 224, 128),
    "inception5b": (352, 192, 320, 192, 224, 128),
}


class _Block(Module):
    """One row of the table.

    Shape: x (N, in_channels, H, W) -> y (N, out_channels, H, W), or half of H and W, rounded up.

    Attributes:
        out_channels: of y.
    """

    def __init__(self, in_channels: int, row: Row, pool: Module, generator: Generator | None) -> None:
        super().__init__()
        one, few2, many2, few3, many3, pooled = row
        stride = 1 if one else 2
        self.branch1 = basic_conv(in_channels, one, 1, generator=generator) if one else None
        self.branch2 = Sequential(
            basic_conv(in_channels, few2, 1, generator=generator),
            basic_conv(few2, many2, 3, stride, 1, generator),
        )
        self.branch3 = Sequential(
            basic_conv(in_channels, few3, 1, generator=generator),
            basic_conv(few3, many3, 3, 1, 1, generator),
            basic_conv(many3, many3, 3, stride, 1, generator),
        )
        projection = [basic_conv(in_channels, pooled, 1, generator=generator)] if pooled else []
        self.branch4 = Sequential(pool, *projection)
        self.out_channels = one + many2 + many3 + (pooled or in_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, oH, oW)."""
        first = [] if self.branch1 is None else [self.branch1(x)]
        return cat([*first, self.branch2(x), self.branch3(x), self.branch4(x)], 1)


@register("inception_v2")
class InceptionV2(Module):
    """Three convolutions and ten blocks of the table in figure 5 of the paper on batch normalisation, means, linear.

    The table is taken as printed: 128 channels of projection make 608 of the outputs of inception4c and 4d, which it
    calls 576, and 1056 of inception4e. The first convolution is a plain one. That is 11,285,224 parameters; with biases
    of all convolutions, 10,016, it is the 11,295,240 known of "BNInception" in torch. What "Rethinking the Inception
    architecture" calls Inception v2 is another network, on the way to v3.

    Args:
        num_classes, in_channels, generator: as `create`.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes); H = W = 224 in the paper, others as well.

    Source: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing internal
    covariate shift", ICML 2015.
    """

    def __init__(self, num_classes: int = 1000, in_channels: int = 3, generator: Generator | None = None) -> None:
        super().__init__()
        self.conv1 = basic_conv(in_channels, 64, 7, 2, 3, generator)
        self.maxpool1 = MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = basic_conv(64, 64, 1, generator=generator)
        self.conv3 = basic_conv(64, 192, 3, 1, 1, generator)
        self.maxpool2 = MaxPool2d(3, 2, ceil_mode=True)
        channels = 192
        for name, row in _ROWS.items():
            pool: Module = AvgPool2d(3, 1, 1)
            if name == "inception5b" or not row[0]:
                pool = MaxPool2d(3, 1, 1) if row[0] else MaxPool2d(3, 2, 1)
            block = _Block(channels, row, pool, generator)
            self.add_module(name, block)
            channels = block.out_channels
        self.avgpool = GlobalAvgPool()
        self.fc = Linear(channels, num_classes, generator=generator)
        start(self, generator, mode="fan_in", linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes)."""
        for name in ("conv1", "maxpool1", "conv2", "conv3", "maxpool2", *_ROWS):
            x = getattr(self, name)(x)
        y: Tensor = self.fc(self.avgpool(x).flatten(1))
        return y
