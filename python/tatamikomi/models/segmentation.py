"""Classes for every pixel, by a residual network whose last stages spread their taps: FCN and DeepLab v3."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.errors import unknown_name
from tatamikomi.models.registry import create, names, options, register
from tatamikomi.models.resnet import ResNet
from tatamikomi.nn import ASPP, BatchNorm2d, Conv2d, Dropout, Module, ReLU, Sequential
from tatamikomi.random import Generator


class Segmenter(Module):
    """`backbone`, a ResNet on an eighth of the size, then `classifier`, brought to x's size by linear interpolation.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes, H, W).
    """

    backbone: ResNet
    classifier: Sequential

    def _start(self, backbone: str, in_channels: int, generator: Generator | None) -> int:
        """Build the backbone; its channels at the end."""
        known = [name for name in names() if "dilated" in options(name)]
        if backbone not in known:
            raise unknown_name(type(self).__name__, "backbone", backbone, known)
        net = create(backbone, in_channels=in_channels, generator=generator, dilated=(False, True, True))
        assert isinstance(net, ResNet)
        self.backbone = net
        channels = net.fc.in_features
        del net.fc, net.avgpool
        return int(channels)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes, H, W)."""
        y = self.classifier(self.backbone.features(x))
        return F.interpolate(y, np.shape(x)[2:], mode="bilinear", align_corners=False)


@register("fcn", "segmentation")
class FCN(Segmenter):
    """Fully convolutional network: a convolution of 3 x 3 and one of 1 x 1 to the classes, on a ResNet's features.

    This is the form of torchvision's fcn_resnet50, with its names; its state loads (`strict=False`, as its auxiliary
    classifier is left out). The paper's own networks rest on AlexNet, VGG and GoogLeNet, and upsample in steps.

    Args:
        num_classes, in_channels, generator: as `create`; 21 classes are those of Pascal VOC.
        backbone: "resnet18" to "resnet152", "resnext50_32x4d", "wide_resnet50_2".
        dropout: before the last convolution, in training.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes, H, W).

    Source: J. Long, E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015.
    """

    def __init__(
        self,
        num_classes: int = 21,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        backbone: str = "resnet50",
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        channels = self._start(backbone, in_channels, generator)
        self.classifier = Sequential(
            Conv2d(channels, channels // 4, 3, padding=1, bias=False, generator=generator),
            BatchNorm2d(channels // 4),
            ReLU(),
            Dropout(dropout),
            Conv2d(channels // 4, num_classes, 1, generator=generator),
        )


@register("deeplabv3", "segmentation")
class DeepLabV3(Segmenter):
    """DeepLab v3: atrous spatial pyramid pooling on a ResNet's features, two more convolutions.

    This is the form of torchvision's deeplabv3_resnet50, with its names; its state loads (`strict=False`, as its
    auxiliary classifier is left out).

    Args:
        num_classes, in_channels, generator: as `create`; 21 classes are those of Pascal VOC.
        backbone: "resnet18" to "resnet152", "resnext50_32x4d", "wide_resnet50_2".
        atrous_rates: of `nn.ASPP`.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes, H, W).

    Source: L.-C. Chen et al., "Rethinking atrous convolution for semantic image segmentation", arXiv:1706.05587, 2017.
    """

    def __init__(
        self,
        num_classes: int = 21,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        backbone: str = "resnet50",
        atrous_rates: Sequence[int] = (12, 24, 36),
    ) -> None:
        super().__init__()
        channels = self._start(backbone, in_channels, generator)
        self.classifier = Sequential(
            ASPP(channels, atrous_rates, generator=generator),
            Conv2d(256, 256, 3, padding=1, bias=False, generator=generator),
            BatchNorm2d(256),
            ReLU(),
            Conv2d(256, num_classes, 1, generator=generator),
        )
