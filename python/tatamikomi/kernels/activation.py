"""ReLU (of a sum too), sigmoid, tanh, softmax and log-softmax on arrays.

Backward functions take the gradient of the output and the output itself, never the input.
"""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import SoftmaxShape
from tatamikomi.kernels.arrays import Array, as_float, output_like, same_dtype
from tatamikomi.kernels.backend import active


def _with_output(op: str, dy: ArrayLike, y: ArrayLike) -> tuple[Array, Array]:
    """dy and y, of one shape and one dtype."""
    dy, y = as_float(op, "dy", dy), as_float(op, "y", y)
    same_dtype(op, "dy y", dy, y)
    if dy.shape != y.shape:
        raise bad_value(op, "dy", f"shape {dy.shape}", f"shape {y.shape} as y")
    return dy, y


def _forward(op: str, x: ArrayLike, out: Array | None) -> Array:
    if out is None:  # an array as it is: what follows would take as long as a small kernel does
        plain: Array | None = active().plain_activation(op, x, None)
        if plain is not None:
            return plain
    x = as_float(op, "x", x)
    y = output_like(op, out, x)
    getattr(active(), op)(y, x)
    return y


def _backward(op: str, dy: ArrayLike, y: ArrayLike, out: Array | None) -> Array:
    if out is None:
        plain: Array | None = active().plain_activation(op, dy, y)
        if plain is not None:
            return plain
    dy, y = _with_output(op, dy, y)
    dx = output_like(op, out, y, dy)
    getattr(active(), op)(dx, dy, y)
    return dx


def relu_forward(x: ArrayLike, out: Array | None = None) -> Array:
    """y = max(x, 0); NaN stays NaN.

    Args:
        x: any shape; float32 or float64.
        out: shape of x, receives the result.

    Returns:
        y, shape and dtype of x.

    Raises:
        TypeError: x is not float32 or float64.
        ValueError: x is ragged, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.relu_forward([-1.0, 0.0, 2.0]).tolist()
    [0.0, 0.0, 2.0]
    """
    return _forward("relu_forward", x, out)


def add_relu_forward(a: ArrayLike, b: ArrayLike, out: Array | None = None) -> Array:
    """y = max(a + b, 0), the end of a residual block, in one pass; NaN stays NaN.

    Both gradients are the same array, relu_backward(dy, y).

    Args:
        a: any shape; float32 or float64.
        b: shape and dtype of a.
        out: shape of a, receives the result.

    Raises:
        TypeError, ValueError: dtypes or shapes differ, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.add_relu_forward([1.0, 2.0], [-3.0, 4.0]).tolist()
    [0.0, 6.0]
    """
    op = "add_relu_forward"
    if out is None:
        plain: Array | None = active().plain_activation(op, a, b)
        if plain is not None:
            return plain
    a, b = as_float(op, "a", a), as_float(op, "b", b)
    same_dtype(op, "a b", a, b)
    if b.shape != a.shape:
        raise bad_value(op, "b", f"shape {b.shape}", f"shape {a.shape} as a")
    y = output_like(op, out, a, b)
    active().add_relu_forward(y, a, b)
    return y


def relu_backward(dy: ArrayLike, y: ArrayLike, out: Array | None = None) -> Array:
    """dx = dy where y > 0, else 0.

    Args:
        dy: gradient of y.
        y: what relu_forward returned; shape and dtype of dy.
        out: shape of y, receives the result.

    Raises:
        TypeError, ValueError: dtypes or shapes differ, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.relu_backward([5.0, 5.0], [0.0, 2.0]).tolist()
    [0.0, 5.0]
    """
    return _backward("relu_backward", dy, y, out)


def sigmoid_forward(x: ArrayLike, out: Array | None = None) -> Array:
    """y = 1 / (1 + exp(-x)), without overflow for any x.

    Args:
        x: any shape; float32 or float64.
        out: shape of x, receives the result.

    Raises:
        TypeError: x is not float32 or float64.
        ValueError: x is ragged, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.sigmoid_forward([-1000.0, 0.0, 1000.0]).tolist()
    [0.0, 0.5, 1.0]
    """
    return _forward("sigmoid_forward", x, out)


def sigmoid_backward(dy: ArrayLike, y: ArrayLike, out: Array | None = None) -> Array:
    """dx = dy * y * (1 - y).

    Args:
        dy: gradient of y.
        y: what sigmoid_forward returned; shape and dtype of dy.
        out: shape of y, receives the result.

    Raises:
        TypeError, ValueError: dtypes or shapes differ, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.sigmoid_backward([4.0], [0.5]).tolist()
    [1.0]
    """
    return _backward("sigmoid_backward", dy, y, out)


def tanh_forward(x: ArrayLike, out: Array | None = None) -> Array:
    """y = tanh(x).

    Args:
        x: any shape; float32 or float64.
        out: shape of x, receives the result.

    Raises:
        TypeError: x is not float32 or float64.
        ValueError: x is ragged, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.tanh_forward([-1000.0, 0.0, 1000.0]).tolist()
    [-1.0, 0.0, 1.0]
    """
    return _forward("tanh_forward", x, out)


def tanh_backward(dy: ArrayLike, y: ArrayLike, out: Array | None = None) -> Array:
    """dx = dy * (1 - y**2).

    Args:
        dy: gradient of y.
        y: what tanh_forward returned; shape and dtype of dy.
        out: shape of y, receives the result.

    Raises:
        TypeError, ValueError: dtypes or shapes differ, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.tanh_backward([4.0], [0.5]).tolist()
    [3.0]
    """
    return _backward("tanh_backward", dy, y, out)


def _softmax_shape(op: str, shape: tuple[int, ...], axis: int) -> SoftmaxShape:
    rank = max(len(shape), 1)  # a single number is a row of one
    if isinstance(axis, bool) or not hasattr(axis, "__index__"):
        raise bad_type(op, "axis", axis, "an integer")
    position = axis.__index__()
    if not -rank <= position < rank:
        raise bad_value(op, "axis", axis, f"{-rank} <= axis < {rank} for shape {shape}")
    position %= rank
    sizes = shape or (1,)
    return SoftmaxShape(math.prod(sizes[:position]), sizes[position], math.prod(sizes[position + 1 :]))


def softmax_forward(x: ArrayLike, axis: int = -1, out: Array | None = None) -> Array:
    """y = exp(x) / sum of exp(x) over `axis`.

    The largest element is subtracted first, so that finite x never overflow. A row that holds NaN or +inf, or
    nothing but -inf, becomes NaN.

    Args:
        x: any shape; float32 or float64.
        axis: the axis over which y sums to 1.
        out: shape of x, receives the result.

    Raises:
        TypeError: x is not float32 or float64, or axis no integer.
        ValueError: axis is out of range, x is ragged, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.softmax_forward([[1000.0, 1000.0], [0.0, -1000.0]]).tolist()
    [[0.5, 0.5], [1.0, 0.0]]
    """
    op = "softmax_forward"
    x = as_float(op, "x", x)
    shape = _softmax_shape(op, x.shape, axis)
    y = output_like(op, out, x)
    active().softmax_forward(y, x, shape)
    return y


def softmax_backward(dy: ArrayLike, y: ArrayLike, axis: int = -1, out: Array | None = None) -> Array:
    """dx = y * (dy - sum of dy * y over `axis`).

    Args:
        dy: gradient of y.
        y: what softmax_forward returned; shape and dtype of dy.
        axis: as in softmax_forward.
        out: shape of y, receives the result.

    Raises:
        TypeError, ValueError: dtypes or shapes differ, axis is wrong, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.softmax_backward([1.0, 0.0], [0.5, 0.5]).tolist()
    [0.25, -0.25]
    """
    op = "softmax_backward"
    dy, y = _with_output(op, dy, y)
    shape = _softmax_shape(op, y.shape, axis)
    dx = output_like(op, out, y, dy)
    active().softmax_backward(dx, dy, y, shape)
    return dx


def log_softmax_forward(x: ArrayLike, axis: int = -1, out: Array | None = None) -> Array:
    """y = x - log(sum of exp(x) over `axis`), accurate where softmax itself would underflow.

    Args:
        x: any shape; float32 or float64.
        axis: the axis over which exp(y) sums to 1.
        out: shape of x, receives the result.

    Raises:
        TypeError: x is not float32 or float64, or axis no integer.
        ValueError: axis is out of range, x is ragged, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.log_softmax_forward([0.0, -1000.0]).tolist()
    [0.0, -1000.0]
    """
    op = "log_softmax_forward"
    x = as_float(op, "x", x)
    shape = _softmax_shape(op, x.shape, axis)
    y = output_like(op, out, x)
    active().log_softmax_forward(y, x, shape)
    return y


def log_softmax_backward(dy: ArrayLike, y: ArrayLike, axis: int = -1, out: Array | None = None) -> Array:
    """dx = dy - exp(y) * sum of dy over `axis`.

    Args:
        dy: gradient of y.
        y: what log_softmax_forward returned; shape and dtype of dy.
        axis: as in log_softmax_forward.
        out: shape of y, receives the result.

    Raises:
        TypeError, ValueError: dtypes or shapes differ, axis is wrong, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.log_softmax_backward([1.0, 2.0], [0.0, -1000.0]).tolist()
    [-2.0, 2.0]
    """
    op = "log_softmax_backward"
    dy, y = _with_output(op, dy, y)
    shape = _softmax_shape(op, y.shape, axis)
    dx = output_like(op, out, y, dy)
    active().log_softmax_backward(dx, dy, y, shape)
    return dx
