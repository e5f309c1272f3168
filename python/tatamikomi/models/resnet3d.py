"""The residual network with convolutions over time or depth too."""

from __future__ import annotations

from collections.abc import Sequence

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.models.common import start
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import BatchNorm3d, Conv3d, GlobalAvgPool, Linear, Module, ReLU, Sequential
from tatamikomi.random import Generator


def _conv(
    in_channels: int, out_channels: int, size: int, stride: int, relu: bool, generator: Generator | None
) -> Sequential:
    conv = Conv3d(in_channels, out_channels, size, stride, size // 2, bias=False, generator=generator)
    return Sequential(conv, BatchNorm3d(out_channels), *([ReLU()] if relu else []))


class VolumeBlock(Module):
    """Two convolutions of 3 x 3 x 3 with x added.

    Shape: x (N, in_channels, D, H, W) -> y (N, width, ...), each size over stride.
    """

    def __init__(self, in_channels: int, width: int, stride: int = 1, generator: Generator | None = None) -> None:
        super().__init__()
        self.conv1 = _conv(in_channels, width, 3, stride, True, generator)
        self.conv2 = _conv(width, width, 3, 1, False, generator)
        same = stride == 1 and in_channels == width
        self.downsample = None if same else _conv(in_channels, width, 1, stride, False, generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, D, H, W) -> (N, width, oD, oH, oW)."""
        return F.add_relu(self.conv2(self.conv1(x)), x if self.downsample is None else self.downsample(x))


class ResNet3d(Module):
    """Residual network on volumes or clips, with torchvision's names (its r3d_18).

    Args:
        num_classes, in_channels, generator: as `create`.
        layers: how many blocks each of the four stages has.

    Shape: x (N, in_channels, D, H, W) -> logits (N, num_classes); D is depth or time, 16 of 112 x 112 in the paper.

    Source: D. Tran et al., "A closer look at spatiotemporal convolutions for action recognition", CVPR 2018; K. Hara,
    H. Kataoka, Y. Satoh, "Learning spatio-temporal features with 3D residual networks", ICCV workshops 2017.

    >>> import tatamikomi as tk
    >>> net = tk.models.create("resnet3d18", 2, 1)
    >>> net(tk.tensor([0.0]).expand(2, 1, 4, 16, 16)).shape
    (2, 2)
    """

    def __init__(
        self,
        num_classes: int = 400,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        layers: Sequence[int] = (2, 2, 2, 2),
    ) -> None:
        super().__init__()
        first = Conv3d(in_channels, 64, (3, 7, 7), (1, 2, 2), (1, 3, 3), bias=False, generator=generator)
        self.stem = Sequential(first, BatchNorm3d(64), ReLU())
        channels = 64
        for i, count in enumerate(layers):
            stage = []
            for j in range(count):
                stage.append(VolumeBlock(channels, 64 << i, 2 if i and not j else 1, generator))
                channels = 64 << i
            self.add_module(f"layer{i + 1}", Sequential(*stage))
        self.stages = len(layers)
        self.avgpool = GlobalAvgPool()
        self.fc = Linear(channels, num_classes, generator=generator)
        start(self, generator, linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, D, H, W) -> logits (N, num_classes)."""
        x = self.stem(x)
        for i in range(self.stages):
            x = getattr(self, f"layer{i + 1}")(x)
        y: Tensor = self.fc(self.avgpool(x).flatten(1))
        return y


register_variant("resnet3d18", ResNet3d, layers=(2, 2, 2, 2))
