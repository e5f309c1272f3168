"""ShuffleNet v2: half of the channels pass by, and a shuffle mixes them with the others."""

from __future__ import annotations

from collections.abc import Sequence

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor, cat
from tatamikomi.errors import bad_value
from tatamikomi.models.common import conv_norm
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import BatchNorm2d, Conv2d, GlobalAvgPool, Linear, MaxPool2d, Module, ReLU, Sequential
from tatamikomi.random import Generator


def _pointwise(in_channels: int, out_channels: int, generator: Generator | None) -> list[Module]:
    return [Conv2d(in_channels, out_channels, 1, bias=False, generator=generator), BatchNorm2d(out_channels), ReLU()]


def _depthwise(channels: int, stride: int, generator: Generator | None) -> list[Module]:
    conv = Conv2d(channels, channels, 3, stride, 1, 1, channels, bias=False, generator=generator)
    return [conv, BatchNorm2d(channels)]


class ShuffleUnit(Module):
    """Stride 1: one half of the channels as it is, the other through branch2. Stride 2: x through both branches.

    Both halves, one after another, are then shuffled in two groups.

    Shape: x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int, generator: Generator | None = None) -> None:
        super().__init__()
        half = out_channels // 2
        self.stride = stride
        if stride > 1:
            self.branch1 = Sequential(
                *_depthwise(in_channels, stride, generator), *_pointwise(in_channels, half, generator)
            )
        self.branch2 = Sequential(
            *_pointwise(in_channels if stride > 1 else half, half, generator),
            *_depthwise(half, stride, generator),
            *_pointwise(half, half, generator),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, oH, oW)."""
        if self.stride > 1:
            left, right = self.branch1(x), self.branch2(x)
        else:
            left, right = x.split(x.shape[1] // 2, 1)
            right = self.branch2(right)
        return F.channel_shuffle(cat([left, right], 1), 2)


class ShuffleNetV2(Module):
    """A convolution and max pooling, three stages of units, a convolution of 1 x 1, means of the channels, linear.

    Names and initial values as torchvision's: its state loads.

    Args:
        num_classes, in_channels, generator: as `create`.
        repeats: units of each stage, the first one with stride 2.
        widths: channels of the first convolution, of each stage (even) and of the last convolution.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes); H = W = 224 in the paper, others as well.

    Source: N. Ma, X. Zhang, H.-T. Zheng, J. Sun, "ShuffleNet V2: practical guidelines for efficient CNN architecture
    design", ECCV 2018, table 5.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        repeats: Sequence[int] = (4, 8, 4),
        widths: Sequence[int] = (24, 116, 232, 464, 1024),
    ) -> None:
        super().__init__()
        if len(repeats) != 3:
            raise bad_value("ShuffleNetV2", "repeats", repeats, "three integers")
        if len(widths) != 5 or any(width % 2 for width in widths):
            raise bad_value("ShuffleNetV2", "widths", widths, "five even integers")
        self.conv1 = conv_norm(in_channels, widths[0], 3, 2, generator=generator)
        self.maxpool = MaxPool2d(3, 2, 1)
        channels = widths[0]
        for i, (count, width) in enumerate(zip(repeats, widths[1:4], strict=True), 2):
            units = []
            for j in range(count):
                units.append(ShuffleUnit(channels, width, 1 if j else 2, generator))
                channels = width
            self.add_module(f"stage{i}", Sequential(*units))
        self.conv5 = conv_norm(channels, widths[4], 1, generator=generator)
        self.avgpool = GlobalAvgPool()
        self.fc = Linear(widths[4], num_classes, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes)."""
        x = self.stage4(self.stage3(self.stage2(self.maxpool(self.conv1(x)))))
        y: Tensor = self.fc(self.avgpool(self.conv5(x)).flatten(1))
        return y


register_variant("shufflenet_v2", ShuffleNetV2)
register_variant("shufflenet_v2_x0_5", ShuffleNetV2, widths=(24, 48, 96, 192, 1024))
register_variant("shufflenet_v2_x1_5", ShuffleNetV2, widths=(24, 176, 352, 704, 1024))
register_variant("shufflenet_v2_x2_0", ShuffleNetV2, widths=(24, 244, 488, 976, 2048))
