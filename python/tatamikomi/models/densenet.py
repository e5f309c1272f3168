"""DenseNet: every layer sees the outputs of all layers before it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor, cat
from tatamikomi.models.common import ImageClassifier, start
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import AvgPool2d, BatchNorm2d, Conv2d, Linear, MaxPool2d, Module, Sequential, checks, init
from tatamikomi.random import Generator


class DenseLayer(Module):
    """Normalisation, ReLU and convolution, of 1 x 1 and then of 3 x 3, to `growth_rate` new channels.

    Shape: x (N, in_channels, H, W) -> y (N, growth_rate, H, W).
    """

    def __init__(
        self, in_channels: int, growth_rate: int, bn_size: int, drop_rate: float, generator: Generator | None = None
    ) -> None:
        super().__init__()
        middle = bn_size * growth_rate
        self.norm1 = BatchNorm2d(in_channels, activation="relu")
        self.conv1 = Conv2d(in_channels, middle, 1, bias=False, generator=generator)
        self.norm2 = BatchNorm2d(middle, activation="relu")
        self.conv2 = Conv2d(middle, growth_rate, 3, padding=1, bias=False, generator=generator)
        self.drop_rate = checks.probability("DenseLayer", "drop_rate", drop_rate)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, growth_rate, H, W)."""
        y: Tensor = self.conv2(self.norm2(self.conv1(self.norm1(x))))
        return F.dropout(y, self.drop_rate, self.training) if self.drop_rate else y


class DenseBlock(Module):
    """Layers, each of which gets x and the outputs of all layers before it, as does what follows.

    Shape: x (N, in_channels, H, W) -> y (N, in_channels + layers * growth_rate, H, W).
    """

    def __init__(
        self,
        in_channels: int,
        layers: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        for i in range(layers):
            layer = DenseLayer(in_channels + i * growth_rate, growth_rate, bn_size, drop_rate, generator)
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, in_channels + layers * growth_rate, H, W)."""
        for layer in self.children():
            x = cat([x, layer(x)], 1)
        return x


class DenseNet(ImageClassifier):
    """Four dense blocks; between two of them, half of the channels on half of the size.

    Names and initial values as torchvision's: its state loads.

    Args:
        num_classes, in_channels, generator: as `create`.
        growth_rate: channels that each layer adds, the paper's k.
        layers: of each block.
        first: channels of the first convolution.
        bn_size: channels between a layer's two convolutions, over `growth_rate`.
        drop_rate: dropout after each layer, in training.

    Shape: x (N, in_channels, H, W), at least 29 x 29 -> logits (N, num_classes); H = W = 224 in the paper.

    Source: G. Huang, Z. Liu, L. van der Maaten, K. Weinberger, "Densely connected convolutional networks", CVPR 2017,
    table 1.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        growth_rate: int = 32,
        layers: Sequence[int] = (6, 12, 24, 16),
        first: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0.0,
    ) -> None:
        super().__init__()
        features: OrderedDict[str, Module] = OrderedDict(
            conv0=Conv2d(in_channels, first, 7, 2, 3, bias=False, generator=generator),
            norm0=BatchNorm2d(first, activation="relu"),
            pool0=MaxPool2d(3, 2, 1),
        )
        channels = first
        for i, count in enumerate(layers, 1):
            features[f"denseblock{i}"] = DenseBlock(channels, count, growth_rate, bn_size, drop_rate, generator)
            channels += count * growth_rate
            if i < len(layers):
                features[f"transition{i}"] = Sequential(
                    OrderedDict(
                        norm=BatchNorm2d(channels, activation="relu"),
                        conv=Conv2d(channels, channels // 2, 1, bias=False, generator=generator),
                        pool=AvgPool2d(2),
                    )
                )
                channels //= 2
        features[f"norm{len(layers) + 1}"] = BatchNorm2d(channels, activation="relu")
        self.features = Sequential(features)
        self.classifier = Linear(channels, num_classes, generator=generator)
        start(self, generator, mode="fan_in")
        if self.classifier.bias is not None:
            init.zeros_(self.classifier.bias)


register_variant("densenet121", DenseNet, layers=(6, 12, 24, 16))
register_variant("densenet161", DenseNet, layers=(6, 12, 36, 24), growth_rate=48, first=96)
register_variant("densenet169", DenseNet, layers=(6, 12, 32, 32))
register_variant("densenet201", DenseNet, layers=(6, 12, 48, 32))
