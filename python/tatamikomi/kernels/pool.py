"""Max- and average-pooling on arrays.

1-D, 2-D and 3-D share everything: x (n, c, *sizes). Windows lie as in a convolution; padding has no value in
max-pooling and is zero in average-pooling. Every window must see at least one element of the input.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, overload

from numpy.typing import ArrayLike

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import Padding, PoolShape, Size, as_shape, flag, lead, pool_shape
from tatamikomi.kernels.arrays import INT64, Array, as_float, as_integers, empty, output, relu_output, same_dtype
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import is_relu


@overload
def max_pool_forward(
    x: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    out: tuple[Array, Array] | None = None,
    return_indices: Literal[True] = True,
    activation: str | None = None,
) -> tuple[Array, Array]: ...


@overload
def max_pool_forward(
    x: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    out: Array | None = None,
    *,
    return_indices: Literal[False],
    activation: str | None = None,
) -> Array: ...


def max_pool_forward(
    x: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    dilation: Size = 1,
    ceil_mode: bool = False,
    out: tuple[Array, Array] | Array | None = None,
    return_indices: bool = True,
    activation: str | None = None,
) -> tuple[Array, Array] | Array:
    """The maximum of every window, and where it is.

    The first maximum wins. A NaN beats every number, and the first NaN wins.

    Args:
        x: (n, c, *sizes), 1 to 3 axes; float32 or float64.
        kernel_size, dilation: an integer, or one per axis; >= 1.
        stride: likewise; None is kernel_size.
        padding: an integer, one per axis, ((before, after), ...), "valid" or "same"; never chosen. Unlike torch's
            half of the kernel the limit is that every window sees an element of x.
        ceil_mode: keep a last window that reaches past the padded input, if it starts in the input or in the
            padding before.
        out: (y, indices), receive the results; without indices y alone.
        return_indices: whether they are wanted; without them it is faster.
        activation: None, or "relu": max(y, 0), with the bits of relu_forward before or after; no index moves.

    Returns:
        y (n, c, *output sizes), and indices of the same shape, int64: positions in the flattened plane of x; y alone
        where return_indices is False.

    Raises:
        TypeError: a dtype or an option is of the wrong kind.
        ValueError: the shape and the options do not fit together, or the activation is unknown.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> y, indices = tk.kernels.max_pool_forward(np.array([[[[1.0, 5.0], [7.0, 2.0]]]]), 2)
    >>> y, indices
    (array([[[[7.]]]]), array([[[[2]]]]))
    """
    op = "max_pool_forward"
    x = as_float(op, "x", x)
    s, shape = pool_shape(op, x.shape, kernel_size, stride, padding, dilation, ceil_mode)
    wanted, relu = flag(op, "return_indices", return_indices), is_relu(op, activation)
    y, indices = max_outputs(op, out, shape, x, wanted)
    active().max_pool_forward(y, indices, x, s, relu)
    return y if indices is None else (y, indices)


def max_outputs(
    op: str, out: tuple[Array, Array] | Array | None, shape: tuple[int, ...], x: Array, indices: bool
) -> tuple[Array, Array | None]:
    """y and, where wanted, the indices of a maximum over windows of x: what `out` holds of them, or new arrays.

    Raises:
        TypeError: out is a pair where y alone is wanted, or no pair where both are; or as `output` does.
        ValueError: as `output` does.
    """
    if not indices:
        if isinstance(out, tuple):
            raise bad_type(op, "out", "tuple", "an array, y alone")
        return empty(op, shape, x.dtype) if out is None else output(op, out, shape, x.dtype, x), None
    if out is None:
        return empty(op, shape, x.dtype), empty(op, shape, INT64)
    if not (isinstance(out, tuple) and len(out) == 2):
        raise bad_type(op, "out", type(out).__name__, "a tuple (y, indices)")
    y = output(op, out[0], shape, x.dtype, x)
    return y, output(op, out[1], shape, INT64, x, y)


def max_pool_backward(
    dy: ArrayLike,
    indices: ArrayLike,
    input_shape: Sequence[int],
    out: Array | None = None,
    *,
    y: ArrayLike | None = None,
) -> Array:
    """The gradient of max-pooling: every dy goes to the element that was chosen; overlaps are added up.

    Args:
        dy: (n, c, *output sizes), float32 or float64.
        indices: of the same shape, as max_pool_forward returned them.
        input_shape: (n, c, *sizes), the shape of x.
        out: receives the result.
        y: of dy's shape, the output of max_pool_forward with activation="relu": dy counts where y > 0.

    Returns:
        dx of `input_shape`.

    Raises:
        TypeError: a dtype is wrong.
        ValueError: shapes do not fit together, or an index lies outside of the plane.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.max_pool_backward(np.array([[[3.0]]]), np.array([[[1]]]), (1, 1, 2))
    array([[[0., 3.]]])
    """
    op = "max_pool_backward"
    dy, indices = as_float(op, "dy", dy), as_integers(op, "indices", indices)
    sizes = as_shape(op, "input_shape", input_shape)
    if not 3 <= len(sizes) <= 5:
        raise bad_value(op, "input_shape", sizes, "a shape (n, channels, 1 to 3 axes)")
    if dy.ndim != len(sizes) or dy.shape[:2] != sizes[:2]:
        raise bad_value(op, "dy", f"shape {dy.shape}", f"(n, channels, ...) as input_shape {sizes}")
    if indices.shape != dy.shape:
        raise bad_value(op, "indices", f"shape {indices.shape}", f"dy's shape {dy.shape}")
    in_sizes, out_sizes = lead(sizes[2:], 1), lead(dy.shape[2:], 1)
    ones, zeros = (1, 1, 1), (0, 0, 0)
    s = PoolShape(sizes[0] * sizes[1], *in_sizes, *out_sizes, *ones, *ones, *zeros, *zeros, *ones, *(0, 0))
    y = relu_output(op, y, dy)
    dtype = same_dtype(op, "dy y", dy, y)
    dx = empty(op, sizes, dtype) if out is None else output(op, out, sizes, dtype, dy, indices, y)
    if not active().max_pool_backward(dx, dy, indices, y, s):
        wrong = f"indices from {indices.min()} to {indices.max()}"
        raise bad_value(op, "indices", wrong, f"positions in a plane of {math.prod(in_sizes)} elements")
    return dx


def avg_pool_forward(
    x: ArrayLike,
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    out: Array | None = None,
) -> Array:
    """The average of every window: its sum over its divisor.

    Args:
        x: (n, c, *sizes), 1 to 3 axes; float32 or float64.
        kernel_size, stride, padding, ceil_mode: as in max_pool_forward.
        count_include_pad: the divisor is the window's size, padding included (but nothing that ceil_mode adds
            beyond the padding); else the number of elements of x in the window.
        divisor_override: a positive integer, the divisor of every window.
        out: (n, c, *output sizes), receives the result.

    Returns:
        (n, c, *output sizes).

    Raises:
        TypeError, ValueError: as max_pool_forward.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.avg_pool_forward(np.array([[[1.0, 3.0, 5.0]]]), 2, stride=1)
    array([[[2., 4.]]])
    """
    op = "avg_pool_forward"
    x = as_float(op, "x", x)
    s, shape = pool_shape(op, x.shape, kernel_size, stride, padding, 1, ceil_mode, count_include_pad, divisor_override)
    y = empty(op, shape, x.dtype) if out is None else output(op, out, shape, x.dtype, x)
    active().avg_pool_forward(y, x, s)
    return y


def avg_pool_backward(
    dy: ArrayLike,
    input_shape: Sequence[int],
    kernel_size: Size,
    stride: Size | None = None,
    padding: Padding = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
    out: Array | None = None,
) -> Array:
    """The gradient of average-pooling: every window spreads dy / divisor over its elements; the adjoint.

    Args:
        dy: (n, c, *output sizes), float32 or float64.
        input_shape: (n, c, *sizes), the shape of x.
        kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override: as in avg_pool_forward.
        out: receives the result.

    Returns:
        dx of `input_shape`.

    Raises:
        TypeError, ValueError: as avg_pool_forward; dy must have the shape of its output.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.avg_pool_backward(np.array([[[2.0, 4.0]]]), (1, 1, 3), 2, stride=1)
    array([[[1., 3., 2.]]])
    """
    op = "avg_pool_backward"
    dy = as_float(op, "dy", dy)
    sizes = as_shape(op, "input_shape", input_shape)
    s, shape = pool_shape(op, sizes, kernel_size, stride, padding, 1, ceil_mode, count_include_pad, divisor_override)
    if dy.shape != shape:
        raise bad_value(op, "dy", f"shape {dy.shape}", f"the output's shape {shape}")
    dx = empty(op, sizes, dy.dtype) if out is None else output(op, out, sizes, dy.dtype, dy)
    active().avg_pool_backward(dx, dy, s)
    return dx
