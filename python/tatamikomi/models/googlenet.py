"""GoogLeNet, the first Inception network: filters of several sizes side by side."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor, cat
from tatamikomi.geometry import Size
from tatamikomi.models.common import start
from tatamikomi.models.registry import register
from tatamikomi.nn import BatchNorm2d, Conv2d, Dropout, GlobalAvgPool, Linear, MaxPool2d, Module, Sequential, checks
from tatamikomi.random import Generator

# Outputs of 1 x 1; of 1 x 1 and the 3 x 3 after it; the same again; of 1 x 1 after max pooling. None: max pooling.
_BLOCKS: dict[str, tuple[int, int, int, int, int, int] | None] = {
    "inception3a": (64, 96, 128, 16, 32, 32),
    "inception3b": (128, 128, 192, 32, 96, 64),
    "maxpool3": None,
    "inception4a": (192, 96, 208, 16, 48, 64),
    "inception4b": (160, 112, 224, 24, 64, 64),
    "inception4c": (128, 128, 256, 24, 64, 64),
    "inception4d": (112, 144, 288, 32, 64, 64),
    "inception4e": (256, 160, 320, 32, 128, 128),
    "maxpool4": None,
    "inception5a": (256, 160, 320, 32, 128, 128),
    "inception5b": (384, 192, 384, 48, 128, 128),
}


def basic_conv(
    in_channels: int,
    out_channels: int,
    kernel_size: Size,
    stride: int = 1,
    padding: Size = 0,
    generator: Generator | None = None,
) -> Sequential:
    """Convolution, batch normalisation and ReLU; keys "conv" and "bn"."""
    conv = Conv2d(in_channels, out_channels, kernel_size, stride, padding, bias=False, generator=generator)
    return Sequential(OrderedDict(conv=conv, bn=BatchNorm2d(out_channels, eps=1e-3, activation="relu")))


class Inception(Module):
    """1 x 1; 1 x 1 and 3 x 3, twice; max pooling and 1 x 1: their channels one after another.

    Shape: x (N, in_channels, H, W) -> y (N, widths[0] + widths[2] + widths[4] + widths[5], H, W).
    """

    def __init__(
        self, in_channels: int, widths: tuple[int, int, int, int, int, int], generator: Generator | None = None
    ) -> None:
        super().__init__()
        one, few2, many2, few3, many3, pooled = widths

        def pair(few: int, many: int) -> Sequential:
            return Sequential(
                basic_conv(in_channels, few, 1, generator=generator),
                basic_conv(few, many, 3, padding=1, generator=generator),
            )

        self.branch1 = basic_conv(in_channels, one, 1, generator=generator)
        self.branch2 = pair(few2, many2)
        self.branch3 = pair(few3, many3)
        self.branch4 = Sequential(MaxPool2d(3, 1, 1), basic_conv(in_channels, pooled, 1, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, all widths that go out, H, W)."""
        return cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Outputs(NamedTuple):
    """What a network with auxiliary classifiers gives in training."""

    logits: Tensor
    auxiliary: tuple[Tensor, ...]  # logits from the middle of the network, the earliest first


def auxiliary_loss(
    output: Tensor | Outputs,
    target: Any,
    weight: float = 0.3,
    loss: Callable[[Tensor, Any], Tensor] = F.cross_entropy,
) -> Tensor:
    """loss(logits) + weight * the losses of the auxiliary classifiers; a Tensor, as in evaluation, has none of these.

    Args:
        output: of `GoogLeNet` or `InceptionV3` with aux_logits=True.
        target: as `loss` takes it.
        weight: 0.3 as GoogLeNet's paper has it; torchvision's recipe for Inception v3 has 0.4.
        loss: of logits and target.

    >>> import tatamikomi as tk
    >>> from tatamikomi.models.googlenet import Outputs, auxiliary_loss
    >>> even = tk.tensor([[0.0, 0.0]])
    >>> round(auxiliary_loss(Outputs(even, (even, even)), [1]).item() / auxiliary_loss(even, [1]).item(), 3)
    1.6
    """
    if isinstance(output, Tensor):
        return loss(output, target)
    total = loss(output.logits, target)
    for logits in output.auxiliary:
        total = total + weight * loss(logits, target)
    return total


class Auxiliary(Module):
    """Means of 4 x 4 places, 1 x 1, two linear layers. Shape: x (N, in_channels, H, W) -> logits (N, num_classes)."""

    def __init__(self, in_channels: int, num_classes: int, generator: Generator | None = None) -> None:
        super().__init__()
        self.conv = basic_conv(in_channels, 128, 1, generator=generator)
        self.fc1 = Linear(2048, 1024, activation="relu", generator=generator)
        self.dropout = Dropout(0.7)
        self.fc2 = Linear(1024, num_classes, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> logits (N, num_classes)."""
        y = self.conv(F.adaptive_avg_pool2d(x, 4)).flatten(1)
        z: Tensor = self.fc2(self.dropout(self.fc1(y)))
        return z


@register("googlenet")
class GoogLeNet(Module):
    """Three convolutions and nine Inception blocks, means of the channels, a linear layer; torchvision's names.

    As there, batch normalisation follows each convolution, and the third branch has 3 x 3 where the paper has 5 x 5.
    Initial values are He's.

    Args:
        num_classes, in_channels, generator: as `create`.
        dropout: before the linear layer, in training.
        aux_logits: have the paper's two auxiliary classifiers, after inception4a and inception4d, 13,004,888 parameters
            in all: in training the output is `Outputs`, for `auxiliary_loss`. Without them, torchvision's state
            loads with `aux_logits=False` there or `strict=False` here.

    Shape: x (N, in_channels, H, W) -> logits (N, num_classes); H = W = 224 in the paper, others as well.

    Source: C. Szegedy et al., "Going deeper with convolutions", CVPR 2015, table 1.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        in_channels: int = 3,
        generator: Generator | None = None,
        *,
        dropout: float = 0.2,
        aux_logits: bool = False,
    ) -> None:
        super().__init__()
        self.aux_logits = checks.flag("GoogLeNet", "aux_logits", aux_logits)
        self.conv1 = basic_conv(in_channels, 64, 7, 2, 3, generator)
        self.maxpool1 = MaxPool2d(3, 2, ceil_mode=True)
        self.conv2 = basic_conv(64, 64, 1, generator=generator)
        self.conv3 = basic_conv(64, 192, 3, padding=1, generator=generator)
        self.maxpool2 = MaxPool2d(3, 2, ceil_mode=True)
        channels = 192
        for name, widths in _BLOCKS.items():
            if widths is None:
                self.add_module(name, MaxPool2d(3 if name == "maxpool3" else 2, 2, ceil_mode=True))
                continue
            self.add_module(name, Inception(channels, widths, generator))
            channels = widths[0] + widths[2] + widths[4] + widths[5]
        if aux_logits:
            self.aux1 = Auxiliary(512, num_classes, generator)
            self.aux2 = Auxiliary(528, num_classes, generator)
        self.avgpool = GlobalAvgPool()
        self.dropout = Dropout(dropout)
        self.fc = Linear(channels, num_classes, generator=generator)
        start(self, generator, mode="fan_in", linear_std=0.01)

    def forward(self, x: Tensor) -> Tensor | Outputs:
        """(N, in_channels, H, W) -> logits (N, num_classes), or `Outputs`."""
        auxiliary = []
        for name in ("conv1", "maxpool1", "conv2", "conv3", "maxpool2", *_BLOCKS):
            x = getattr(self, name)(x)
            if self.training and self.aux_logits and name in ("inception4a", "inception4d"):
                auxiliary.append((self.aux1 if name == "inception4a" else self.aux2)(x))
        y: Tensor = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        return Outputs(y, tuple(auxiliary)) if auxiliary else y
