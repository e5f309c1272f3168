"""AlexNet: as the 2012 paper has it, and as one GPU has it."""

from __future__ import annotations

from tatamikomi.models.common import ImageClassifier
from tatamikomi.models.registry import register
from tatamikomi.nn import (
    Conv2d,
    Dropout,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    ReLU,
    Sequential,
    init,
)
from tatamikomi.random import Generator


@register("alexnet")
class AlexNet(ImageClassifier):
    """AlexNet of one column: five convolutions, three of them with max pooling, and three linear layers.

    Names and initial values as torchvision's: its state loads. The pooling windows overlap.

    Args:
        num_classes, in_channels, generator: as `create`.
        dropout: before each hidden linear layer, in training.

    Shape: x (N, in_channels, H, W), at least 63 x 63, 224 x 224 in the paper -> logits (N, num_classes).

    Source: A. Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997, 2014.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(pooled=6)
        self.features = Sequential(
            Conv2d(in_channels, 64, 11, stride=4, padding=2, generator=generator),
            ReLU(),
            MaxPool2d(3, 2),
            Conv2d(64, 192, 5, padding=2, generator=generator),
            ReLU(),
            MaxPool2d(3, 2),
            Conv2d(192, 384, 3, padding=1, generator=generator),
            ReLU(),
            Conv2d(384, 256, 3, padding=1, generator=generator),
            ReLU(),
            Conv2d(256, 256, 3, padding=1, generator=generator),
            ReLU(),
            MaxPool2d(3, 2),
        )
        self.classifier = Sequential(
            Dropout(dropout),
            Linear(256 * 6 * 6, 4096, generator=generator),
            ReLU(),
            Dropout(dropout),
            Linear(4096, 4096, generator=generator),
            ReLU(),
            Linear(4096, num_classes, generator=generator),
        )


def _normalisation() -> LocalResponseNorm:
    """k = 2, n = 5, alpha = 1e-4 and beta = 0.75 of the paper, whose alpha is not divided by n."""
    return LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)


@register("alexnet_2012")
class AlexNet2012(ImageClassifier):
    """AlexNet as published: local response normalisation, overlapping pooling, and the groups of two GPUs.

    The second, fourth and fifth convolution see one half of the channels each, as each GPU did. Weights are normal with
    standard deviation 0.01; the biases of those three convolutions and of the hidden linear layers are 1, others 0.

    Args:
        num_classes, in_channels, generator: as `create`.
        dropout: after each hidden linear layer, in training.

    Shape: x (N, in_channels, H, W), at least 63 x 63 -> logits (N, num_classes). With a padding of 2, which the paper
    does not mention, its 224 x 224 give maps of 55 x 55.

    Source: A. Krizhevsky, I. Sutskever, G. Hinton, "ImageNet classification with deep convolutional neural networks",
    NIPS 2012.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(pooled=6)
        self.features = Sequential(
            Conv2d(in_channels, 96, 11, stride=4, padding=2, generator=generator),
            ReLU(),
            _normalisation(),
            MaxPool2d(3, 2),
            Conv2d(96, 256, 5, padding=2, groups=2, generator=generator),
            ReLU(),
            _normalisation(),
            MaxPool2d(3, 2),
            Conv2d(256, 384, 3, padding=1, generator=generator),
            ReLU(),
            Conv2d(384, 384, 3, padding=1, groups=2, generator=generator),
            ReLU(),
            Conv2d(384, 256, 3, padding=1, groups=2, generator=generator),
            ReLU(),
            MaxPool2d(3, 2),
        )
        self.classifier = Sequential(
            Linear(256 * 6 * 6, 4096, generator=generator),
            ReLU(),
            Dropout(dropout),
            Linear(4096, 4096, generator=generator),
            ReLU(),
            Dropout(dropout),
            Linear(4096, num_classes, generator=generator),
        )
        layers = [layer for layer in self.modules() if isinstance(layer, (Conv2d, Linear))]
        for layer in layers:
            init.normal_(layer.weight, 0.0, 0.01, generator)
            ones = layer is not layers[-1] and (isinstance(layer, Linear) or layer.groups == 2)
            assert layer.bias is not None
            init.constant_(layer.bias, 1.0 if ones else 0.0)
