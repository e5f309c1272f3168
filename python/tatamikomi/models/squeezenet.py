"""SqueezeNet: AlexNet's accuracy with a fiftieth of its parameters."""

from __future__ import annotations

from collections.abc import Sequence

from tatamikomi.autograd import Tensor, cat
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import Conv2d, Dropout, Flatten, GlobalAvgPool, MaxPool2d, Module, ReLU, Sequential, init
from tatamikomi.random import Generator


class Fire(Module):
    """Few channels by 1 x 1, then many, half of them by 1 x 1 and half by 3 x 3, each with ReLU.

    Shape: x (N, in_channels, H, W) -> y (N, 2 * expand, H, W).
    """

    def __init__(self, in_channels: int, squeeze: int, expand: int, generator: Generator | None = None) -> None:
        super().__init__()
        self.squeeze = Conv2d(in_channels, squeeze, 1, activation="relu", generator=generator)
        self.expand1x1 = Conv2d(squeeze, expand, 1, activation="relu", generator=generator)
        self.expand3x3 = Conv2d(squeeze, expand, 3, padding=1, activation="relu", generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, 2 * expand, H, W)."""
        few = self.squeeze(x)
        return cat([self.expand1x1(few), self.expand3x3(few)], 1)


class SqueezeNet(Module):
    """A convolution, eight Fire modules with three max poolings between, a convolution to the classes, their means.

    Names and initial values as torchvision's: its state loads.

    Args:
        num_classes, in_channels, generator: as `create`.
        first: (channels, kernel_size) of the first convolution, with stride 2.
        fires: for each part between two poolings, the (squeeze, expand) of its Fire modules.
        dropout: before the last convolution, in training.

    Shape: x (N, in_channels, H, W), at least 17 x 17, 21 x 21 for 1.0 -> logits (N, num_classes), which are >= 0.

    Source: F. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and < 0.5 MB model size",
    arXiv:1602.07360, 2016; 1.1 is its authors' later version.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        first: tuple[int, int] = (64, 3),
        fires: Sequence[Sequence[tuple[int, int]]] = (
            ((16, 64), (16, 64)),
            ((32, 128), (32, 128)),
            ((48, 192), (48, 192), (64, 256), (64, 256)),
        ),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        channels, size = first
        features: list[Module] = [Conv2d(in_channels, channels, size, 2, generator=generator), ReLU()]
        for part in fires:
            features.append(MaxPool2d(3, 2, ceil_mode=True))
            for squeeze, expand in part:
                features.append(Fire(channels, squeeze, expand, generator))
                channels = 2 * expand
        self.features = Sequential(*features)
        last = Conv2d(channels, num_classes, 1, generator=generator)
        self.classifier = Sequential(Dropout(dropout), last, ReLU(), GlobalAvgPool(), Flatten())
        for layer in self.modules():
            if isinstance(layer, Conv2d):
                if layer is last:
                    init.normal_(layer.weight, 0.0, 0.01, generator)
                else:
                    init.kaiming_uniform_(layer.weight, generator=generator)
                if layer.bias is not None:
                    init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes)."""
        y: Tensor = self.classifier(self.features(x))
        return y


register_variant(
    "squeezenet1_0",
    SqueezeNet,
    first=(96, 7),
    fires=(
        ((16, 64), (16, 64), (32, 128)),
        ((32, 128), (48, 192), (48, 192), (64, 256)),
        ((64, 256),),
    ),
)
register_variant("squeezenet1_1", SqueezeNet)
