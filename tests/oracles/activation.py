"""Activations from their definitions, in extended precision; softmax row by row."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
WIDE = np.longdouble


def relu(x: Array) -> Array:
    return np.array([v if v > 0 or v != v else 0.0 for v in x.ravel().tolist()]).reshape(x.shape)


def add_relu(a: Array, b: Array) -> Array:
    total = a.astype(WIDE) + b.astype(WIDE)
    return np.array([v if v > 0 or v != v else 0 for v in total.ravel()], WIDE).reshape(a.shape)


def relu_backward(dy: Array, y: Array) -> Array:
    pairs = zip(dy.ravel().tolist(), y.ravel().tolist(), strict=True)
    return np.array([g if v > 0 else 0.0 for g, v in pairs]).reshape(y.shape)


def sigmoid(x: Array) -> Array:
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-x.astype(WIDE)))


def sigmoid_backward(dy: Array, y: Array) -> Array:
    dy, y = dy.astype(WIDE), y.astype(WIDE)
    return dy * y * (1 - y)  # 1 - y first: nothing cancels


def tanh(x: Array) -> Array:
    return np.tanh(x.astype(WIDE))


def tanh_backward(dy: Array, y: Array) -> Array:
    dy, y = dy.astype(WIDE), y.astype(WIDE)
    return dy * (1 - y) * (1 + y)  # factored: nothing cancels


def rows(x: Array, axis: int) -> Array:
    """A copy in extended precision, (rows, length): one row per position of the other axes."""
    moved = np.moveaxis(x.astype(WIDE), axis, -1)
    return moved.reshape(-1, moved.shape[-1]) if x.size else np.zeros((0, x.shape[axis]), WIDE)


def unrows(table: Array, shape: tuple[int, ...], axis: int) -> Array:
    """The inverse of `rows`."""
    moved = list(shape)
    moved.append(moved.pop(axis))
    return np.moveaxis(table.reshape(moved), -1, axis)


def softmax(x: Array, axis: int) -> Array:
    table = rows(x, axis)
    for row in table:
        shifted = [np.exp(v - max(row)) for v in row]
        row[:] = [e / sum(shifted) for e in shifted]
    return unrows(table, x.shape, axis)


def log_softmax(x: Array, axis: int) -> Array:
    table = rows(x, axis)
    for row in table:
        top = max(row)
        row[:] = [v - top - np.log(sum(np.exp(w - top) for w in row)) for v in row]
    return unrows(table, x.shape, axis)


def softmax_backward(dy: Array, y: Array, axis: int) -> Array:
    """dx[j] = sum over i of dy[i] y[i] ((i = j) - y[j]), the Jacobian written out."""
    gradients, outputs = rows(dy, axis), rows(y, axis)
    table = np.zeros_like(outputs)
    for g, p, row in zip(gradients, outputs, table, strict=True):
        for j in range(len(p)):
            row[j] = sum(g[i] * p[i] * ((i == j) - p[j]) for i in range(len(p)))
    return unrows(table, y.shape, axis)


def log_softmax_backward(dy: Array, y: Array, axis: int) -> Array:
    """dx[j] = sum over i of dy[i] ((i = j) - exp(y[j]))"""
    gradients, outputs = rows(dy, axis), rows(y, axis)
    table = np.zeros_like(outputs)
    for g, logs, row in zip(gradients, outputs, table, strict=True):
        for j in range(len(logs)):
            row[j] = sum(g[i] * ((i == j) - np.exp(logs[j])) for i in range(len(logs)))
    return unrows(table, y.shape, axis)
