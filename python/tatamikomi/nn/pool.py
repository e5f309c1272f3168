"""Pooling layers in one, two and three dimensions, and over everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.geometry import Padding, Size, per_axis
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module


class _Pool(Module):
    """What the windowed pools share: the window, its step, the padding."""

    axes: ClassVar[int]
    function: ClassVar[Callable[..., Any]]

    def __init__(self, kernel_size: Size, stride: Size | None, padding: Padding, ceil_mode: bool) -> None:
        super().__init__()
        op, axes = type(self).__name__, self.axes
        per_axis(op, "kernel_size", kernel_size, axes, 1)
        if stride is not None:
            per_axis(op, "stride", stride, axes, 1)
        checks.padding(op, padding, axes)
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = checks.flag(op, "ceil_mode", ceil_mode)


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        dilation: Size = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
        *,
        activation: str | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        op = type(self).__name__
        per_axis(op, "dilation", dilation, self.axes, 1)
        self.dilation = dilation
        self.return_indices = checks.flag(op, "return_indices", return_indices)
        self.activation = checks.activation(op, activation)

    def forward(self, x: Tensor, activation: str | None = None) -> Any:
        """x (N, C, *spatial) or (C, *spatial) -> the largest number of every window, perhaps with where it is.

        `activation` stands in for the layer's own where that is None.
        """
        return type(self).function(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
            activation=self.activation or activation,
        )

    def extra_repr(self) -> str:
        """The window's options, as torch writes them."""
        text = (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding!r}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )
        return text if self.activation is None else text + f", activation={self.activation!r}"


class _AvgPool(_Pool):
    def __init__(
        self,
        kernel_size: Size,
        stride: Size | None = None,
        padding: Padding = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode)
        op = type(self).__name__
        self.count_include_pad = checks.flag(op, "count_include_pad", count_include_pad)
        if divisor_override is not None and checks.integer(op, "divisor_override", divisor_override, -(2**62)) == 0:
            raise bad_value(op, "divisor_override", 0, "an integer other than 0, or None")
        self.divisor_override = divisor_override

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, *spatial) or (C, *spatial) -> the mean of every window."""
        y: Tensor = type(self).function(
            x,
            self.kernel_size,
            self.stride,
            self.padding,
            ceil_mode=self.ceil_mode,
            count_include_pad=self.count_include_pad,
            divisor_override=self.divisor_override,
        )
        return y

    def extra_repr(self) -> str:
        """The window's options, as torch writes them."""
        text = f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding!r}"
        if self.ceil_mode:
            text += ", ceil_mode=True"
        if not self.count_include_pad:
            text += ", count_include_pad=False"
        return text if self.divisor_override is None else f"{text}, divisor_override={self.divisor_override}"


class MaxPool1d(_MaxPool):
    """The largest number of every window of one axis; arguments as in `MaxPool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.MaxPool1d(2)(np.ones((5, 3, 8), np.float32)).shape
    (5, 3, 4)
    """

    axes = 1
    function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPool):
    """The largest number of every window of an image.

    y[n, c, oh, ow] = max over kh, kw of x[n, c, oh * sh + kh * dil_h - ph, ow * sw + kw * dil_w - pw];
    padding counts as -inf, NaN wins.

    Args:
        kernel_size: one integer, or one per axis, as stride and dilation.
        stride: step between two windows; kernel_size when None.
        padding: an integer, one per axis, a (before, after) pair per axis, "valid" or "same".
        dilation: step between two taps of a window.
        return_indices: return (y, indices), where each largest number is in the flattened image.
        ceil_mode: whether a window that begins inside and ends outside counts.
        activation: None, or "relu": max(y, 0) beside it, forward and backward.

    Shape: x (N, C, H, W) or (C, H, W) -> y (N, C, oH, oW) or (C, oH, oW).

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range or the activation unknown; at the call, what `functional.max_pool2d`
            raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4)).numpy().tolist()
    [[[[5.0, 7.0], [13.0, 15.0]]]]
    """

    axes = 2
    function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPool):
    """The largest number of every window of a volume; arguments as in `MaxPool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.MaxPool3d((1, 2, 2))(np.ones((5, 3, 4, 8, 8), np.float32)).shape
    (5, 3, 4, 4, 4)
    """

    axes = 3
    function = staticmethod(F.max_pool3d)


class AvgPool1d(_AvgPool):
    """The mean of every window of one axis; arguments as in `AvgPool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.AvgPool1d(2)(np.ones((5, 3, 8), np.float32)).shape
    (5, 3, 4)
    """

    axes = 1
    function = staticmethod(F.avg_pool1d)


class AvgPool2d(_AvgPool):
    """The mean of every window of an image.

    Args:
        kernel_size: one integer, or one per axis, as stride.
        stride: step between two windows; kernel_size when None.
        padding: an integer, one per axis, a (before, after) pair per axis, "valid" or "same".
        ceil_mode: whether a window that begins inside and ends outside counts.
        count_include_pad: whether the zeros of the padding count in the divisor.
        divisor_override: divide the sum by this instead.

    Shape: x (N, C, H, W) or (C, H, W) -> y (N, C, oH, oW) or (C, oH, oW).

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range; at the call, what `functional.avg_pool2d` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4)).numpy().tolist()
    [[[[2.5, 4.5], [10.5, 12.5]]]]
    """

    axes = 2
    function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPool):
    """The mean of every window of a volume; arguments as in `AvgPool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.AvgPool3d((1, 2, 2))(np.ones((5, 3, 4, 8, 8), np.float32)).shape
    (5, 3, 4, 4, 4)
    """

    axes = 3
    function = staticmethod(F.avg_pool3d)


class GlobalAvgPool(Module):
    """The mean of every channel.

    Shape: x (N, C, *sizes) with one to three axes -> (N, C, 1, ...), one 1 per axis.

    Source: M. Lin, Q. Chen, S. Yan, "Network in network", ICLR 2014.

    Raises:
        ValueError: at the call, x has another number of axes.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.GlobalAvgPool()(np.ones((5, 3, 4, 6), np.float32)).shape
    (5, 3, 1, 1)
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *sizes) -> (N, C, 1, ...)."""
        return F.global_avg_pool(x)


class GlobalMaxPool(Module):
    """The largest number of every channel; shapes and errors as in `GlobalAvgPool`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.GlobalMaxPool()(np.ones((5, 3, 4, 6), np.float32)).shape
    (5, 3, 1, 1)
    """

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, *sizes) -> (N, C, 1, ...)."""
        return F.global_max_pool(x)
