"""EfficientNet: one network, scaled in depth, width and resolution together; and its second version, small."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from tatamikomi.autograd import Tensor
from tatamikomi.models.common import ImageClassifier, Norm, conv_norm, divisible, start
from tatamikomi.models.registry import register_variant
from tatamikomi.nn import (
    BatchNorm2d,
    Dropout,
    DropPath,
    Linear,
    Module,
    Sequential,
    SiLU,
    SqueezeExcitation,
    checks,
    init,
)
from tatamikomi.random import Generator


class Scale(NamedTuple):
    """By how much the network of phi = 0 grows: its depth, its width, the side of its images, its cost."""

    depth: float
    width: float
    resolution: float
    cost: float


def compound_scale(phi: float, alpha: float = 1.2, beta: float = 1.1, gamma: float = 1.15) -> Scale:
    """depth alpha^phi, width beta^phi, resolution gamma^phi; cost (alpha beta^2 gamma^2)^phi, about 2^phi.

    alpha, beta and gamma are what the paper found by search at phi = 1. The networks B1 to B7 as they were published
    have rounded numbers of their own, which `create("efficientnet_b1")` and so on have, too. `Scale.resolution` is a
    factor, of 224.

    Source: M. Tan, Q. Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019, eq. 3.

    Raises:
        TypeError: an argument is not a number.

    >>> import tatamikomi as tk
    >>> tk.models.compound_scale(1)
    Scale(depth=1.2, width=1.1, resolution=1.15, cost=1.92...)
    """
    op, power = "compound_scale", checks.real("compound_scale", "phi", phi)
    a, b, c = (checks.real(op, name, one) for name, one in (("alpha", alpha), ("beta", beta), ("gamma", gamma)))
    return Scale(a**power, b**power, c**power, (a * b**2 * c**2) ** power)


class Stage(NamedTuple):
    """`blocks` blocks, the first with `stride`; fused ones have one convolution in place of the first two."""

    expand_ratio: int
    kernel_size: int
    stride: int
    out_channels: int
    blocks: int
    fused: bool = False


B0 = (
    Stage(1, 3, 1, 16, 1),
    Stage(6, 3, 2, 24, 2),
    Stage(6, 5, 2, 40, 2),
    Stage(6, 3, 2, 80, 3),
    Stage(6, 5, 1, 112, 3),
    Stage(6, 5, 2, 192, 4),
    Stage(6, 3, 1, 320, 1),
)
V2_S = (
    Stage(1, 3, 1, 24, 2, True),
    Stage(4, 3, 2, 48, 4, True),
    Stage(4, 3, 2, 64, 4, True),
    Stage(4, 3, 2, 128, 6),
    Stage(6, 3, 1, 160, 9),
    Stage(6, 3, 2, 256, 15),
)


class MBConv(Module):
    """An inverted residual with squeeze and excitation, or a fused one without; plus x where that fits.

    Shape: x (N, in_channels, H, W) -> y (N, stage.out_channels, ceil(H / stage.stride), ceil(W / stage.stride)).
    """

    def __init__(
        self, in_channels: int, stage: Stage, drop_path: float, norm: Norm, generator: Generator | None = None
    ) -> None:
        super().__init__()
        middle, out_channels = divisible(in_channels * stage.expand_ratio), stage.out_channels
        conv = partial(conv_norm, activation=SiLU, norm=norm, generator=generator)
        size, stride = stage.kernel_size, stage.stride
        layers: list[Module]
        if not stage.fused:
            layers = [] if middle == in_channels else [conv(in_channels, middle, 1)]
            layers += [
                conv(middle, middle, size, stride, middle),
                SqueezeExcitation(middle, max(1, in_channels // 4), SiLU, generator=generator),
                conv(middle, out_channels, 1, activation=None),
            ]
        elif middle == in_channels:
            layers = [conv(in_channels, out_channels, size, stride)]
        else:
            layers = [conv(in_channels, middle, size, stride), conv(middle, out_channels, 1, activation=None)]
        self.block = Sequential(*layers)
        self.residual = stride == 1 and in_channels == out_channels
        self.stochastic_depth = DropPath(drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, oH, oW)."""
        y: Tensor = self.block(x)
        return x + self.stochastic_depth(y) if self.residual else y


class EfficientNet(ImageClassifier):
    """Stages of MBConv blocks, with torchvision's names and initial values.

    Args:
        num_classes, in_channels, generator: as `create`.
        stages: the blocks of the unscaled network.
        depth_mult, width_mult: by which counts (rounded up) and widths (to multiples of 8) are multiplied.
        last: channels before the linear layer; four times the last stage's when None.
        dropout: before the linear layer, in training.
        drop_path: with what probability the last block is passed by in training, the others less, in proportion.
        eps, momentum: of batch normalisation.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes). Any size; that of training is 224 for b0, then 240, 260,
    300, 380, 456, 528, 600 for b7, and 384 for v2_s at the end.

    Source: M. Tan, Q. Le, "EfficientNet: rethinking model scaling for convolutional neural networks", ICML 2019, and
    "EfficientNetV2: smaller models and faster training", ICML 2021.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        stages: Sequence[Stage] = B0,
        depth_mult: float = 1.0,
        width_mult: float = 1.0,
        last: int | None = None,
        dropout: float = 0.2,
        drop_path: float = 0.2,
        eps: float = 1e-5,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        norm: Norm = partial(BatchNorm2d, eps=eps, momentum=momentum)
        conv = partial(conv_norm, activation=SiLU, norm=norm, generator=generator)
        first = 24 if stages and stages[0].fused else 32
        scaled = [
            one._replace(
                out_channels=divisible(one.out_channels * width_mult), blocks=math.ceil(one.blocks * depth_mult)
            )
            for one in stages
        ]
        channels, done, total = divisible(first * width_mult), 0, sum(one.blocks for one in scaled)
        features: list[Module] = [conv(in_channels, channels, 3, 2)]
        for stage in scaled:
            layers = []
            for i in range(stage.blocks):
                one = stage._replace(stride=1) if i else stage
                layers.append(MBConv(channels, one, drop_path * done / total, norm, generator))
                channels, done = stage.out_channels, done + 1
            features.append(Sequential(*layers))
        width = 4 * channels if last is None else last
        features.append(conv(channels, width, 1))
        self.features = Sequential(*features)
        self.classifier = Sequential(Dropout(dropout), Linear(width, num_classes, generator=generator))
        start(self, generator)
        head = self.classifier[1]
        bound = 1.0 / math.sqrt(num_classes)
        init.uniform_(head.weight, -bound, bound, generator)
        init.zeros_(head.bias)


# (width, depth, dropout): what was published as B0 to B7
_PUBLISHED = (
    (1.0, 1.0, 0.2),
    (1.0, 1.1, 0.2),
    (1.1, 1.2, 0.3),
    (1.2, 1.4, 0.3),
    (1.4, 1.8, 0.4),
    (1.6, 2.2, 0.4),
    (1.8, 2.6, 0.5),
    (2.0, 3.1, 0.5),
)
for _i, (_width, _depth, _dropout) in enumerate(_PUBLISHED):
    _norm: dict[str, Any] = {"eps": 1e-3, "momentum": 0.01} if _i >= 5 else {}
    register_variant(
        f"efficientnet_b{_i}", EfficientNet, width_mult=_width, depth_mult=_depth, dropout=_dropout, **_norm
    )
register_variant("efficientnet_v2_s", EfficientNet, stages=V2_S, last=1280, eps=1e-3)
