"""Group normalisation on arrays: statistics of each image and group of channels, and the gradient.

Layer normalisation of rows is a group norm with one group whose channels are the elements of a row; instance
normalisation has as many groups as channels.

    y = (x - mean) * invstd * weight + bias,  invstd = 1 / sqrt(var + eps)

Wu and He, Group Normalization, 2018.
"""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from tatamikomi.errors import bad_value
from tatamikomi.geometry import GroupNormShape, flag
from tatamikomi.kernels.arrays import Array, as_float, empty, same_dtype
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import as_integer, as_number


def _shape(op: str, x: Array, groups: int) -> GroupNormShape:
    if x.ndim < 2:
        raise bad_value(op, "x", f"shape {x.shape}", "a shape (n, channels, *sizes)")
    count = as_integer(op, "groups", groups, low=1)
    channels = x.shape[1]
    if channels % count:
        raise bad_value(op, "groups", count, f"a divisor of {channels} channels")
    return GroupNormShape(x.shape[0], count, channels // count, math.prod(x.shape[2:]))


def _per_channel(op: str, argument: str, value: ArrayLike | None, x: Array) -> Array | None:
    if value is None:
        return None
    array = as_float(op, argument, value)
    if array.shape != x.shape[1:2]:
        raise bad_value(op, argument, f"shape {array.shape}", f"shape ({x.shape[1]},), one per channel")
    return array


def _per_group(op: str, argument: str, value: ArrayLike, s: GroupNormShape) -> Array:
    array = as_float(op, argument, value)
    if array.shape != (s.n, s.groups):
        raise bad_value(op, argument, f"shape {array.shape}", f"shape ({s.n}, {s.groups}), one per image and group")
    return array


def group_norm_forward(
    x: ArrayLike,
    groups: int,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-5,
    centred: bool = True,
) -> tuple[Array, Array, Array]:
    """Normalise every group of channels of every image by its own statistics.

        mean = sum x / m,  var = sum (x - mean)^2 / m        over the m elements of a group

    Args:
        x: (n, c, *sizes) with any number of axes; float32 or float64.
        groups: a divisor of c; groups are neighbouring channels.
        weight, bias: (c,), dtype of x; None is 1 and 0.
        eps: a finite number; y is NaN where var + eps < 0.
        centred: False takes 0 for the mean: y = x / sqrt(mean of x^2 + eps) * weight + bias.

    Returns:
        y of x's shape; mean and invstd (n, groups), which the gradient needs.

    Raises:
        TypeError: a dtype is not float32 or float64, dtypes are mixed, or an option is of the wrong kind.
        ValueError: shapes do not fit together, or groups do not divide the channels.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> y, mean, invstd = tk.kernels.group_norm_forward(np.array([[1.0, 3.0, 10.0, 14.0]]), 2, eps=0.0)
    >>> y, mean, invstd
    (array([[-1.,  1., -1.,  1.]]), array([[ 2., 12.]]), array([[1. , 0.5]]))
    """
    op = "group_norm_forward"
    x = as_float(op, "x", x)
    s = _shape(op, x, groups)
    weight, bias = _per_channel(op, "weight", weight, x), _per_channel(op, "bias", bias, x)
    dtype = same_dtype(op, "x weight bias", x, weight, bias)
    floor, less_mean = as_number(op, "eps", eps, -math.inf), flag(op, "centred", centred)
    y, mean, invstd = (empty(op, shape, dtype) for shape in (x.shape, (s.n, s.groups), (s.n, s.groups)))
    active().group_norm_forward(y, mean, invstd, x, weight, bias, s, floor, less_mean)
    return y, mean, invstd


def group_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    mean: ArrayLike,
    invstd: ArrayLike,
    groups: int,
    weight: ArrayLike | None = None,
    centred: bool = True,
) -> tuple[Array, Array, Array]:
    """The gradients of group_norm_forward.

        dbias = sum dy,  dweight = sum dy * (x - mean) * invstd        over images and sizes
        dx = invstd * (g - sum g / m - (x - mean) * invstd^2 * sum g * (x - mean) / m),  g = weight * dy

    Without `centred` the term sum g / m, the mean's, is left out.

    Args:
        dy: (n, c, *sizes), the gradient of y; float32 or float64.
        x: of the same shape, the input.
        mean, invstd: (n, groups), as group_norm_forward returned them.
        groups, weight, centred: as given to group_norm_forward.

    Returns:
        dx of x's shape, dweight (c,), dbias (c,).

    Raises:
        TypeError, ValueError: as group_norm_forward.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> dy, x = np.array([[1.0, 0.0]]), np.array([[1.0, 3.0]])
    >>> dx, dweight, dbias = tk.kernels.group_norm_backward(dy, x, np.array([[2.0]]), np.array([[1.0]]), 1)
    >>> dx, dweight, dbias
    (array([[0., 0.]]), array([-1.,  0.]), array([1., 0.]))
    """
    op = "group_norm_backward"
    dy, x = as_float(op, "dy", dy), as_float(op, "x", x)
    s = _shape(op, x, groups)
    if dy.shape != x.shape:
        raise bad_value(op, "dy", f"shape {dy.shape}", f"x's shape {x.shape}")
    mean, invstd = _per_group(op, "mean", mean, s), _per_group(op, "invstd", invstd, s)
    weight = _per_channel(op, "weight", weight, x)
    dtype = same_dtype(op, "dy x mean invstd weight", dy, x, mean, invstd, weight)
    less_mean = flag(op, "centred", centred)
    dx, dweight, dbias = (empty(op, shape, dtype) for shape in (x.shape, x.shape[1:2], x.shape[1:2]))
    active().group_norm_backward(dx, dweight, dbias, dy, x, mean, invstd, weight, s, less_mean)
    return dx, dweight, dbias
