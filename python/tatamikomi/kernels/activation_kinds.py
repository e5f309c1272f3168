"""Activations of one element by kind, with two parameters at most, and PReLU with its weights, on arrays.

Backward functions take the gradient of the output and the input x.
"""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from tatamikomi import _native
from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.geometry import NormShape
from tatamikomi.kernels.arrays import Array, as_float, empty, empty_like, output_like, same_dtype
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import as_real

ACTIVATION_KINDS: tuple[str, ...] = tuple(_native.activation_kinds())
_KNOWN = frozenset(ACTIVATION_KINDS)


def _options(op: str, kind: str, a: float, b: float) -> tuple[str, float, float]:
    if not isinstance(kind, str):
        raise bad_type(op, "kind", kind, "the name of an activation")
    if kind not in _KNOWN:
        raise unknown_name(op, "kind", kind, ACTIVATION_KINDS)
    return kind, as_real(op, "a", a), as_real(op, "b", b)


def _with_input(op: str, dy: ArrayLike, x: ArrayLike) -> tuple[Array, Array]:
    """dy and x, of one shape and one dtype."""
    dy, x = as_float(op, "dy", dy), as_float(op, "x", x)
    same_dtype(op, "dy x", dy, x)
    if dy.shape != x.shape:
        raise bad_value(op, "dy", f"shape {dy.shape}", f"shape {x.shape} as x")
    return dy, x


def activation_forward(x: ArrayLike, kind: str, a: float = 0.0, b: float = 0.0, out: Array | None = None) -> Array:
    """y by the formula of `kind`, elementwise; NaN stays NaN.

    Args:
        x: any shape; float32 or float64.
        kind: one of ACTIVATION_KINDS; docs/ops/activation.md has the formulas.
        a, b: what the kind makes of them, such as the slope of leaky_relu; others ignore them.
        out: shape of x, receives the result.

    Raises:
        TypeError: x is not float32 or float64, kind is no string, a or b no number.
        ValueError: an unknown kind, a or b is NaN, x is ragged, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.activation_forward([-1.0, 0.0, 2.0], "leaky_relu", 0.5).tolist()
    [-0.5, 0.0, 2.0]
    """
    op = "activation_forward"
    x = as_float(op, "x", x)
    options = _options(op, kind, a, b)
    y = output_like(op, out, x)
    active().activation_forward(y, x, *options)
    return y


def activation_backward(
    dy: ArrayLike, x: ArrayLike, kind: str, a: float = 0.0, b: float = 0.0, out: Array | None = None
) -> Array:
    """dx = dy * y'(x), y the formula of `kind`.

    Args:
        dy: gradient of y.
        x: what activation_forward was given; shape and dtype of dy.
        kind, a, b: as in activation_forward.
        out: shape of x, receives the result.

    Raises:
        TypeError, ValueError: dtypes or shapes differ, kind, a or b is wrong, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.activation_backward([4.0, 4.0], [-1.0, 2.0], "leaky_relu", 0.5).tolist()
    [2.0, 4.0]
    """
    op = "activation_backward"
    dy, x = _with_input(op, dy, x)
    options = _options(op, kind, a, b)
    dx = output_like(op, out, x, dy)
    active().activation_backward(dx, dy, x, *options)
    return dx


def _planes(op: str, x: Array, weight: Array) -> NormShape:
    """x as [n][channels][the rest], one channel where there is one weight."""
    if weight.ndim > 1:
        raise bad_value(op, "weight", f"shape {weight.shape}", "shape (channels,), (1,) or ()")
    if weight.size == 1:
        return NormShape(1, 1, x.size)
    if x.ndim < 2 or x.shape[1] != weight.size:
        expected = f"shape (1,), or one of {x.shape[1]} channels" if x.ndim > 1 else "shape (1,) for less than 2 axes"
        raise bad_value(op, "weight", f"shape {weight.shape}", expected)
    return NormShape(x.shape[0], x.shape[1], math.prod(x.shape[2:]))


def prelu_forward(x: ArrayLike, weight: ArrayLike, out: Array | None = None) -> Array:
    """y = x where x > 0, else w * x; NaN stays NaN.

    Args:
        x: (N, C, ...), or with a single weight any shape; float32 or float64.
        weight: (C,), one w per channel, or a single one of shape (1,) or (); dtype of x.
        out: shape of x, receives the result.

    Raises:
        TypeError, ValueError: dtypes differ, weight is no such shape, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.prelu_forward([[-1.0, -1.0, 2.0]], [0.5, 0.25, 0.125]).tolist()
    [[-0.5, -0.25, 2.0]]
    """
    op = "prelu_forward"
    x, weight = as_float(op, "x", x), as_float(op, "weight", weight)
    same_dtype(op, "x weight", x, weight)
    shape = _planes(op, x, weight)
    y = output_like(op, out, x, weight)
    active().prelu_forward(y, x, weight.reshape(-1), shape)
    return y


def prelu_backward(dy: ArrayLike, x: ArrayLike, weight: ArrayLike) -> tuple[Array, Array]:
    """dx = dy where x > 0, else w * dy; dweight = sum of dy * x where x <= 0.

    Args:
        dy: gradient of y; shape and dtype of x.
        x, weight: what prelu_forward was given.

    Returns:
        dx of x's shape and dweight of weight's.

    Raises:
        TypeError, ValueError: dtypes or shapes differ, or weight is no such shape.

    >>> import tatamikomi as tk
    >>> dx, dweight = tk.kernels.prelu_backward([[1.0, 1.0, 1.0]], [[-1.0, -2.0, 2.0]], [0.5])
    >>> dx.tolist(), dweight.tolist()
    ([[0.5, 0.5, 1.0]], [-3.0])
    """
    op = "prelu_backward"
    dy, x = _with_input(op, dy, x)
    weight = as_float(op, "weight", weight)
    same_dtype(op, "x weight", x, weight)
    shape = _planes(op, x, weight)
    dx, dweight = empty_like(op, x), empty(op, (weight.size,), x.dtype)
    active().prelu_backward(dx, dweight, dy, x, weight.reshape(-1), shape)
    return dx, dweight.reshape(weight.shape)
