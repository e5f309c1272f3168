"""What the networks share: convolution with normalisation, widths that are multiples of 8, initial values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tatamikomi.autograd import Tensor
from tatamikomi.nn import (
    AdaptiveAvgPool2d,
    BatchNorm2d,
    Conv2d,
    Conv3d,
    Flatten,
    GlobalAvgPool,
    Linear,
    Module,
    ReLU,
    Sequential,
    init,
)
from tatamikomi.random import Generator

M = TypeVar("M", bound=Module)
Layer = Callable[[], Module]
Norm = Callable[[int], Module]


class ImageClassifier(Module):
    """`features`, means of `pooled` x `pooled` places, `classifier` on all of them in one row.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes).
    """

    features: Sequential
    classifier: Module

    def __init__(self, pooled: int = 1) -> None:
        super().__init__()
        self.avgpool = GlobalAvgPool() if pooled == 1 else AdaptiveAvgPool2d(pooled)
        self.flatten = Flatten()

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes)."""
        y: Tensor = self.classifier(self.flatten(self.avgpool(self.features(x))))
        return y


def conv_norm(
    in_channels: int,
    out_channels: int,
    kernel_size: int = 3,
    stride: int = 1,
    groups: int = 1,
    *,
    activation: Layer | None = ReLU,
    norm: Norm = BatchNorm2d,
    generator: Generator | None = None,
) -> Sequential:
    """Convolution without bias, padded so that stride 1 keeps the size, then normalisation, then activation: keys "0"
    and "1"."""
    conv = Conv2d(
        in_channels, out_channels, kernel_size, stride, kernel_size // 2, 1, groups, bias=False, generator=generator
    )
    after = [] if activation is None else [activation()]
    return Sequential(conv, norm(out_channels), *after)


def divisible(width: float, divisor: int = 8) -> int:
    """The multiple of `divisor` nearest to a scaled width, the next one up where that loses more than a tenth.

    >>> divisible(32 * 1.1), divisible(12.0), divisible(11.9)
    (32, 16, 16)
    """
    nearest = max(divisor, int(width + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * width else nearest


def start(net: M, generator: Generator | None, *, mode: str = "fan_out", linear_std: float | None = None) -> M:
    """Initial values in the order of the layers; returns `net`.

    Convolutions get He's normal weights, with n_out unless `mode` is "fan_in", and zero biases; so do linear layers
    with the standard deviation `linear_std`, or they keep their own where that is None.
    """
    for layer in net.modules():
        if isinstance(layer, (Conv2d, Conv3d)):
            init.kaiming_normal_(layer.weight, mode=mode, generator=generator)
        elif isinstance(layer, Linear) and linear_std is not None:
            init.normal_(layer.weight, 0.0, linear_std, generator)
        else:
            continue
        if layer.bias is not None:
            init.zeros_(layer.bias)
    return net
