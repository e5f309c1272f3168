"""Local response normalisation across channels on arrays.

    y[i] = x[i] * base[i]^-beta,  base[i] = k + alpha / size * sum of x[j]^2 over the channels
                                            i - size // 2 <= j <= i + (size - 1) // 2 that exist

Krizhevsky, Sutskever and Hinton, ImageNet Classification with Deep Convolutional Neural Networks, 2012.
"""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from tatamikomi.errors import bad_value
from tatamikomi.geometry import NormShape
from tatamikomi.kernels.arrays import Array, as_float, output, same_dtype
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import as_integer, as_number


def _options(
    op: str, x: Array, size: int, alpha: float, beta: float, k: float
) -> tuple[NormShape, int, float, float, float]:
    if x.ndim < 3:
        raise bad_value(op, "x", f"shape {x.shape}", "a shape (n, channels, *sizes) with one axis or more")
    s = NormShape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))
    numbers = [as_number(op, name, value, -math.inf) for name, value in (("alpha", alpha), ("beta", beta), ("k", k))]
    return s, as_integer(op, "size", size, low=1), numbers[0], numbers[1], numbers[2]


def local_response_norm_forward(
    x: ArrayLike, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0, out: Array | None = None
) -> Array:
    """Divide by a power of the mean square of neighbouring channels.

    Args:
        x: (n, c, *sizes) with one axis or more; float32 or float64.
        size: channels of a window, >= 1; missing ones at the edge count as 0.
        alpha, beta, k: finite numbers; y is NaN where the base is negative.
        out: of x's shape, receives the result.

    Returns:
        y of x's shape.

    Raises:
        TypeError: a dtype is not float32 or float64, or an option is of the wrong kind.
        ValueError: another rank, or an option out of range.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> x = np.array([[[3.0], [4.0]]])
    >>> tk.kernels.local_response_norm_forward(x, 3, alpha=3.0, beta=0.5, k=0.0).ravel().round(3)
    array([0.6, 0.8])
    """
    op = "local_response_norm_forward"
    x = as_float(op, "x", x)
    options = _options(op, x, size, alpha, beta, k)
    y = output(op, out, x.shape, x.dtype, x)
    active().local_response_norm_forward(y, x, *options)
    return y


def local_response_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
    out: Array | None = None,
) -> Array:
    """The gradient of local_response_norm_forward.

        dx[i] = dy[i] * base[i]^-beta - 2 alpha beta / size * x[i] * sum of t[j] over the windows j that hold i
        t = dy * x * base^(-beta - 1)

    Args:
        dy: (n, c, *sizes), the gradient of y; float32 or float64.
        x: of the same shape, the input.
        size, alpha, beta, k: as given to local_response_norm_forward.
        out: of x's shape, receives the result.

    Returns:
        dx of x's shape.

    Raises:
        TypeError, ValueError: as local_response_norm_forward.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> one = np.ones((1, 1, 1))
    >>> tk.kernels.local_response_norm_backward(one, one, 1, alpha=1.0, beta=1.0, k=1.0).item()  # 1/2 - 2/4
    0.0
    """
    op = "local_response_norm_backward"
    dy, x = as_float(op, "dy", dy), as_float(op, "x", x)
    options = _options(op, x, size, alpha, beta, k)
    if dy.shape != x.shape:
        raise bad_value(op, "dy", f"shape {dy.shape}", f"x's shape {x.shape}")
    dx = output(op, out, x.shape, same_dtype(op, "dy x", dy, x), dy, x)
    active().local_response_norm_backward(dx, dy, x, *options)
    return dx
