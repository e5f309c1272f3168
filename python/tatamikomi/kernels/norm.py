"""Batch normalisation on arrays: training, inference and the gradient.

Per channel over m = n * (product of sizes) elements of x (n, c, *sizes):

    y = (x - mean) * invstd * weight + bias,  invstd = 1 / sqrt(var + eps)

With activation="relu" max(y, 0) follows in the same pass over memory, with the bits of relu_forward after it.

Ioffe and Szegedy, Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate Shift, 2015.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import REMEMBERED, NormShape
from tatamikomi.kernels.arrays import Array, as_float, empty, empty_like, output_like, same_dtype
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import as_number, is_relu


@lru_cache(REMEMBERED)
def _norm_shape(op: str, x_shape: tuple[int, ...]) -> NormShape:
    if not 2 <= len(x_shape) <= 5:
        raise bad_value(op, "x", f"shape {x_shape}", "a shape (n, channels, 0 to 3 axes)")
    return NormShape(x_shape[0], x_shape[1], math.prod(x_shape[2:]))


def _per_channel(op: str, argument: str, value: ArrayLike, s: NormShape) -> Array:
    array = as_float(op, argument, value)
    if array.shape != (s.c,):
        raise bad_value(op, argument, f"shape {array.shape}", f"shape ({s.c},), one per channel")
    return array


def _optional(op: str, argument: str, value: ArrayLike | None, s: NormShape) -> Array | None:
    return None if value is None else _per_channel(op, argument, value, s)


def _check_running(op: str, argument: str, given: Array | None) -> None:
    if given is not None and not isinstance(given, np.ndarray):
        raise bad_type(op, argument, type(given).__name__, "an ndarray, which is updated in place")
    if given is not None and not given.flags.writeable:
        raise bad_value(op, argument, "a read-only array", "a writable array, which is updated in place")


def _check_memory(op: str, mean: Array | None, var: Array | None, inputs: dict[str, object]) -> None:
    """Both running arrays or neither, in memory of their own."""
    if mean is None and var is None:
        return
    if mean is None or var is None:
        missing = "running_mean" if mean is None else "running_var"
        raise bad_value(op, missing, "None", "both running_mean and running_var, or neither")
    if np.shares_memory(mean, var):
        raise bad_value(op, "running_var", "memory shared with running_mean", "memory of its own")
    for argument, running in (("running_mean", mean), ("running_var", var)):
        for name, given in inputs.items():
            if isinstance(given, np.ndarray) and np.may_share_memory(running, given):
                raise bad_value(op, argument, f"memory shared with {name}", "memory of its own")


def batch_norm_forward(
    x: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    momentum: float = 0.1,
    eps: float = 1e-5,
    activation: str | None = None,
) -> tuple[Array, Array, Array]:
    """Normalise by the statistics of this batch, as in training.

        var = sum (x - mean)^2 / m
        running_mean = (1 - momentum) * running_mean + momentum * mean
        running_var  = (1 - momentum) * running_var  + momentum * var * m / (m - 1)

    Args:
        x: (n, c) or (n, c, *sizes) with 1 to 3 axes; float32 or float64.
        weight, bias: (c,), dtype of x; None is 1 and 0.
        running_mean, running_var: (c,), dtype of x, both or neither, updated in place, in memory of their own; an
            empty batch leaves them alone.
        momentum, eps: finite numbers; y is NaN where var + eps < 0.
        activation: None, or "relu": max(y, 0).

    Returns:
        y of x's shape; mean (c,) and invstd (c,), which the gradient needs.

    Raises:
        TypeError: a dtype is not float32 or float64, or dtypes are mixed.
        ValueError: shapes do not fit together, a channel has one element only, one running array is given without
            the other or shares memory, or the activation is unknown.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> running = np.zeros(1), np.ones(1)
    >>> y, mean, invstd = tk.kernels.batch_norm_forward(np.array([[1.0], [3.0]]), None, None, *running, eps=0.0)
    >>> y.ravel(), mean, invstd, *running
    (array([-1.,  1.]), array([2.]), array([1.]), array([0.2]), array([1.1]))
    """
    op = "batch_norm_forward"
    inputs: dict[str, object] = {"x": x, "weight": weight, "bias": bias}
    x = as_float(op, "x", x)
    s = _norm_shape(op, x.shape)
    if s.n * s.s == 1:
        raise bad_value(op, "x", f"shape {x.shape}", "more than one element per channel")
    weight, bias = _optional(op, "weight", weight, s), _optional(op, "bias", bias, s)
    _check_running(op, "running_mean", running_mean)
    _check_running(op, "running_var", running_var)
    average = _optional(op, "running_mean", running_mean, s)
    variance = _optional(op, "running_var", running_var, s)
    same_dtype(op, "x weight bias running_mean running_var", x, weight, bias, average, variance)
    _check_memory(op, running_mean, running_var, inputs)
    rate = as_number(op, "momentum", momentum, -math.inf)
    floor = as_number(op, "eps", eps, -math.inf)
    relu = is_relu(op, activation)
    y, mean = empty_like(op, x), empty(op, (s.c,), x.dtype)
    invstd = empty_like(op, mean)
    active().batch_norm_forward(y, mean, invstd, average, variance, x, weight, bias, s, rate, floor, relu)
    for given, updated in ((running_mean, average), (running_var, variance)):
        if given is not None and updated is not None and given is not updated:
            given[...] = updated
    return y, mean, invstd


def batch_norm_inference(
    x: ArrayLike,
    mean: ArrayLike,
    var: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    eps: float = 1e-5,
    out: Array | None = None,
    activation: str | None = None,
) -> Array:
    """Normalise by given statistics; a sample's result depends on that sample alone, bit for bit.

    Args:
        x: (n, c) or (n, c, *sizes) with 1 to 3 axes; float32 or float64.
        mean, var: (c,), dtype of x.
        weight, bias: (c,), dtype of x; None is 1 and 0.
        eps: a finite number; y is NaN where var + eps < 0.
        out: of x's shape, receives the result.
        activation: None, or "relu": max(y, 0).

    Returns:
        y of x's shape.

    Raises:
        TypeError, ValueError: as batch_norm_forward; one element per channel is fine here.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.batch_norm_inference(np.array([[3.0]]), np.array([1.0]), np.array([4.0]), eps=0.0)
    array([[1.]])
    """
    op = "batch_norm_inference"
    x = as_float(op, "x", x)
    s = _norm_shape(op, x.shape)
    mean, var = _per_channel(op, "mean", mean, s), _per_channel(op, "var", var, s)
    weight, bias = _optional(op, "weight", weight, s), _optional(op, "bias", bias, s)
    same_dtype(op, "x mean var weight bias", x, mean, var, weight, bias)
    floor = as_number(op, "eps", eps, -math.inf)
    relu = is_relu(op, activation)
    y = output_like(op, out, x, mean, var, weight, bias)
    active().batch_norm_inference(y, x, mean, var, weight, bias, s, floor, relu)
    return y


def batch_norm_backward(
    dy: ArrayLike,
    x: ArrayLike,
    mean: ArrayLike,
    invstd: ArrayLike,
    weight: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    activation: str | None = None,
) -> tuple[Array, Array, Array]:
    """The gradients of batch_norm_forward.

        dbias = sum dy,  dweight = invstd * sum dy * (x - mean)
        dx = weight * invstd * (dy - dbias / m - (x - mean) * invstd * dweight / m)

    With activation="relu" dy counts where y > 0. The sign of y is computed from x again, with the bits of forward.

    Args:
        dy: (n, c, *sizes), the gradient of y; float32 or float64.
        x: of the same shape, the input.
        mean, invstd: (c,), as batch_norm_forward returned them.
        weight, bias: (c,) or None, as given to batch_norm_forward; without activation bias has no influence.
        activation: as given to batch_norm_forward.

    Returns:
        dx of x's shape, dweight (c,), dbias (c,).

    Raises:
        TypeError, ValueError: as batch_norm_forward.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> dy, x = np.array([[1.0], [0.0]]), np.array([[1.0], [3.0]])
    >>> dx, dweight, dbias = tk.kernels.batch_norm_backward(dy, x, np.array([2.0]), np.array([1.0]))
    >>> dx.ravel(), dweight, dbias
    (array([0., 0.]), array([-1.]), array([1.]))
    """
    op = "batch_norm_backward"
    dy, x = as_float(op, "dy", dy), as_float(op, "x", x)
    s = _norm_shape(op, x.shape)
    if dy.shape != x.shape:
        raise bad_value(op, "dy", f"shape {dy.shape}", f"x's shape {x.shape}")
    mean, invstd = _per_channel(op, "mean", mean, s), _per_channel(op, "invstd", invstd, s)
    weight, bias = _optional(op, "weight", weight, s), _optional(op, "bias", bias, s)
    same_dtype(op, "dy x mean invstd weight bias", dy, x, mean, invstd, weight, bias)
    relu = is_relu(op, activation)
    dx, dweight, dbias = empty_like(op, x), empty_like(op, mean), empty_like(op, mean)
    active().batch_norm_backward(dx, dweight, dbias, dy, x, mean, invstd, weight, bias, s, relu)
    return dx, dweight, dbias
