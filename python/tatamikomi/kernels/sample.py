"""Sampling planes at points of their own, as a weighted sum of some elements each, and its two gradients."""

from __future__ import annotations

from numpy.typing import ArrayLike

from tatamikomi.errors import bad_value
from tatamikomi.geometry import SampleShape
from tatamikomi.kernels.arrays import Array, as_float, as_integers, output, same_dtype
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import as_integer


def _index(op: str, index: ArrayLike, n: int, size: int) -> Array:
    array = as_integers(op, "index", index)
    if array.ndim != 3 or array.shape[0] != n:
        raise bad_value(op, "index", f"shape {array.shape}", f"({n}, taps, points)")
    if array.max(initial=-1) >= size:
        raise bad_value(op, "index", int(array.max()), f"index < {size}, the elements of a plane")
    return array


def _same(op: str, argument: str, array: Array, shape: tuple[int, ...]) -> None:
    if array.shape != shape:
        raise bad_value(op, argument, f"shape {array.shape}", f"shape {shape}")


def sample_forward(x: ArrayLike, weights: ArrayLike, index: ArrayLike, out: Array | None = None) -> Array:
    """Points of every plane: y[n, c, p] = sum over t of weights[n, t, p] * x[n, c, index[n, t, p]].

    Args:
        x: (n, c, size), float32 or float64.
        weights: (n, taps, points), dtype of x.
        index: (n, taps, points), integers < size; where one is negative there is no tap.
        out: receives the result.

    Returns:
        (n, c, points).

    Raises:
        TypeError: a dtype is wrong, or dtypes are mixed.
        ValueError: shapes do not fit together, or an index is too large.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.sample_forward(np.array([[[1.0, 3.0]]]), np.array([[[0.5], [0.5]]]), np.array([[[0], [1]]]))
    array([[[2.]]])
    """
    op = "sample_forward"
    x, w = as_float(op, "x", x, ndim=3), as_float(op, "weights", weights)
    places = _index(op, index, x.shape[0], x.shape[2])
    _same(op, "weights", w, places.shape)
    s = SampleShape(*x.shape, *places.shape[1:])
    y = output(op, out, (s.n, s.c, s.points), same_dtype(op, "x weights", x, w), x, w, places)
    active().sample_forward(y, x, w, places, s)
    return y


def sample_backward_input(
    dy: ArrayLike, weights: ArrayLike, index: ArrayLike, size: int, out: Array | None = None
) -> Array:
    """The gradient in x: every tap adds its weight times dy to the element that it saw; the adjoint of sample_forward.

    Args:
        dy: (n, c, points), float32 or float64.
        weights, index: as in sample_forward.
        size: the elements of a plane of x.
        out: receives the result.

    Returns:
        dx (n, c, size).

    Raises:
        TypeError, ValueError: as sample_forward.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> weights, index = np.array([[[0.5], [0.25]]]), np.array([[[0], [1]]])
    >>> tk.kernels.sample_backward_input(np.array([[[4.0]]]), weights, index, 3)
    array([[[2., 1., 0.]]])
    """
    op = "sample_backward_input"
    dy, w = as_float(op, "dy", dy, ndim=3), as_float(op, "weights", weights)
    places = _index(op, index, dy.shape[0], as_integer(op, "size", size))
    _same(op, "weights", w, places.shape)
    (n, c), (taps, points) = dy.shape[:2], places.shape[1:]
    s = SampleShape(n, c, int(size), taps, points)
    _same(op, "dy", dy, (s.n, s.c, s.points))
    dx = output(op, out, (s.n, s.c, s.size), same_dtype(op, "dy weights", dy, w), dy, w, places)
    active().sample_backward_input(dx, dy, w, places, s)
    return dx


def sample_backward_weights(dy: ArrayLike, x: ArrayLike, index: ArrayLike, out: Array | None = None) -> Array:
    """The gradient in the weights: dweights[n, t, p] = sum over c of dy[n, c, p] * x[n, c, index[n, t, p]].

    Args:
        dy: (n, c, points), float32 or float64.
        x: (n, c, size).
        index: as in sample_forward; where it is negative the gradient is 0.
        out: receives the result.

    Returns:
        dweights (n, taps, points).

    Raises:
        TypeError, ValueError: as sample_forward.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.sample_backward_weights(np.array([[[4.0]]]), np.array([[[1.0, 3.0]]]), np.array([[[0], [1]]]))
    array([[[ 4.],
            [12.]]])
    """
    op = "sample_backward_weights"
    dy, x = as_float(op, "dy", dy, ndim=3), as_float(op, "x", x, ndim=3)
    places = _index(op, index, x.shape[0], x.shape[2])
    s = SampleShape(*x.shape, *places.shape[1:])
    _same(op, "dy", dy, (s.n, s.c, s.points))
    dweights = output(op, out, places.shape, same_dtype(op, "dy x", dy, x), dy, x, places)
    active().sample_backward_weights(dweights, dy, x, places, s)
    return dweights
