"""Residual networks for ImageNet: ResNet, ResNeXt and Wide ResNet."""

from __future__ import annotations

from collections.abc import Sequence

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.models.common import conv_norm, start
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import (
    BatchNorm2d,
    Conv2d,
    GlobalAvgPool,
    Identity,
    Linear,
    MaxPool2d,
    Module,
    Sequential,
    checks,
    init,
)
from tatamikomi.random import Generator


def _conv3x3(
    in_channels: int, out_channels: int, stride: int, dilation: int, generator: Generator | None, groups: int = 1
) -> Conv2d:
    return Conv2d(in_channels, out_channels, 3, stride, dilation, dilation, groups, bias=False, generator=generator)


class _Block(Module):
    """relu(residual(x) + x), x through a convolution of 1 x 1 where sizes or channels change."""

    expansion: int  # channels of y over `width`
    downsample: Sequential | None

    def _shortcut(self, in_channels: int, out_channels: int, stride: int, generator: Generator | None) -> None:
        same = stride == 1 and in_channels == out_channels
        self.downsample = (
            None if same else conv_norm(in_channels, out_channels, 1, stride, activation=None, generator=generator)
        )

    def residual(self, x: Tensor) -> Tensor:
        """x (N, in_channels, H, W) -> what is added to it."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, expansion * width, oH, oW)."""
        return F.add_relu(self.residual(x), x if self.downsample is None else self.downsample(x))


class BasicBlock(_Block):
    """Two convolutions of 3 x 3, for the shallow networks; `groups` is 1 and `base_width` 64.

    Shape: x (N, in_channels, H, W) -> y (N, width, ceil(H / stride), ceil(W / stride)).
    """

    expansion = 1

    def __init__(
        self,
        in_channels: int,
        width: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        base_width: int = 64,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if groups != 1 or base_width != 64:
            raise bad_value(
                "BasicBlock", "groups, base_width", (groups, base_width), "(1, 64), as Bottleneck has others"
            )
        self.conv1 = _conv3x3(in_channels, width, stride, dilation, generator)
        self.bn1 = BatchNorm2d(width, activation="relu")
        self.conv2 = _conv3x3(width, width, 1, dilation, generator)
        self.bn2 = BatchNorm2d(width)
        self._shortcut(in_channels, width, stride, generator)

    def residual(self, x: Tensor) -> Tensor:
        """x (N, in_channels, H, W) -> what is added to it."""
        y: Tensor = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        return y


class Bottleneck(_Block):
    """Convolutions of 1 x 1, 3 x 3 and 1 x 1; the middle one, with stride and groups, is the narrow one.

    Shape: x (N, in_channels, H, W) -> y (N, 4 * width, ceil(H / stride), ceil(W / stride)).
    """

    expansion = 4

    def __init__(
        self,
        in_channels: int,
        width: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        base_width: int = 64,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        middle, out_channels = width * base_width // 64 * groups, width * self.expansion
        self.conv1 = Conv2d(in_channels, middle, 1, bias=False, generator=generator)
        self.bn1 = BatchNorm2d(middle, activation="relu")
        self.conv2 = _conv3x3(middle, middle, stride, dilation, generator, groups)
        self.bn2 = BatchNorm2d(middle, activation="relu")
        self.conv3 = Conv2d(middle, out_channels, 1, bias=False, generator=generator)
        self.bn3 = BatchNorm2d(out_channels)
        self._shortcut(in_channels, out_channels, stride, generator)

    def residual(self, x: Tensor) -> Tensor:
        """x (N, in_channels, H, W) -> what is added to it."""
        y: Tensor = self.bn3(self.conv3(self.bn2(self.conv2(self.bn1(self.conv1(x))))))
        return y


class ResNet(Module):
    """Residual network: convolution of 7 x 7, max pooling, four stages of blocks, means of the channels, linear.

    Names and values as torchvision's: its state loads, and the stride of a `Bottleneck` sits in its 3 x 3.

    Args:
        num_classes, in_channels, generator: as `create`.
        block: `BasicBlock` or `Bottleneck`.
        layers: how many blocks each stage has.
        groups, base_width: of the bottlenecks: 3 x 3 convolutions of `groups` groups with base_width / 64 times the
            stage's width each.
        dilated: for each of the last three stages, whether it spreads its taps instead of halving the size.
        zero_init_residual: start with blocks that hand on x.
        small_images: for 32 x 32 and the like: the first convolution is of 3 x 3 and stride 1, and no pooling follows,
            as in the paper's section 4.2.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes); H = W = 224 in the paper, others as well.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016; S. Xie et al.,
    "Aggregated residual transformations for deep neural networks", CVPR 2017 (ResNeXt); S. Zagoruyko, N. Komodakis,
    "Wide residual networks", BMVC 2016. Stages of "dilated": F. Yu, V. Koltun, T. Funkhouser, "Dilated residual
    networks", CVPR 2017.

    >>> import tatamikomi as tk
    >>> net = tk.models.create("resnet18")
    >>> sum(parameter.numel() for parameter in net.parameters())
    11689512
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        block: type[BasicBlock] | type[Bottleneck] = BasicBlock,
        layers: Sequence[int] = (2, 2, 2, 2),
        groups: int = 1,
        base_width: int = 64,
        dilated: Sequence[bool] = (False, False, False),
        zero_init_residual: bool = False,
        small_images: bool = False,
    ) -> None:
        super().__init__()
        if len(layers) != 4 or min(layers) < 1:
            raise bad_value("ResNet", "layers", layers, "four integers >= 1")
        if len(dilated) != 3:
            raise bad_value("ResNet", "dilated", dilated, "three flags")
        kernel, step = (3, 1) if checks.flag("ResNet", "small_images", small_images) else (7, 2)
        self.conv1 = Conv2d(in_channels, 64, kernel, step, kernel // 2, bias=False, generator=generator)
        self.bn1 = BatchNorm2d(64, activation="relu")
        self.maxpool = Identity() if small_images else MaxPool2d(3, 2, 1)
        channels, rate = 64, 1
        for i, (count, spread) in enumerate(zip(layers, (False, *dilated), strict=True)):
            width, stride, first_rate = 64 << i, 1 if i == 0 or spread else 2, rate
            rate *= 2 if spread else 1
            blocks = []
            for j in range(count):
                step, taps = (stride, first_rate) if j == 0 else (1, rate)
                blocks.append(block(channels, width, step, taps, groups, base_width, generator))
                channels = width * block.expansion
            self.add_module(f"layer{i + 1}", Sequential(*blocks))
        self.avgpool = GlobalAvgPool()
        self.fc = Linear(channels, num_classes, generator=generator)
        start(self, generator)
        if zero_init_residual:
            last = "bn2.weight" if block is BasicBlock else "bn3.weight"
            for name, parameter in self.named_parameters():
                if name.endswith(last):
                    init.zeros_(parameter)

    def features(self, x: Tensor) -> Tensor:
        """x (N, in_channels, H, W) -> the last stage's output, (N, 512 * expansion, H / 32, W / 32)."""
        x = self.maxpool(self.bn1(self.conv1(x)))
        y: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return y

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes)."""
        y: Tensor = self.fc(self.avgpool(self.features(x)).flatten(1))
        return y


register_variant("resnet18", ResNet, block=BasicBlock, layers=(2, 2, 2, 2))
register_variant("resnet34", ResNet, block=BasicBlock, layers=(3, 4, 6, 3))
register_variant("resnet50", ResNet, block=Bottleneck, layers=(3, 4, 6, 3))
register_variant("resnet101", ResNet, block=Bottleneck, layers=(3, 4, 23, 3))
register_variant("resnet152", ResNet, block=Bottleneck, layers=(3, 8, 36, 3))
register_variant("resnext50_32x4d", ResNet, block=Bottleneck, layers=(3, 4, 6, 3), groups=32, base_width=4)
register_variant("wide_resnet50_2", ResNet, block=Bottleneck, layers=(3, 4, 6, 3), base_width=128)
