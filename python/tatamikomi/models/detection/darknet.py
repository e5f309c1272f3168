"""CSPDarknet and the pyramid of YOLOX: features of three sizes, each with what the others know."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from functools import partial

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor, cat
from tatamikomi.nn import BatchNorm2d, Conv2d, Module, Sequential, SiLU
from tatamikomi.random import Generator

Conv = Callable[..., Module]


def base_conv(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 1,
    stride: int = 1,
    groups: int = 1,
    generator: Generator | None = None,
) -> Sequential:
    """Convolution, batch normalisation and SiLU; keys "conv" and "bn"."""
    conv = Conv2d(
        *(in_channels, out_channels, kernel_size, stride, kernel_size // 2, 1, groups), bias=False, generator=generator
    )
    return Sequential(OrderedDict(conv=conv, bn=BatchNorm2d(out_channels, eps=1e-3, momentum=0.03), act=SiLU()))


def depthwise_conv(
    in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, generator: Generator | None = None
) -> Sequential:
    """`base_conv` of each channel, then one of 1 x 1; keys "dconv" and "pconv"."""
    each = base_conv(in_channels, in_channels, kernel_size, stride, in_channels, generator)
    return Sequential(OrderedDict(dconv=each, pconv=base_conv(in_channels, out_channels, generator=generator)))


class Bottleneck(Module):
    """1 x 1, then 3 x 3, plus x where `shortcut`. Shape: x (N, channels, H, W) -> the same."""

    def __init__(self, channels: int, shortcut: bool, conv: Conv, generator: Generator | None = None) -> None:
        super().__init__()
        self.conv1 = base_conv(channels, channels, generator=generator)
        self.conv2 = conv(channels, channels, 3)
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same."""
        y: Tensor = self.conv2(self.conv1(x))
        return x + y if self.shortcut else y


class CSPLayer(Module):
    """Half of the channels through `blocks` bottlenecks, half past them, mixed by 1 x 1.

    Shape: x (N, in_channels, H, W) -> y (N, out_channels, H, W).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        blocks: int,
        shortcut: bool,
        conv: Conv,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        half = out_channels // 2
        self.conv1 = base_conv(in_channels, half, generator=generator)
        self.conv2 = base_conv(in_channels, half, generator=generator)
        self.conv3 = base_conv(2 * half, out_channels, generator=generator)
        self.m = Sequential(*(Bottleneck(half, shortcut, conv, generator) for _ in range(blocks)))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W)."""
        y: Tensor = self.conv3(cat([self.m(self.conv1(x)), self.conv2(x)], 1))
        return y


class Focus(Module):
    """Four pixels as channels of one, then a convolution. Shape: x (N, C, H, W), even -> (N, out, H / 2, W / 2)."""

    def __init__(self, in_channels: int, out_channels: int, generator: Generator | None = None) -> None:
        super().__init__()
        self.conv = base_conv(4 * in_channels, out_channels, 3, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H / 2, W / 2)."""
        corners = [x[..., down::2, across::2] for across in (0, 1) for down in (0, 1)]
        y: Tensor = self.conv(cat(corners, 1))
        return y


class SPPBottleneck(Module):
    """Largest values of 5 x 5, 9 x 9 and 13 x 13 beside x, between two 1 x 1. Shape: x (N, C, H, W) -> the same."""

    def __init__(self, channels: int, generator: Generator | None = None) -> None:
        super().__init__()
        self.conv1 = base_conv(channels, channels // 2, generator=generator)
        self.conv2 = base_conv(channels // 2 * 4, channels, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, channels, H, W) -> the same."""
        y = self.conv1(x)
        pooled = [F.max_pool2d(y, size, 1, size // 2) for size in (5, 9, 13)]
        z: Tensor = self.conv2(cat([y, *pooled], 1))
        return z


class CSPDarknet(Module):
    """Features at an eighth, a sixteenth and a thirty-second of the size, with 4, 8 and 16 times `base` channels."""

    def __init__(
        self, in_channels: int, base: int, blocks: int, conv: Conv, generator: Generator | None = None
    ) -> None:
        super().__init__()
        layer = partial(CSPLayer, conv=conv, generator=generator)
        self.stem = Focus(in_channels, base, generator)
        self.dark2 = Sequential(conv(base, 2 * base, 3, 2), layer(2 * base, 2 * base, blocks, True))
        self.dark3 = Sequential(conv(2 * base, 4 * base, 3, 2), layer(4 * base, 4 * base, 3 * blocks, True))
        self.dark4 = Sequential(conv(4 * base, 8 * base, 3, 2), layer(8 * base, 8 * base, 3 * blocks, True))
        self.dark5 = Sequential(
            conv(8 * base, 16 * base, 3, 2),
            SPPBottleneck(16 * base, generator),
            layer(16 * base, 16 * base, blocks, False),
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, in_channels, H, W) -> three, the largest first."""
        eighth = self.dark3(self.dark2(self.stem(x)))
        sixteenth = self.dark4(eighth)
        return [eighth, sixteenth, self.dark5(sixteenth)]


class PAFPN(Module):
    """CSPDarknet, then down the pyramid with upsampling and up again with strides; the same three shapes."""

    def __init__(
        self, in_channels: int, base: int, blocks: int, conv: Conv, generator: Generator | None = None
    ) -> None:
        super().__init__()
        few, some, many = 4 * base, 8 * base, 16 * base
        layer = partial(CSPLayer, blocks=blocks, shortcut=False, conv=conv, generator=generator)
        self.backbone = CSPDarknet(in_channels, base, blocks, conv, generator)
        self.lateral_conv0 = base_conv(many, some, generator=generator)
        self.C3_p4 = layer(2 * some, some)
        self.reduce_conv1 = base_conv(some, few, generator=generator)
        self.C3_p3 = layer(2 * few, few)
        self.bu_conv2 = conv(few, few, 3, 2)
        self.C3_n3 = layer(2 * few, some)
        self.bu_conv1 = conv(some, some, 3, 2)
        self.C3_n4 = layer(2 * some, many)

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, in_channels, H, W), H and W multiples of 32 -> three, the largest first."""
        eighth, sixteenth, last = self.backbone(x)
        top = self.lateral_conv0(last)
        middle = self.reduce_conv1(self.C3_p4(cat([F.interpolate(top, scale_factor=2), sixteenth], 1)))
        first = self.C3_p3(cat([F.interpolate(middle, scale_factor=2), eighth], 1))
        second = self.C3_n3(cat([self.bu_conv2(first), middle], 1))
        return [first, second, self.C3_n4(cat([self.bu_conv1(second), top], 1))]
