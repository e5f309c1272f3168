"""Network in network: small networks as filters, and means of the channels in the place of linear layers."""

from __future__ import annotations

from tatamikomi.autograd import Tensor
from tatamikomi.models.common import start
from tatamikomi.models.registry import register
from tatamikomi.nn import AvgPool2d, Conv2d, Dropout, Flatten, GlobalAvgPool, MaxPool2d, Module, ReLU, Sequential
from tatamikomi.random import Generator


def _mlpconv(in_channels: int, widths: tuple[int, int, int], size: int, generator: Generator | None) -> list[Module]:
    """A convolution and two of 1 x 1: what slides over the image is a network of three layers."""
    layers: list[Module] = []
    for i, width in enumerate(widths):
        kernel = 1 if i else size
        layers += [Conv2d(in_channels, width, kernel, padding=kernel // 2, generator=generator), ReLU()]
        in_channels = width
    return layers


@register("nin")
class NIN(Module):
    """Three mlpconv layers with pooling and dropout between; the last one's channels are the classes, and their means
    the logits.

    Sizes are the authors' for CIFAR-10: 966,986 parameters. Initial values are He's.

    Args:
        num_classes, in_channels, generator: as `create`.
        dropout: after each pooling, in training.

    Shape: x (N, in_channels, H, W), at least 7 x 7 -> logits (N, num_classes), which are >= 0.

    Source: M. Lin, Q. Chen, S. Yan, "Network in network", ICLR 2014.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = Sequential(
            *_mlpconv(in_channels, (192, 160, 96), 5, generator),
            MaxPool2d(3, 2, ceil_mode=True),
            Dropout(dropout),
            *_mlpconv(96, (192, 192, 192), 5, generator),
            AvgPool2d(3, 2, ceil_mode=True),
            Dropout(dropout),
            *_mlpconv(192, (192, 192, num_classes), 3, generator),
        )
        self.classifier = Sequential(GlobalAvgPool(), Flatten())
        start(self, generator, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes)."""
        y: Tensor = self.classifier(self.features(x))
        return y
