"""Activations, as their formulas say; backward functions work from the output y."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import SoftmaxShape

Array = NDArray[Any]


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
