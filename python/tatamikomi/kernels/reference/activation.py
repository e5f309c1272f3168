"""Activations, as their formulas say; backward functions work from the output y, those by kind and PReLU from x."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import NormShape, SoftmaxShape

Array = NDArray[Any]


def plain_activation(op: str, a: object, b: object) -> None:
    """None: every activation goes by its own function."""


def relu_forward(y: Array, x: Array) -> None:
    """y = max(x, 0); NaN stays NaN."""
    np.maximum(x, 0, out=y)


def add_relu_forward(y: Array, a: Array, b: Array) -> None:
    """y = max(a + b, 0); NaN stays NaN."""
    np.maximum(a + b, 0, out=y)


def relu_backward(dx: Array, dy: Array, y: Array) -> None:
    """dx = dy where y > 0, else 0."""
    dx[...] = np.where(y > 0, dy, 0)


def sigmoid_forward(y: Array, x: Array) -> None:
    """y = 1 / (1 + exp(-x)), through exp(-|x|), which cannot overflow."""
    e = np.exp(-np.abs(x))
    y[...] = np.where(x < 0, e, 1) / (1 + e)


def sigmoid_backward(dx: Array, dy: Array, y: Array) -> None:
    """dx = dy * y * (1 - y)."""
    dx[...] = dy * y * (1 - y)


def tanh_forward(y: Array, x: Array) -> None:
    """y = tanh(x)."""
    np.tanh(x, out=y)


def tanh_backward(dx: Array, dy: Array, y: Array) -> None:
    """dx = dy * (1 - y**2), factored so that it keeps its digits where |y| is near 1."""
    dx[...] = dy * ((1 - y) * (1 + y))


def softmax_forward(y: Array, x: Array, s: SoftmaxShape) -> None:
    """y = exp(x - m) / sum(exp(x - m)) with m the largest element of the row."""
    rows = x.reshape(s)
    with np.errstate(invalid="ignore"):  # inf - inf
        e = np.exp(rows - rows.max(axis=1, keepdims=True, initial=-np.inf))
        np.divide(e, e.sum(axis=1, keepdims=True), out=y.reshape(s))


def softmax_backward(dx: Array, dy: Array, y: Array, s: SoftmaxShape) -> None:
    """dx = y * (dy - sum(dy * y))."""
    dy, y = dy.reshape(s), y.reshape(s)
    np.multiply(y, dy - (dy * y).sum(axis=1, keepdims=True), out=dx.reshape(s))


def log_softmax_forward(y: Array, x: Array, s: SoftmaxShape) -> None:
    """y = (x - m) - log(sum(exp(x - m))) with m the largest element of the row."""
    rows = x.reshape(s)
    with np.errstate(invalid="ignore", divide="ignore"):  # inf - inf, and log(0) of no elements
        shifted = rows - rows.max(axis=1, keepdims=True, initial=-np.inf)
        np.subtract(shifted, np.log(np.exp(shifted).sum(axis=1, keepdims=True)), out=y.reshape(s))


def log_softmax_backward(dx: Array, dy: Array, y: Array, s: SoftmaxShape) -> None:
    """dx = dy - exp(y) * sum(dy)."""
    dy, y = dy.reshape(s), y.reshape(s)
    np.subtract(dy, np.exp(y) * dy.sum(axis=1, keepdims=True), out=dx.reshape(s))


def _logistic(x: Array) -> Array:
    e = np.exp(-np.abs(x))
    return np.asarray(np.where(x < 0, e, 1) / (1 + e))


def _log1p_exp(x: Array) -> Array:
    return np.asarray(np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))))


def _normal(x: Array) -> Array:
    """The normal distribution: erfc(-x / sqrt(2)) / 2, by the C library, number by number."""
    halves = np.asarray(np.frompyfunc(math.erfc, 1, 1)(x.astype(np.float64) * -math.sqrt(0.5)), np.float64) / 2
    return np.asarray(halves, x.dtype)


def _bell(x: Array) -> Array:
    return np.asarray(np.exp(-x * x / 2) / math.sqrt(2 * math.pi))


_SLOPE, _CUBE = 2 * math.sqrt(2 / math.pi), 0.044715  # of GELU's approximation


def _gelu_tanh_slope(x: Array) -> Array:
    x = np.clip(x, -64, 64)  # beyond, the slope is 0 or 1
    u, du = _SLOPE * (x + _CUBE * x**3), _SLOPE * (1 + 3 * _CUBE * x**2)
    return _logistic(u) * (1 + x * _logistic(-u) * du)


def _mish_parts(x: Array) -> tuple[Array, Array]:
    """tanh(log(1 + exp(x))) and 1 less it, out of two terms: t = above / (above + below)."""
    e = np.exp(-np.abs(x))
    above, below = np.where(x < 0, e * (e + 2), 1 + 2 * e), np.where(x < 0, 2, 2 * e * e)
    return above / (above + below), below / (above + below)


def _mish_slope(x: Array) -> Array:
    t, rest = _mish_parts(x)
    return np.asarray(t + x * (rest * (1 + t)) * _logistic(x))


Formula = Callable[..., Any]
# y(x, a, b) of each kind, and dx(dy, x, a, b) = dy y'(x, a, b).
KINDS: dict[str, tuple[Formula, Formula]] = {
    "celu": (
        lambda x, a, b: np.where(x > 0, x, a * np.expm1(np.minimum(x, 0) / a)),
        lambda dy, x, a, b: np.where(x > 0, dy, dy * np.exp(np.minimum(x, 0) / a)),
    ),
    "elu": (
        lambda x, a, b: np.where(x > 0, a * x, b * np.expm1(np.minimum(x, 0))),
        lambda dy, x, a, b: dy * np.where(x > 0, a, b * np.exp(np.minimum(x, 0))),
    ),
    "gelu": (
        lambda x, a, b: np.maximum(x, 0) - np.minimum(np.abs(x), 40) * _normal(-np.abs(x)),  # x P(x), 0 at -inf
        lambda dy, x, a, b: dy * (_normal(x) + x * _bell(x)),
    ),
    "gelu_tanh": (
        lambda x, a, b: x * _logistic(_SLOPE * (x + _CUBE * x**3)),
        lambda dy, x, a, b: dy * _gelu_tanh_slope(x),
    ),
    "hardshrink": (
        lambda x, a, b: np.where((x >= -a) & (x <= a), 0, x),
        lambda dy, x, a, b: np.where((x < -a) | (x > a), dy, 0),
    ),
    "hardsigmoid": (
        lambda x, a, b: np.clip(x + 3, 0, 6) / 6,
        lambda dy, x, a, b: np.where((x > -3) & (x < 3), dy / 6, 0),
    ),
    "hardswish": (
        lambda x, a, b: x * (np.clip(x + 3, 0, 6) / 6),
        lambda dy, x, a, b: np.where(x <= -3, 0, np.where(x < 3, dy * (x / 3 + 0.5), dy)),
    ),
    "hardtanh": (
        lambda x, a, b: np.clip(x, a, b),
        lambda dy, x, a, b: np.where((x > a) & (x < b), dy, 0),
    ),
    "leaky_relu": (
        lambda x, a, b: np.where(x > 0, x, a * x),
        lambda dy, x, a, b: np.where(x > 0, dy, a * dy),
    ),
    "mish": (
        lambda x, a, b: x * _mish_parts(x)[0],
        lambda dy, x, a, b: dy * _mish_slope(x),
    ),
    "silu": (
        lambda x, a, b: x * _logistic(x),
        lambda dy, x, a, b: dy * (_logistic(x) * (1 + x * _logistic(-x))),
    ),
    "softplus": (
        lambda x, a, b: np.where(a * x > b, x, _log1p_exp(a * x) / a),
        lambda dy, x, a, b: np.where(a * x > b, dy, dy * _logistic(a * x)),
    ),
    "softshrink": (
        lambda x, a, b: np.where(x > a, x - a, np.where(x < -a, x + a, x - x)),  # x - x: 0, or NaN
        lambda dy, x, a, b: np.where((x < -a) | (x > a), dy, 0),
    ),
    "softsign": (
        lambda x, a, b: x / (1 + np.abs(x)),
        lambda dy, x, a, b: dy / (1 + np.abs(x)) ** 2,
    ),
    "step": (
        lambda x, a, b: np.where(x > 0, 1, np.where(x < 0, 0, np.where(x == 0, a, x))),
        lambda dy, x, a, b: np.zeros_like(x),
    ),
    "tanhshrink": (
        lambda x, a, b: x - np.tanh(x),
        lambda dy, x, a, b: dy * np.tanh(x) ** 2,
    ),
    "threshold": (
        lambda x, a, b: np.where(x <= a, b, x),
        lambda dy, x, a, b: np.where(x <= a, 0, dy),
    ),
}


def activation_forward(y: Array, x: Array, kind: str, a: float, b: float) -> None:
    """y by the formula of `kind`."""
    with np.errstate(all="ignore"):
        y[...] = KINDS[kind][0](x, a, b)


def activation_backward(dx: Array, dy: Array, x: Array, kind: str, a: float, b: float) -> None:
    """dx = dy times the derivative of `kind` at x."""
    with np.errstate(all="ignore"):
        dx[...] = KINDS[kind][1](dy, x, a, b)


def prelu_forward(y: Array, x: Array, weight: Array, s: NormShape) -> None:
    """y = x where x > 0, else w x."""
    planes = x.reshape(s)
    y.reshape(s)[...] = np.where(planes > 0, planes, weight[:, None] * planes)


def prelu_backward(dx: Array, dweight: Array, dy: Array, x: Array, weight: Array, s: NormShape) -> None:
    """dx = dy where x > 0, else w dy; dweight = sum of dy x where x <= 0."""
    planes, gradients = x.reshape(s), dy.reshape(s)
    dx.reshape(s)[...] = np.where(planes > 0, gradients, weight[:, None] * gradients)
    np.sum(np.where(planes > 0, 0, gradients * planes), axis=(0, 2), out=dweight)
