"""Transposed convolution layers in one, two and three dimensions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from tatamikomi import functional as F
from tatamikomi.autograd import Parameter, Tensor
from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.geometry import Size, as_shape, per_axis
from tatamikomi.nn import checks
from tatamikomi.nn.linear import init_weight_and_bias
from tatamikomi.nn.module import Module
from tatamikomi.random import Generator


class _ConvTranspose(Module):
    """What the three layers share: the arguments, the parameters, the text."""

    axes: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]
    weight: Parameter
    bias: Parameter | None

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Size,
        stride: Size = 1,
        padding: Size = 0,
        output_padding: Size = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Size = 1,
        padding_mode: str = "zeros",
        *,
        dtype: Any = None,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        op, axes = type(self).__name__, self.axes
        self.in_channels = checks.integer(op, "in_channels", in_channels)
        self.out_channels = checks.integer(op, "out_channels", out_channels)
        self.kernel_size = per_axis(op, "kernel_size", kernel_size, axes, 1)
        self.stride = per_axis(op, "stride", stride, axes, 1)
        self.padding = per_axis(op, "padding", padding, axes, 0)
        self.output_padding = per_axis(op, "output_padding", output_padding, axes, 0)
        self.dilation = per_axis(op, "dilation", dilation, axes, 1)
        self.groups = checks.integer(op, "groups", groups)
        if padding_mode != "zeros":
            raise unknown_name(op, "padding_mode", padding_mode, ["zeros"])
        self.padding_mode = padding_mode
        for name, channels in (("in_channels", self.in_channels), ("out_channels", self.out_channels)):
            if channels % self.groups:
                raise bad_value(op, "groups", self.groups, f"a divisor of {name}={channels}")
        kind = checks.floating(op, dtype)
        shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        self.weight = Parameter(checks.zeros(op, "weight", shape, kind))
        self.bias = Parameter(np.zeros(self.out_channels, kind)) if checks.flag(op, "bias", bias) else None
        self.reset_parameters(generator)

    def reset_parameters(self, generator: Generator | None = None) -> None:
        """Draw the initial values anew."""
        init_weight_and_bias(self.weight, self.bias, generator)

    def forward(self, x: Tensor, output_size: Sequence[int] | None = None) -> Tensor:
        """x (N, in_channels, *spatial) or (in_channels, *spatial) -> the same with out_channels.

        `output_size`, the spatial sizes of the result or its whole shape, stands in for the layer's output_padding.
        """
        extra = self.output_padding if output_size is None else self._output_padding(np.shape(x), output_size)
        options = self.stride, self.padding, extra, self.groups, self.dilation
        return type(self).function(x, self.weight, self.bias, *options)

    def _output_padding(self, shape: tuple[int, ...], output_size: Sequence[int]) -> tuple[int, ...]:
        op = type(self).__name__
        wanted = as_shape(op, "output_size", output_size)
        if len(wanted) not in (self.axes, len(shape)):
            raise bad_value(op, "output_size", wanted, f"{self.axes} sizes, or as many as x has dimensions")
        wanted = wanted[-self.axes :]
        least = [
            (size - 1) * s - 2 * p + d * (k - 1) + 1
            for size, s, p, d, k in zip(
                shape[-self.axes :], self.stride, self.padding, self.dilation, self.kernel_size, strict=True
            )
        ]
        most = [low + s - 1 for low, s in zip(least, self.stride, strict=True)]
        if not all(low <= size <= high for low, size, high in zip(least, wanted, most, strict=True)):
            raise bad_value(op, "output_size", wanted, f"sizes from {tuple(least)} to {tuple(most)}")
        return tuple([size - low for size, low in zip(wanted, least, strict=True)])

    def extra_repr(self) -> str:
        """The options that differ from their defaults, as torch writes them."""
        zeros, ones = (0,) * self.axes, (1,) * self.axes
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        if self.padding != zeros:
            text += f", padding={self.padding}"
        if self.dilation != ones:
            text += f", dilation={self.dilation}"
        if self.output_padding != zeros:
            text += f", output_padding={self.output_padding}"
        if self.groups != 1:
            text += f", groups={self.groups}"
        return text if self.bias is not None else text + ", bias=False"


class ConvTranspose1d(_ConvTranspose):
    """Transposed convolution over one axis; arguments, attributes and errors as in `ConvTranspose2d`.

    Shape: x (N, in_channels, L) or (in_channels, L) -> y (N, out_channels, oL) or (out_channels, oL).

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ConvTranspose1d(2, 4, 4, stride=2, padding=1)(np.ones((5, 2, 10), np.float32)).shape
    (5, 4, 20)
    """

    axes = 1
    function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTranspose):
    """Transposed convolution over images: the map that the input gradient of a `Conv2d` is.

    y[n, k, i] = bias[k] + sum of x[n, c, o] * weight[c, k, r] over all c, o, r with o * stride + r * dilation - padding
    = i

    Args:
        in_channels: channels of x.
        out_channels: channels of y.
        kernel_size: one integer, or one per axis, as stride, padding, output_padding and dilation.
        stride: distance between the kernels of two neighbours.
        padding: what is cut off of y on either side.
        output_padding: rows and columns more at the end; less than the stride or the dilation.
        groups: blocks of channels that do not see each other; divides in_channels and out_channels.
        bias: whether there is a bias.
        dilation: step between two taps.
        padding_mode: "zeros".
        dtype: float32 (None) or float64, of the parameters.
        generator: where the initial values come from; the default Generator when None.

    Shape: x (N, in_channels, H, W) or (in_channels, H, W) -> y (N, out_channels, oH, oW) or (out_channels, oH, oW),
        oH = (H - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1.

    Attributes:
        weight: (in_channels, out_channels / groups, kH, kW), uniform in [-b, b), b = 1 / sqrt(out_channels / groups *
            kH * kW).
        bias: (out_channels,), drawn alike, or None.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range; at the call, an output_size that cannot be, and what
            `functional.conv_transpose2d` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> layer = tk.nn.ConvTranspose2d(16, 8, 3, stride=2, padding=1)
    >>> layer
    ConvTranspose2d(16, 8, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1))
    >>> x = np.ones((5, 16, 14, 14), np.float32)
    >>> layer(x).shape, layer(x, output_size=(28, 28)).shape
    ((5, 8, 27, 27), (5, 8, 28, 28))
    """

    axes = 2
    function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTranspose):
    """Transposed convolution over volumes; arguments, attributes and errors as in `ConvTranspose2d`.

    Shape: x (N, in_channels, D, H, W) or (in_channels, D, H, W) -> y (N, out_channels, oD, oH, oW), unbatched alike.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.ConvTranspose3d(2, 1, 2, stride=(1, 2, 2))(np.ones((5, 2, 4, 9, 9), np.float32)).shape
    (5, 1, 5, 18, 18)
    """

    axes = 3
    function = staticmethod(F.conv_transpose3d)
