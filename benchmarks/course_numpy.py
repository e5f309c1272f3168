"""The step of the lessons' deep network in NumPy alone, as scripts write it: rows of windows, one product per layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def rows_of(x: Array, size: int, stride: int, pad: int) -> tuple[Array, int, int]:
    """Windows as rows (n * oh * ow, c * size * size), and oh, ow."""
    n, c, h, w = x.shape
    oh, ow = (h + 2 * pad - size) // stride + 1, (w + 2 * pad - size) // stride + 1
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    taps = np.zeros((n, c, size, size, oh, ow), x.dtype)
    for i in range(size):
        for j in range(size):
            taps[:, :, i, j] = padded[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride]
    return taps.transpose(0, 4, 5, 1, 2, 3).reshape(n * oh * ow, -1), oh, ow


def from_rows(rows: Array, shape: tuple[int, ...], size: int, stride: int, pad: int) -> Array:
    """Rows of windows added up where they were, (n, c, h, w)."""
    n, c, h, w = shape
    oh, ow = (h + 2 * pad - size) // stride + 1, (w + 2 * pad - size) // stride + 1
    taps = rows.reshape(n, oh, ow, c, size, size).transpose(0, 3, 4, 5, 1, 2)
    padded = np.zeros((n, c, h + 2 * pad, w + 2 * pad), rows.dtype)
    for i in range(size):
        for j in range(size):
            padded[:, :, i : i + stride * oh : stride, j : j + stride * ow : stride] += taps[:, :, i, j]
    return padded[:, :, pad : pad + h, pad : pad + w]


class Conv:
    """x @ W by rows of windows."""

    def __init__(self, w: Array, b: Array, stride: int, pad: int) -> None:
        self.w, self.b, self.options = w, b, (w.shape[2], stride, pad)

    def forward(self, x: Array) -> Array:
        self.shape = x.shape
        self.rows, oh, ow = rows_of(x, *self.options)
        self.matrix = self.w.reshape(len(self.w), -1).T
        return (self.rows @ self.matrix + self.b).reshape(len(x), oh, ow, -1).transpose(0, 3, 1, 2)

    def backward(self, dy: Array) -> Array:
        flat = dy.transpose(0, 2, 3, 1).reshape(-1, len(self.w))
        self.db = flat.sum(axis=0)
        self.dw = (self.rows.T @ flat).T.reshape(self.w.shape)
        return from_rows(flat @ self.matrix.T, self.shape, *self.options)


class Pool:
    """The maximum of each window of 2 by 2."""

    def forward(self, x: Array) -> Array:
        n, c = x.shape[:2]
        self.shape = x.shape
        rows, oh, ow = rows_of(x, 2, 2, 0)
        rows = rows.reshape(-1, 4)
        self.best = rows.argmax(axis=1)
        return rows.max(axis=1).reshape(n, oh, ow, c).transpose(0, 3, 1, 2)

    def backward(self, dy: Array) -> Array:
        spread = np.zeros((dy.size, 4), dy.dtype)
        spread[np.arange(dy.size), self.best] = dy.transpose(0, 2, 3, 1).ravel()
        return from_rows(spread.reshape(dy.size // self.shape[1], -1), self.shape, 2, 2, 0)


class Relu:
    """max(x, 0) by a mask."""

    def forward(self, x: Array) -> Array:
        self.mask = x <= 0
        y = x.copy()
        y[self.mask] = 0
        return y

    def backward(self, dy: Array) -> Array:
        dx = dy.copy()
        dx[self.mask] = 0
        return dx


class Dense:
    """x @ W + b of rows."""

    def __init__(self, w: Array, b: Array) -> None:
        self.w, self.b = w, b

    def forward(self, x: Array) -> Array:
        self.shape, self.x = x.shape, x.reshape(len(x), -1)
        return self.x @ self.w + self.b

    def backward(self, dy: Array) -> Array:
        self.dw, self.db = self.x.T @ dy, dy.sum(axis=0)
        return (dy @ self.w.T).reshape(self.shape)


class Drop:
    """Half of the elements, drawn anew by np.random."""

    def forward(self, x: Array) -> Array:
        self.mask = np.random.rand(*x.shape) > 0.5
        return x * self.mask

    def backward(self, dy: Array) -> Array:
        return dy * self.mask


class PlainNet:
    """The same layers over the same weights as a network of the course; `params` are its own arrays."""

    def __init__(self, network: Any) -> None:
        self.params = network.params
        self.layers: list[Any] = []
        for layer in network.layers:
            kind = type(layer).__name__
            if kind == "Convolution":
                self.layers.append(Conv(layer.W, layer.b, layer.stride, layer.pad))
            elif kind == "Affine":
                self.layers.append(Dense(layer.W, layer.b))
            else:
                self.layers.append({"Relu": Relu, "Pooling": Pool, "Dropout": Drop}[kind]())

    def gradient(self, x: Array, t: Array) -> dict[str, Array]:
        """Of the mean cross-entropy against labels t."""
        for layer in self.layers:
            x = layer.forward(x)
        y = np.exp(x - x.max(axis=1, keepdims=True))
        y /= y.sum(axis=1, keepdims=True)
        y[np.arange(len(y)), t] -= 1
        dy = y / len(y)
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        weighted = [layer for layer in self.layers if hasattr(layer, "w")]
        grads = {f"W{i}": layer.dw for i, layer in enumerate(weighted, 1)}
        return grads | {f"b{i}": layer.db for i, layer in enumerate(weighted, 1)}
