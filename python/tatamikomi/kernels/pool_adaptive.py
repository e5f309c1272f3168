"""Adaptive pooling on arrays: the number of windows is given, their places follow.

Window o of `out` over an axis of `in` elements holds the elements from floor(o * in / out) to before
ceil((o + 1) * in / out). The gradient of the maximum is `max_pool_backward`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias, overload

from numpy.typing import ArrayLike

from tatamikomi.errors import bad_value
from tatamikomi.geometry import adaptive_pool_shape, as_shape, flag
from tatamikomi.kernels.arrays import Array, as_float, empty, output
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.pool import max_outputs

#: An integer for every axis, or one per axis; None is the size of the input.
OutputSize: TypeAlias = int | Sequence[int | None] | None


def adaptive_avg_pool_forward(x: ArrayLike, output_size: OutputSize, out: Array | None = None) -> Array:
    """The average of every window.

    Args:
        x: (n, c, *sizes), 1 to 3 axes; float32 or float64.
        output_size: windows on each axis: an integer, or one per axis; None is the size of the input.
        out: (n, c, *output sizes), receives the result.

    Returns:
        (n, c, *output sizes).

    Raises:
        TypeError: a dtype or an entry is of the wrong kind.
        ValueError: another rank, an axis of size 0, or entries that are not one per axis and >= 0.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.adaptive_avg_pool_forward(np.array([[[1.0, 3.0, 5.0]]]), 2)
    array([[[2., 4.]]])
    """
    op = "adaptive_avg_pool_forward"
    x = as_float(op, "x", x)
    s, shape = adaptive_pool_shape(op, x.shape, output_size)
    y = empty(op, shape, x.dtype) if out is None else output(op, out, shape, x.dtype, x)
    active().adaptive_avg_pool_forward(y, x, s)
    return y


def adaptive_avg_pool_backward(dy: ArrayLike, input_shape: Sequence[int], out: Array | None = None) -> Array:
    """The gradient of adaptive_avg_pool_forward: every window spreads dy / its size over its elements.

    Args:
        dy: (n, c, *output sizes), float32 or float64.
        input_shape: (n, c, *sizes), the shape of x.
        out: receives the result.

    Returns:
        dx of `input_shape`.

    Raises:
        TypeError, ValueError: as adaptive_avg_pool_forward; dy has the rank, images and channels of x.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.adaptive_avg_pool_backward(np.array([[[2.0, 4.0]]]), (1, 1, 3))
    array([[[1., 3., 2.]]])
    """
    op = "adaptive_avg_pool_backward"
    dy = as_float(op, "dy", dy)
    sizes = as_shape(op, "input_shape", input_shape)
    if dy.ndim != len(sizes) or dy.shape[:2] != sizes[:2]:
        raise bad_value(op, "dy", f"shape {dy.shape}", f"(n, channels, ...) as input_shape {sizes}")
    s, _ = adaptive_pool_shape(op, sizes, dy.shape[2:])
    dx = empty(op, sizes, dy.dtype) if out is None else output(op, out, sizes, dy.dtype, dy)
    active().adaptive_avg_pool_backward(dx, dy, s)
    return dx


@overload
def adaptive_max_pool_forward(
    x: ArrayLike,
    output_size: OutputSize,
    out: tuple[Array, Array] | None = None,
    return_indices: Literal[True] = True,
) -> tuple[Array, Array]: ...


@overload
def adaptive_max_pool_forward(
    x: ArrayLike, output_size: OutputSize, out: Array | None = None, *, return_indices: Literal[False]
) -> Array: ...


def adaptive_max_pool_forward(
    x: ArrayLike,
    output_size: OutputSize,
    out: tuple[Array, Array] | Array | None = None,
    return_indices: bool = True,
) -> tuple[Array, Array] | Array:
    """The maximum of every window, and where it is; the first one wins, and a NaN beats every number.

    Args:
        x: (n, c, *sizes), 1 to 3 axes; float32 or float64.
        output_size: as in adaptive_avg_pool_forward.
        out: (y, indices), receive the results; without indices y alone.
        return_indices: whether they are wanted.

    Returns:
        y (n, c, *output sizes), and indices of the same shape, int64: positions in the flattened plane of x; y alone
        where return_indices is False.

    Raises:
        TypeError, ValueError: as adaptive_avg_pool_forward.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.adaptive_max_pool_forward(np.array([[[1.0, 3.0, 2.0]]]), 2)
    (array([[[3., 3.]]]), array([[[1, 1]]]))
    """
    op = "adaptive_max_pool_forward"
    x = as_float(op, "x", x)
    s, shape = adaptive_pool_shape(op, x.shape, output_size)
    y, indices = max_outputs(op, out, shape, x, flag(op, "return_indices", return_indices))
    active().adaptive_max_pool_forward(y, indices, x, s)
    return y if indices is None else (y, indices)
