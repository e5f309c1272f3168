"""The residual networks of 6 n + 2 layers for small images, and the plain ones they are compared with."""

from __future__ import annotations

from collections.abc import Sequence

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.models.common import start
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import BatchNorm2d, Conv2d, GlobalAvgPool, Linear, Module, Sequential, checks
from tatamikomi.random import Generator


class SmallBlock(Module):
    """relu(residual(x) + x) without any parameters beside x, or relu(residual(x)).

    Where the size halves and the channels double, x gives every other pixel, and zeros as the new channels.

    Shape: x (N, in_channels, H, W) -> y (N, width, ceil(H / stride), ceil(W / stride)).
    """

    def __init__(
        self, in_channels: int, width: int, stride: int, shortcuts: bool, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.conv1 = Conv2d(in_channels, width, 3, stride, 1, bias=False, generator=generator)
        self.bn1 = BatchNorm2d(width, activation="relu")
        self.conv2 = Conv2d(width, width, 3, 1, 1, bias=False, generator=generator)
        self.bn2 = BatchNorm2d(width)
        self.stride, self.more, self.shortcuts = stride, width - in_channels, shortcuts

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, width, oH, oW)."""
        y: Tensor = self.bn2(self.conv2(self.bn1(self.conv1(x))))
        if not self.shortcuts:
            return F.relu(y)
        if self.stride > 1:
            x = x[:, :, :: self.stride, :: self.stride]
        if self.more:
            before = self.more // 2
            x = F.pad(x, (0, 0, 0, 0, before, self.more - before))
        return F.add_relu(y, x)


class SmallResNet(Module):
    """Residual network for images of 32 x 32: a convolution, three stages of n blocks, means of the channels, linear.

    The stages are 16, 32 and 64 channels wide, or as many times `width`: 6 n + 2 layers with parameters. Where a stage
    is wider than what comes before, the size halves.

    Args:
        num_classes, in_channels, generator: as `create`.
        depth: 6 n + 2, such as 20, 32, 44, 56, 110.
        shortcuts: False leaves out the "+ x" of every block: the plain network of the paper, which gets worse with
            depth. It has the same parameters.
        width: channels of the convolution and of the first stage.
        stages: (channels, blocks) of each stage, in place of those of depth and width; not from the paper.
            "resnet6_small", ((64, 1), (128, 1)) after 16 channels, is for greyscale images of 28 x 28.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes); H = W = 32 in the paper, others as well.

    Source: K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition", CVPR 2016, section 4.2.

    >>> import tatamikomi as tk
    >>> net = tk.models.create("resnet20_cifar", shortcuts=False)
    >>> sum(parameter.numel() for parameter in net.parameters())
    269722
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        depth: int = 20,
        shortcuts: bool = True,
        width: int = 16,
        stages: Sequence[tuple[int, int]] | None = None,
    ) -> None:
        super().__init__()
        n, rest = divmod(checks.integer("SmallResNet", "depth", depth, 8) - 2, 6)
        if rest:
            raise bad_value("SmallResNet", "depth", depth, "6 n + 2")
        checks.flag("SmallResNet", "shortcuts", shortcuts)
        channels = checks.integer("SmallResNet", "width", width, 1)
        plan = [(width << i, n) for i in range(3)] if stages is None else [tuple(stage) for stage in stages]
        if not all(len(stage) == 2 and min(stage) >= 1 for stage in plan):
            raise bad_value("SmallResNet", "stages", stages, "pairs of (channels, blocks), each >= 1")
        self.conv1 = Conv2d(in_channels, channels, 3, 1, 1, bias=False, generator=generator)
        self.bn1 = BatchNorm2d(channels, activation="relu")
        for i, (wide, blocks) in enumerate(plan):
            stage: list[Module] = []
            for _ in range(blocks):
                stage.append(SmallBlock(channels, wide, 2 if wide > channels else 1, shortcuts, generator))
                channels = wide
            self.add_module(f"layer{i + 1}", Sequential(*stage))
        self._stages = [f"layer{i + 1}" for i in range(len(plan))]
        self.avgpool = GlobalAvgPool()
        self.fc = Linear(channels, num_classes, generator=generator)
        start(self, generator, mode="fan_in")

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes)."""
        x = self.bn1(self.conv1(x))
        for name in self._stages:
            x = getattr(self, name)(x)
        y: Tensor = self.fc(self.avgpool(x).flatten(1))
        return y


for _depth in (8, 20, 32, 44, 56, 110):
    register_variant(f"resnet{_depth}_cifar", SmallResNet, depth=_depth)
register_variant("resnet6_small", SmallResNet, stages=((64, 1), (128, 1)))
