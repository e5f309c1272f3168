"""The gradient by finite differences, which the lessons compare back-propagation with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tatamikomi.errors import bad_type
from tatamikomi.kernels.arrays import Array

__all__ = ["np", "numerical_gradient"]


def numerical_gradient(f: Callable[[Array], Any], x: Array) -> Array:
    """Central differences (f(x + h) - f(x - h)) / 2h, element by element.

    x is changed in place while f looks at it, and is as before afterwards, also where f raises. h is 1e-4, and 1e-2 for
    float32, whose rounding would drown a smaller difference.

    Args:
        f: gives a number; it may ignore its argument and look at x itself, as networks do.
        x: float32 or float64, any shape.

    Returns:
        The gradient, of x's shape and dtype.

    Raises:
        TypeError: x is no array of floats.

    >>> import numpy as np
    >>> from tatamikomi.course.gradient import numerical_gradient
    >>> numerical_gradient(lambda x: np.sum(x**2), np.array([3.0, 4.0])).round(6)
    array([6., 8.])
    """
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        given = str(x.dtype) if isinstance(x, np.ndarray) else type(x).__name__
        raise bad_type("numerical_gradient", "x", given, "an array of floats: others cannot be moved a little")
    h = 1e-4 if x.itemsize > 4 else 1e-2
    gradient = np.empty_like(x)
    for place in np.ndindex(x.shape):
        kept = x[place]
        try:
            x[place] = kept + h
            above = f(x)
            x[place] = kept - h
            gradient[place] = (above - f(x)) / (2 * h)
        finally:
            x[place] = kept
    return gradient
