"""VGG: convolutions of 3 x 3 and nothing else, then three linear layers."""

from __future__ import annotations

from collections.abc import Sequence

from tatamikomi.errors import bad_value
from tatamikomi.models.common import ImageClassifier, start
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import (
    BatchNorm2d,
    Conv2d,
    Dropout,
    Linear,
    MaxPool2d,
    Module,
    ReLU,
    Sequential,
)
from tatamikomi.random import Generator

_WIDTHS = (64, 128, 256, 512, 512)


class VGG(ImageClassifier):
    """Five stages of 3 x 3 convolutions, each ended by max pooling; two hidden linear layers with dropout.

    Names and initial values as torchvision's: its state loads.

    Args:
        num_classes, in_channels, generator: as `create`.
        layers: how many convolutions each of the five stages has, 64, 128, 256, 512 and 512 channels wide.
        batch_norm: whether batch normalisation follows each of them.
        dropout: after each hidden linear layer, in training.

    Shape: x (N, in_channels, H, W), at least 32 x 32 -> logits (N, num_classes); other sizes than 224 x 224 are brought
    to 7 x 7 by averages before the linear layers.

    Source: K. Simonyan, A. Zisserman, "Very deep convolutional networks for large-scale image recognition", ICLR 2015,
    table 1: columns A (vgg11), B (vgg13), D (vgg16) and E (vgg19).
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        layers: Sequence[int] = (2, 2, 3, 3, 3),
        batch_norm: bool = False,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(pooled=7)
        if len(layers) != len(_WIDTHS):
            raise bad_value("VGG", "layers", layers, "five integers")
        features: list[Module] = []
        channels = in_channels
        for width, count in zip(_WIDTHS, layers, strict=True):
            for _ in range(count):
                features.append(Conv2d(channels, width, 3, padding=1, generator=generator))
                features += [BatchNorm2d(width), ReLU()] if batch_norm else [ReLU()]
                channels = width
            features.append(MaxPool2d(2))
        self.features = Sequential(*features)
        self.classifier = Sequential(
            Linear(512 * 7 * 7, 4096, generator=generator),
            ReLU(),
            Dropout(dropout),
            Linear(4096, 4096, generator=generator),
            ReLU(),
            Dropout(dropout),
            Linear(4096, num_classes, generator=generator),
        )
        start(self, generator, linear_std=0.01)


for _name, _layers in {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}.items():
    register_variant(_name, VGG, layers=_layers)
    register_variant(f"{_name}_bn", VGG, layers=_layers, batch_norm=True)
