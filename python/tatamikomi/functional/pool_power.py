"""Power-average pooling: the p-norm of every window."""

from __future__ import annotations

import math
from collections.abc import Callable

from tatamikomi.autograd import Tensor, where
from tatamikomi.errors import bad_value
from tatamikomi.functional.inputs import TensorLike, batched, own_names, unbatched
from tatamikomi.functional.pool import avg_pool1d, avg_pool2d, avg_pool3d
from tatamikomi.geometry import Size, per_axis
from tatamikomi.kernels.scalars import as_number


def _lp_pool(
    axes: int,
    average: Callable[..., Tensor],
    input: TensorLike,
    norm_type: float,
    kernel_size: Size,
    stride: Size | None,
    ceil_mode: bool,
) -> Tensor:
    op = f"lp_pool{axes}d"
    x, single = batched(op, input, axes)
    p = as_number(op, "norm_type", norm_type, -math.inf)
    if p == 0:
        raise bad_value(op, "norm_type", norm_type, "a number other than 0")
    taps = math.prod(per_axis(op, "kernel_size", kernel_size, axes, 1))
    total = average(x**p, kernel_size, stride, ceil_mode=ceil_mode) * taps
    there = total.data != 0
    return unbatched(where(there, where(there, total, 1.0) ** (1 / p), 0.0), single)


@own_names(half=True)
def lp_pool1d(
    input: TensorLike, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window of sequences (N, C, L) or (C, L); see `lp_pool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.lp_pool1d([[3.0, 4.0, 6.0, 8.0]], 2, 2)
    tensor([[ 5., 10.]])
    """
    return _lp_pool(1, avg_pool1d, input, norm_type, kernel_size, stride, ceil_mode)


@own_names(half=True)
def lp_pool2d(
    input: TensorLike, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window of images: y = (sum of input^p over the window)^(1/p).

    The sum is of powers, not of absolute values: with an odd p negative elements count below 0, with a broken one they
    give NaN. p = 1 is the sum of the window. Where the sum is 0 the gradient is 0.

    Args:
        input: (N, C, H, W) or (C, H, W), float32 or float64.
        norm_type: the exponent p, a finite number other than 0.
        kernel_size: a positive integer, or one per axis.
        stride: a positive integer, or one per axis; None means kernel_size.
        ceil_mode: let a last window start that does not fit entirely; its sum is scaled to a whole window.

    Returns:
        (N, C, OH, OW) or (C, OH, OW), sizes as in `avg_pool2d` without padding.

    Raises:
        TypeError: another dtype, or an option of another kind.
        ValueError: shapes or options that do not fit together.

    >>> import tatamikomi as tk
    >>> tk.functional.lp_pool2d([[[1.0, 1.0], [3.0, 5.0]]], 2, 2)
    tensor([[[6.]]])
    """
    return _lp_pool(2, avg_pool2d, input, norm_type, kernel_size, stride, ceil_mode)


@own_names(half=True)
def lp_pool3d(
    input: TensorLike, norm_type: float, kernel_size: Size, stride: Size | None = None, ceil_mode: bool = False
) -> Tensor:
    """The p-norm of every window of volumes (N, C, D, H, W) or (C, D, H, W); see `lp_pool2d`.

    >>> import tatamikomi as tk
    >>> tk.functional.lp_pool3d(tk.tensor([1.0, 1.0, 3.0, 5.0]).reshape(1, 1, 2, 2), 2, (1, 2, 2)).item()
    6.0
    """
    return _lp_pool(3, avg_pool3d, input, norm_type, kernel_size, stride, ceil_mode)
