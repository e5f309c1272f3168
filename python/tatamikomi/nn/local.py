"""Local connections without shared weights."""

from __future__ import annotations

import math
from typing import Any

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor
from tatamikomi.errors import bad_value
from tatamikomi.geometry import Size, per_axis
from tatamikomi.nn import checks, init
from tatamikomi.nn.module import Module
from tatamikomi.random import Generator


class LocallyConnected2d(Module):
    """A convolution whose kernel is another one at every output position.

    Args:
        in_channels, out_channels: of x and of y.
        input_size: (H, W) of the images that will come, an integer for squares.
        kernel_size, stride, padding, dilation: integers, or one per axis.
        bias: whether there is a bias, one per output value.
        dtype, generator: of the parameters and where they come from.

    Shape: x (N, in_channels, H, W) -> y (N, out_channels, OH, OW).

    Attributes:
        weight: (out_channels, OH, OW, in_channels, KH, KW), uniform in [-b, b), b = 1 / sqrt(in_channels KH KW).
        bias: (out_channels, OH, OW), drawn alike, or None.

    Raises:
        TypeError, ValueError: an argument of the wrong kind or size, a kernel larger than the padded image.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LocallyConnected2d(1, 2, 5, 3)(np.ones((4, 1, 5, 5), np.float32)).shape
    (4, 2, 3, 3)
    """

    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        input_size: Size,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        dilation: Size = 1,
        bias: bool = True,
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        name = "LocallyConnected2d"
        self.in_channels = checks.integer(name, "in_channels", in_channels)
        self.out_channels = checks.integer(name, "out_channels", out_channels)
        self.input_size = per_axis(name, "input_size", input_size, 2, 1)
        self.kernel_size = per_axis(name, "kernel_size", kernel_size, 2, 1)
        self.stride = per_axis(name, "stride", stride, 2, 1)
        self.padding = per_axis(name, "padding", padding, 2, 0)
        self.dilation = per_axis(name, "dilation", dilation, 2, 1)
        places = tuple(map(self._places, range(2)))
        if min(places) < 1:
            rule = f"a dilated kernel of at most the padded image's {self.input_size} + 2 * {self.padding}"
            raise bad_value(name, "kernel_size", self.kernel_size, rule)
        kind = checks.floating(name, dtype)
        shape = (self.out_channels, *places, self.in_channels, *self.kernel_size)
        self.weight = Parameter(checks.zeros(name, "weight", shape, kind))
        has_bias = checks.flag(name, "bias", bias)
        self.bias = Parameter(checks.zeros(name, "bias", shape[:3], kind)) if has_bias else None
        self.reset_parameters(generator)

    def _places(self, axis: int) -> int:
        covered = self.dilation[axis] * (self.kernel_size[axis] - 1) + 1
        return (self.input_size[axis] + 2 * self.padding[axis] - covered) // self.stride[axis] + 1

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the initial values anew."""
        bound = 1 / math.sqrt(self.in_channels * math.prod(self.kernel_size))
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound, generator)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, in_channels, H, W) -> y (N, out_channels, OH, OW)."""
        return F.locally_connected2d(x, self.weight, self.bias, self.stride, self.padding, self.dilation)

    def extra_repr(self) -> str:
        """The sizes."""
        sizes = f"{self.in_channels}, {self.out_channels}, input_size={self.input_size}"
        return f"{sizes}, kernel_size={self.kernel_size}, stride={self.stride}"
