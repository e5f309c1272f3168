"""Blocks of several layers: separable convolution, squeeze and excitation, atrous spatial pyramid pooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tatamikomi.autograd import Tensor, cat
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import Padding, Size
from tatamikomi.nn import checks
from tatamikomi.nn.activation import ReLU, Sigmoid
from tatamikomi.nn.container import ModuleList, Sequential
from tatamikomi.nn.conv import Conv2d
from tatamikomi.nn.dropout import Dropout
from tatamikomi.nn.module import Module
from tatamikomi.nn.norm import BatchNorm2d
from tatamikomi.nn.pool import GlobalAvgPool
from tatamikomi.random import Generator


class SeparableConv2d(Module):
    """A convolution of every channel on its own, then one of 1 x 1 that mixes them: Keras' separable convolution.

    Args:
        in_channels: channels of x.
        out_channels: channels of y.
        kernel_size, stride, padding, dilation: of the depthwise convolution, as in `Conv2d`.
        depth_multiplier: how many outputs each channel has in between.
        bias: whether there is a bias, at the end.
        activation: None, or "relu", at the end.
        dtype: float32 (None) or float64, of the parameters.
        generator: where the initial values come from; the default Generator when None.

    Shape: x (N, in_channels, H, W) or (in_channels, H, W) -> y (N, out_channels, oH, oW) or without N, as `Conv2d`.

    Attributes:
        depthwise: a Conv2d with in_channels groups and no bias.
        pointwise: a Conv2d of 1 x 1.

    Source: F. Chollet, "Xception: deep learning with depthwise separable convolutions", CVPR 2017.

    Raises:
        TypeError, ValueError: as `Conv2d` does.

    >>> import numpy as np, tatamikomi as tk
    >>> layer = tk.nn.SeparableConv2d(3, 8, 3, padding=1, depth_multiplier=2)
    >>> layer(np.ones((1, 3, 5, 5), np.float32)).shape, layer.depthwise.weight.shape, layer.pointwise.weight.shape
    ((1, 8, 5, 5), (6, 1, 3, 3), (8, 6, 1, 1))
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Padding = 0,
        dilation: Size = 1,
        depth_multiplier: int = 1,
        bias: bool = True,
        *,
        activation: str | None = None,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        channels = checks.integer("SeparableConv2d", "in_channels", in_channels)
        between = channels * checks.integer("SeparableConv2d", "depth_multiplier", depth_multiplier)
        common: dict[str, Any] = {"dtype": dtype, "generator": generator}
        options = (stride, padding, dilation, channels)
        self.depthwise = Conv2d(channels, between, kernel_size, *options, bias=False, **common)
        self.pointwise = Conv2d(between, out_channels, 1, bias=bias, activation=activation, **common)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, in_channels, H, W) or (in_channels, H, W) -> the same with out_channels."""
        y: Tensor = self.pointwise(self.depthwise(x))
        return y


class SqueezeExcitation(Module):
    """Every channel of x times a number from 0 to 1 that the means of all channels decide on.

        y = x * scale_activation(fc2(activation(fc1(mean of x over H and W))))

    Args:
        input_channels: channels of x.
        squeeze_channels: between fc1 and fc2, fewer as a rule.
        activation: makes the module between them.
        scale_activation: makes the module after them.
        dtype: float32 (None) or float64, of the parameters.
        generator: where the initial values come from; the default Generator when None.

    Shape: x (N, input_channels, H, W) -> the same.

    Attributes:
        fc1, fc2: Conv2d of 1 x 1.

    Source: J. Hu, L. Shen, G. Sun, "Squeeze-and-excitation networks", CVPR 2018, in the form of
    torchvision.ops.SqueezeExcitation.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.SqueezeExcitation(8, 2)(np.ones((5, 8, 4, 4), np.float32)).shape
    (5, 8, 4, 4)
    """

    def __init__(
        self,
        input_channels: int,
        squeeze_channels: int,
        activation: Callable[[], Module] = ReLU,
        scale_activation: Callable[[], Module] = Sigmoid,
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        for argument, given in (("activation", activation), ("scale_activation", scale_activation)):
            if not callable(given) or isinstance(given, Module):
                raise bad_type("SqueezeExcitation", argument, type(given).__name__, "what makes a module, a class")
        channels = checks.integer("SqueezeExcitation", "input_channels", input_channels)
        between = checks.integer("SqueezeExcitation", "squeeze_channels", squeeze_channels)
        self.avgpool = GlobalAvgPool()
        self.fc1 = Conv2d(channels, between, 1, dtype=dtype, generator=generator)
        self.fc2 = Conv2d(between, channels, 1, dtype=dtype, generator=generator)
        self.activation = activation()
        self.scale_activation = scale_activation()

    def forward(self, x: Tensor) -> Tensor:
        """(N, input_channels, H, W) -> the same."""
        scale = self.scale_activation(self.fc2(self.activation(self.fc1(self.avgpool(x)))))
        y: Tensor = scale * x
        return y


class ASPP(Module):
    """Atrous spatial pyramid pooling: x at several scales at once, side by side, mixed.

    Branches: a convolution of 1 x 1; one of 3 x 3 for each rate, its taps that far apart; the mean of every channel,
    spread over all places. Each is followed by batch normalisation and ReLU. Their channels, one after another, go
    through a convolution of 1 x 1, batch normalisation, ReLU and dropout.

    Args:
        in_channels: channels of x.
        atrous_rates: the distances between taps, >= 1, such as (12, 24, 36).
        out_channels: channels of every branch and of y.
        dropout: at the end, in training.
        dtype: float32 (None) or float64, of the parameters.
        generator: where the initial values come from; the default Generator when None.

    Shape: x (N, in_channels, H, W) -> y (N, out_channels, H, W). In training N > 1: the means' branch has one number
        per channel and sample.

    Source: L.-C. Chen et al., "Rethinking atrous convolution for semantic image segmentation", arXiv 1706.05587, 2017,
    in the form of torchvision's DeepLab v3, whose names its state has.

    Raises:
        TypeError, ValueError: an argument is of the wrong kind or out of range.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ASPP(8, (2, 4), 16)(np.ones((2, 8, 9, 9), np.float32)).shape
    (2, 16, 9, 9)
    """

    def __init__(
        self,
        in_channels: int,
        atrous_rates: Sequence[int],
        out_channels: int = 256,
        *,
        dropout: float = 0.5,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(atrous_rates, (tuple, list)):
            raise bad_type("ASPP", "atrous_rates", type(atrous_rates).__name__, "a list of integers")
        if not atrous_rates:
            raise bad_value("ASPP", "atrous_rates", "none", "at least one rate")
        rates = [checks.integer("ASPP", f"atrous_rates[{i}]", rate) for i, rate in enumerate(atrous_rates)]

        def branch(channels: int, rate: int = 0) -> list[Module]:
            size, padding = (3, rate) if rate else (1, 0)
            conv = Conv2d(
                channels,
                out_channels,
                size,
                padding=padding,
                dilation=max(rate, 1),
                bias=False,
                dtype=dtype,
                generator=generator,
            )
            return [conv, BatchNorm2d(out_channels, dtype=dtype), ReLU()]

        branches = [Sequential(*branch(in_channels)), *(Sequential(*branch(in_channels, rate)) for rate in rates)]
        branches.append(Sequential(GlobalAvgPool(), *branch(in_channels)))
        self.convs = ModuleList(branches)
        self.project = Sequential(*branch(len(branches) * out_channels), Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(N, in_channels, H, W) -> (N, out_channels, H, W)."""
        *branches, means = (branch(x) for branch in self.convs)
        spread = means.expand(*means.shape[:2], *np.shape(x)[2:])
        y: Tensor = self.project(cat([*branches, spread], 1))
        return y
