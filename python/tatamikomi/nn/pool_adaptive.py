"""Layers of adaptive and power-average pooling, and of unpooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from tatamikomi import functional as F
from tatamikomi.autograd import Tensor
from tatamikomi.errors import bad_value
from tatamikomi.geometry import Size, adaptive_sizes, per_axis
from tatamikomi.kernels.pool_adaptive import OutputSize
from tatamikomi.nn import checks
from tatamikomi.nn.module import Module


class _Adaptive(Module):
    """What the adaptive pools share: the output size."""

    axes: ClassVar[int]
    function: ClassVar[Callable[..., Any]]

    def __init__(self, output_size: OutputSize) -> None:
        super().__init__()
        adaptive_sizes(type(self).__name__, output_size, (1,) * self.axes)
        self.output_size = tuple(output_size) if isinstance(output_size, Sequence) else output_size

    def extra_repr(self) -> str:
        """The option, as torch writes it."""
        return f"output_size={self.output_size}"


class _AdaptiveAvgPool(_Adaptive):
    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, *spatial) or (C, *spatial) -> the means of so many windows."""
        y: Tensor = type(self).function(x, self.output_size)
        return y


class _AdaptiveMaxPool(_Adaptive):
    def __init__(self, output_size: OutputSize, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = checks.flag(type(self).__name__, "return_indices", return_indices)

    def forward(self, x: Tensor) -> Any:
        """x (N, C, *spatial) or (C, *spatial) -> the largest numbers of so many windows, perhaps with their places."""
        return type(self).function(x, self.output_size, self.return_indices)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means of `output_size` windows of one axis; arguments as in `AdaptiveAvgPool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.AdaptiveAvgPool1d(3)(np.ones((5, 3, 8), np.float32)).shape
    (5, 3, 3)
    """

    axes = 1
    function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means of so many windows of an image, whatever its size.

    Window i of O over an axis of size I holds the elements from floor(i * I / O) to before ceil((i + 1) * I / O).

    Args:
        output_size: windows on each axis: one integer, or one per axis; None is the size of the input.

    Shape: x (N, C, H, W) or (C, H, W) -> y (N, C, oH, oW) or (C, oH, oW).

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range; at the call, what `functional.adaptive_avg_pool2d` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.AdaptiveAvgPool2d((None, 7))(np.ones((5, 3, 8, 30), np.float32)).shape
    (5, 3, 8, 7)
    """

    axes = 2
    function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The means of so many windows of a volume; arguments as in `AdaptiveAvgPool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.AdaptiveAvgPool3d(1)(np.ones((5, 3, 4, 8, 8), np.float32)).shape
    (5, 3, 1, 1, 1)
    """

    axes = 3
    function = staticmethod(F.adaptive_avg_pool3d)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest numbers of `output_size` windows of one axis; arguments as in `AdaptiveMaxPool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.AdaptiveMaxPool1d(3)(np.ones((5, 3, 8), np.float32)).shape
    (5, 3, 3)
    """

    axes = 1
    function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest numbers of so many windows of an image, which lie as in `AdaptiveAvgPool2d`; NaN wins.

    Args:
        output_size: windows on each axis: one integer, or one per axis; None is the size of the input.
        return_indices: return (y, indices), where each largest number is in the flattened image.

    Shape: x (N, C, H, W) or (C, H, W) -> y (N, C, oH, oW) or (C, oH, oW).

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range; at the call, what `functional.adaptive_max_pool2d` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.AdaptiveMaxPool2d(2)(np.arange(9.0).reshape(1, 1, 3, 3)).numpy().tolist()
    [[[[4.0, 5.0], [7.0, 8.0]]]]
    """

    axes = 2
    function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest numbers of so many windows of a volume; arguments as in `AdaptiveMaxPool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.AdaptiveMaxPool3d((1, 2, 3))(np.ones((5, 3, 4, 8, 8), np.float32)).shape
    (5, 3, 1, 2, 3)
    """

    axes = 3
    function = staticmethod(F.adaptive_max_pool3d)


class _LPPool(Module):
    axes: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]

    def __init__(
        self, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        op = type(self).__name__
        if checks.real(op, "norm_type", norm_type) == 0:
            raise bad_value(op, "norm_type", norm_type, "a number other than 0")
        per_axis(op, "kernel_size", kernel_size, self.axes, 1)
        if stride is not None:
            per_axis(op, "stride", stride, self.axes, 1)
        self.norm_type, self.kernel_size, self.stride = norm_type, kernel_size, stride
        self.ceil_mode = checks.flag(op, "ceil_mode", ceil_mode)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, C, *spatial) or (C, *spatial) -> the p-norm of every window."""
        return type(self).function(x, self.norm_type, self.kernel_size, self.stride, self.ceil_mode)

    def extra_repr(self) -> str:
        """The window's options, as torch writes them."""
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPool):
    """The p-norm of every window of one axis; arguments as in `LPPool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LPPool1d(2, 4)(np.ones((5, 3, 8), np.float32)).numpy()[0, 0].tolist()
    [2.0, 2.0]
    """

    axes = 1
    function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPool):
    """The p-norm of every window of an image: y = (sum of x^p over the window)^(1/p).

    Args:
        norm_type: the exponent p, other than 0.
        kernel_size: one integer, or one per axis, as stride.
        stride: step between two windows; kernel_size when None.
        ceil_mode: whether a window that begins inside and ends outside counts, scaled to a whole one.

    Shape: x (N, C, H, W) or (C, H, W) -> y (N, C, oH, oW) or (C, oH, oW).

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range; at the call, what `functional.lp_pool2d` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LPPool2d(2, 2)(np.ones((1, 1, 2, 2), np.float32)).item()
    2.0
    """

    axes = 2
    function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPool):
    """The p-norm of every window of a volume; arguments as in `LPPool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> tk.nn.LPPool3d(1, 2)(np.ones((1, 1, 2, 2, 2), np.float32)).item()
    8.0
    """

    axes = 3
    function = staticmethod(F.lp_pool3d)


class _MaxUnpool(Module):
    axes: ClassVar[int]
    function: ClassVar[Callable[..., Tensor]]

    def __init__(self, kernel_size: Size, stride: Size | None = None, padding: Size = 0) -> None:
        super().__init__()
        op, axes = type(self).__name__, self.axes
        self.kernel_size = per_axis(op, "kernel_size", kernel_size, axes, 1)
        self.stride = self.kernel_size if stride is None else per_axis(op, "stride", stride, axes, 1)
        self.padding = per_axis(op, "padding", padding, axes, 0)

    def forward(self, x: Tensor, indices: Any, output_size: Sequence[int] | None = None) -> Tensor:
        """Values and indices of a max pool -> what was pooled, zeros where nothing was chosen."""
        return type(self).function(x, indices, self.kernel_size, self.stride, self.padding, output_size)

    def extra_repr(self) -> str:
        """The pool's options, as torch writes them."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpool):
    """The way back from `MaxPool1d`; arguments as in `MaxUnpool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> y, indices = tk.nn.MaxPool1d(2, return_indices=True)(np.array([[[1.0, 3.0, 2.0, 0.0]]]))
    >>> tk.nn.MaxUnpool1d(2)(y, indices).numpy().tolist()
    [[[0.0, 3.0, 2.0, 0.0]]]
    """

    axes = 1
    function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpool):
    """The way back from `MaxPool2d`: maxima to where they came from, zeros elsewhere.

    Args:
        kernel_size, stride, padding: those of the pool.

    Shape: x, indices (N, C, H, W) or (C, H, W) -> the shape before pooling, `output_size` where that is not the usual.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument is out of range; at the call, what `functional.max_unpool2d` raises.

    >>> import numpy as np, tatamikomi as tk
    >>> y, indices = tk.nn.MaxPool2d(2, return_indices=True)(np.arange(4.0).reshape(1, 1, 2, 2))
    >>> tk.nn.MaxUnpool2d(2)(y, indices).numpy().tolist()
    [[[[0.0, 0.0], [0.0, 3.0]]]]
    """

    axes = 2
    function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpool):
    """The way back from `MaxPool3d`; arguments as in `MaxUnpool2d`.

    >>> import numpy as np, tatamikomi as tk
    >>> y, indices = tk.nn.MaxPool3d(2, return_indices=True)(np.ones((1, 1, 4, 4, 4), np.float32))
    >>> tk.nn.MaxUnpool3d(2)(y, indices).shape
    (1, 1, 4, 4, 4)
    """

    axes = 3
    function = staticmethod(F.max_unpool3d)
