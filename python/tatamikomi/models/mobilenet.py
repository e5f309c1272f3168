"""MobileNet, first and second version."""

from __future__ import annotations

from collections.abc import Sequence

from tatamikomi.autograd import Tensor
from tatamikomi.models.common import ImageClassifier, conv_norm, divisible, start
from tatamikomi.models.registry import register
from tatamikomi.nn import BatchNorm2d, Conv2d, Dropout, Linear, Module, ReLU6, Sequential
from tatamikomi.random import Generator


@register("mobilenet_v1")
class MobileNetV1(ImageClassifier):
    """Depthwise separable convolutions: each channel on its own by 3 x 3, then all mixed by 1 x 1.

    568,740,352 multiplications and additions for an image of 224 x 224.

    Args:
        num_classes, in_channels, generator: as `create`.
        width_mult: the paper's alpha, by which all widths are multiplied.
        dropout: before the linear layer, in training.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes); H = W = 224 in the paper, others as well.

    Source: A. Howard et al., "MobileNets: efficient convolutional neural networks for mobile vision applications",
    arXiv:1704.04861, 2017, table 1.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        width_mult: float = 1.0,
        dropout: float = 0.001,
    ) -> None:
        super().__init__()
        channels = divisible(32 * width_mult)
        features = [conv_norm(in_channels, channels, 3, 2, generator=generator)]
        for width, stride in [
            (64, 1),
            (128, 2),
            (128, 1),
            (256, 2),
            (256, 1),
            (512, 2),
            *[(512, 1)] * 5,
            (1024, 2),
            (1024, 1),
        ]:
            out_channels = divisible(width * width_mult)
            depthwise = conv_norm(channels, channels, 3, stride, channels, generator=generator)
            features.append(Sequential(depthwise, conv_norm(channels, out_channels, 1, generator=generator)))
            channels = out_channels
        self.features = Sequential(*features)
        self.classifier = Sequential(Dropout(dropout), Linear(channels, num_classes, generator=generator))
        start(self, generator, linear_std=0.01)


class InvertedResidual(Module):
    """Widened by 1 x 1, each channel on its own by 3 x 3, narrowed by 1 x 1 without activation; plus x where that fits.

    Shape: x (N, in_channels, H, W) -> y (N, out_channels, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, expand_ratio: int, generator: Generator | None = None
    ) -> None:
        super().__init__()
        middle = in_channels * expand_ratio
        layers: list[Module] = []
        if expand_ratio != 1:
            layers.append(conv_norm(in_channels, middle, 1, activation=ReLU6, generator=generator))
        layers += [
            conv_norm(middle, middle, 3, stride, middle, activation=ReLU6, generator=generator),
            Conv2d(middle, out_channels, 1, bias=False, generator=generator),
            BatchNorm2d(out_channels),
        ]
        self.conv = Sequential(*layers)
        self.residual = stride == 1 and in_channels == out_channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, oH, oW)."""
        y: Tensor = self.conv(x)
        return x + y if self.residual else y


@register("mobilenet_v2")
class MobileNetV2(ImageClassifier):
    """Inverted residuals with linear bottlenecks, with torchvision's names and initial values.

    Args:
        num_classes, in_channels, generator: as `create`.
        width_mult: by which all widths are multiplied, the last one not below 1280.
        blocks: rows (expand_ratio, channels, count, stride): `count` blocks, the first with `stride`.
        dropout: before the linear layer, in training.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes); H = W = 224 in the paper, others as well.

    Source: M. Sandler et al., "MobileNetV2: inverted residuals and linear bottlenecks", CVPR 2018, table 2.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        width_mult: float = 1.0,
        blocks: Sequence[tuple[int, int, int, int]] = (
            (1, 16, 1, 1),
            (6, 24, 2, 2),
            (6, 32, 3, 2),
            (6, 64, 4, 2),
            (6, 96, 3, 1),
            (6, 160, 3, 2),
            (6, 320, 1, 1),
        ),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        channels, last = divisible(32 * width_mult), divisible(1280 * max(1.0, width_mult))
        features: list[Module] = [conv_norm(in_channels, channels, 3, 2, activation=ReLU6, generator=generator)]
        for expand_ratio, width, count, stride in blocks:
            out_channels = divisible(width * width_mult)
            for i in range(count):
                step = 1 if i else stride
                features.append(InvertedResidual(channels, out_channels, step, expand_ratio, generator))
                channels = out_channels
        features.append(conv_norm(channels, last, 1, activation=ReLU6, generator=generator))
        self.features = Sequential(*features)
        self.classifier = Sequential(Dropout(dropout), Linear(last, num_classes, generator=generator))
        start(self, generator, linear_std=0.01)
