"""Inception v3: large filters taken apart, n x n into 1 x n and n x 1."""

from __future__ import annotations

from dataclasses import dataclass

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor, cat
from tatamikomi.models.common import start
from tatamikomi.models.googlenet import Outputs, basic_conv
from tatamikomi.models.registry import register
from tatamikomi.nn import Dropout, GlobalAvgPool, Linear, MaxPool2d, Module, checks
from tatamikomi.random import Generator


@dataclass(frozen=True)
class Conv:
    """A convolution by its name within the block; padded to keep the size, or with stride 2 and no padding."""

    name: str
    out_channels: int
    kernel_size: tuple[int, int] = (1, 1)
    stride: int = 1

    def build(self, in_channels: int, generator: Generator | None) -> Module:
        """The layers."""
        padding = tuple(size // 2 for size in self.kernel_size) if self.stride == 1 else 0
        return basic_conv(in_channels, self.out_channels, self.kernel_size, self.stride, padding, generator)


# What x goes through: convolutions, pooling by its name, or at the end several convolutions side by side.
Step = Conv | str | tuple[Conv, ...]
Branch = tuple[Step, ...]
_3x3, _1x3, _3x1, _1x7, _7x1 = (3, 3), (1, 3), (3, 1), (1, 7), (7, 1)


def _block_a(pooled: int) -> tuple[Branch, ...]:
    return (
        (Conv("branch1x1", 64),),
        (Conv("branch5x5_1", 48), Conv("branch5x5_2", 64, (5, 5))),
        (Conv("branch3x3dbl_1", 64), Conv("branch3x3dbl_2", 96, _3x3), Conv("branch3x3dbl_3", 96, _3x3)),
        ("average", Conv("branch_pool", pooled)),
    )


def _block_c(middle: int) -> tuple[Branch, ...]:
    return (
        (Conv("branch1x1", 192),),
        (Conv("branch7x7_1", middle), Conv("branch7x7_2", middle, _1x7), Conv("branch7x7_3", 192, _7x1)),
        (
            Conv("branch7x7dbl_1", middle),
            Conv("branch7x7dbl_2", middle, _7x1),
            Conv("branch7x7dbl_3", middle, _1x7),
            Conv("branch7x7dbl_4", middle, _7x1),
            Conv("branch7x7dbl_5", 192, _1x7),
        ),
        ("average", Conv("branch_pool", 192)),
    )


_BLOCK_B: tuple[Branch, ...] = (
    (Conv("branch3x3", 384, _3x3, 2),),
    (Conv("branch3x3dbl_1", 64), Conv("branch3x3dbl_2", 96, _3x3), Conv("branch3x3dbl_3", 96, _3x3, 2)),
    ("max",),
)
_BLOCK_D: tuple[Branch, ...] = (
    (Conv("branch3x3_1", 192), Conv("branch3x3_2", 320, _3x3, 2)),
    (
        Conv("branch7x7x3_1", 192),
        Conv("branch7x7x3_2", 192, _1x7),
        Conv("branch7x7x3_3", 192, _7x1),
        Conv("branch7x7x3_4", 192, _3x3, 2),
    ),
    ("max",),
)
_BLOCK_E: tuple[Branch, ...] = (
    (Conv("branch1x1", 320),),
    (Conv("branch3x3_1", 384), (Conv("branch3x3_2a", 384, _1x3), Conv("branch3x3_2b", 384, _3x1))),
    (
        Conv("branch3x3dbl_1", 448),
        Conv("branch3x3dbl_2", 384, _3x3),
        (Conv("branch3x3dbl_3a", 384, _1x3), Conv("branch3x3dbl_3b", 384, _3x1)),
    ),
    ("average", Conv("branch_pool", 192)),
)
_BLOCKS = {
    "Mixed_5b": _block_a(32),
    "Mixed_5c": _block_a(64),
    "Mixed_5d": _block_a(64),
    "Mixed_6a": _BLOCK_B,
    "Mixed_6b": _block_c(128),
    "Mixed_6c": _block_c(160),
    "Mixed_6d": _block_c(160),
    "Mixed_6e": _block_c(192),
    "Mixed_7a": _BLOCK_D,
    "Mixed_7b": _BLOCK_E,
    "Mixed_7c": _BLOCK_E,
}


class Mixed(Module):
    """Branches side by side, their channels one after another.

    Shape: x (N, in_channels, H, W) -> y (N, out_channels, H, W), or (H - 3) // 2 + 1 of the size where its steps have
    stride 2.

    Attributes:
        out_channels: of y.
    """

    def __init__(self, in_channels: int, branches: tuple[Branch, ...], generator: Generator | None = None) -> None:
        super().__init__()
        self.branches = branches
        self.out_channels = 0
        for branch in branches:
            channels = in_channels
            for step in branch:
                if isinstance(step, str):
                    continue
                convs = step if isinstance(step, tuple) else (step,)
                for conv in convs:
                    self.add_module(conv.name, conv.build(channels, generator))
                channels = sum(conv.out_channels for conv in convs)
            self.out_channels += channels

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, oH, oW)."""
        parts: list[Tensor] = []
        for *steps, last in self.branches:
            y = x
            for step in steps:
                y = self._one(step, y)
            parts += [self._one(step, y) for step in (last if isinstance(last, tuple) else (last,))]
        return cat(parts, 1)

    def _one(self, step: Step, x: Tensor) -> Tensor:
        if step == "average":
            return F.avg_pool2d(x, 3, 1, 1)
        if step == "max":
            return F.max_pool2d(x, 3, 2)
        assert isinstance(step, Conv)
        y: Tensor = getattr(self, step.name)(x)
        return y


class AuxiliaryV3(Module):
    """Means of 5 x 5 every third place, 1 x 1, 5 x 5, means, linear. Shape: x (N, in_channels, H, W), H, W >= 17 ->
    logits (N, num_classes)."""

    def __init__(self, in_channels: int, num_classes: int, generator: Generator | None = None) -> None:
        super().__init__()
        self.conv0 = basic_conv(in_channels, 128, 1, generator=generator)
        self.conv1 = basic_conv(128, 768, 5, generator=generator)
        self.fc = Linear(768, num_classes, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes)."""
        y = self.conv1(self.conv0(F.avg_pool2d(x, 5, 3)))
        z: Tensor = self.fc(F.adaptive_avg_pool2d(y, 1).flatten(1))
        return z


@register("inception_v3")
class InceptionV3(Module):
    """Five convolutions, eleven mixed blocks, means of the channels, a linear layer; torchvision's names.

    Initial values are He's.

    Args:
        num_classes, in_channels, generator: as `create`.
        dropout: before the linear layer, in training.
        aux_logits: have the paper's auxiliary classifier after Mixed_6e, 27,161,264 parameters in all: in training the
            output is `googlenet.Outputs`, for `googlenet.auxiliary_loss`, and images have 299 x 299 or more. Without
            it, torchvision's state loads with `aux_logits=False` there or `strict=False` here.

    Shape: x (N, in_channels, H, W), at least 75 x 75, 299 x 299 in the paper -> logits (N, num_classes).

    Source: C. Szegedy et al., "Rethinking the Inception architecture for computer vision", CVPR 2016.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        dropout: float = 0.5,
        aux_logits: bool = False,
    ) -> None:
        super().__init__()
        self.aux_logits = checks.flag("InceptionV3", "aux_logits", aux_logits)
        self.Conv2d_1a_3x3 = basic_conv(in_channels, 32, 3, 2, generator=generator)
        self.Conv2d_2a_3x3 = basic_conv(32, 32, 3, generator=generator)
        self.Conv2d_2b_3x3 = basic_conv(32, 64, 3, padding=1, generator=generator)
        self.maxpool1 = MaxPool2d(3, 2)
        self.Conv2d_3b_1x1 = basic_conv(64, 80, 1, generator=generator)
        self.Conv2d_4a_3x3 = basic_conv(80, 192, 3, generator=generator)
        self.maxpool2 = MaxPool2d(3, 2)
        channels = 192
        for name, branches in _BLOCKS.items():
            block = Mixed(channels, branches, generator)
            self.add_module(name, block)
            channels = block.out_channels
            if aux_logits and name == "Mixed_6e":
                self.AuxLogits = AuxiliaryV3(channels, num_classes, generator)
        self._order = [name for name in self._modules if name != "AuxLogits"]
        self.avgpool = GlobalAvgPool()
        self.dropout = Dropout(dropout)
        self.fc = Linear(channels, num_classes, generator=generator)
        start(self, generator, mode="fan_in", linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor | Outputs:
        """(N, in_channels, H, W) -> logits (N, num_classes), or `Outputs`."""
        auxiliary: tuple[Tensor, ...] = ()
        for name in self._order:
            x = getattr(self, name)(x)
            if self.training and self.aux_logits and name == "Mixed_6e":
                auxiliary = (self.AuxLogits(x),)
        y: Tensor = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return Outputs(y, auxiliary) if auxiliary else y
