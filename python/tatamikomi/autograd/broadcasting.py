"""Repeating along dimensions and adding up along them: each is the other's gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.autograd.function import Function
from tatamikomi.autograd.tensor import Tensor


class _BroadcastTo(Function):
    view = True

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        self.source = x.shape
        return np.broadcast_to(x, self.shape)

    def backward(self, dy: Tensor) -> Tensor:
        return sum_to(dy, self.source)


class _SumTo(Function):
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    def forward(self, x: NDArray[Any]) -> NDArray[Any]:
        self.source = x.shape
        lead = x.ndim - len(self.shape)
        axes = tuple(axis for axis in range(x.ndim) if axis < lead or (self.shape[axis - lead] == 1 != x.shape[axis]))
        total: NDArray[Any] = x.sum(axis=axes, keepdims=True)
        return total.reshape(self.shape)

    def backward(self, dy: Tensor) -> Tensor:
        return broadcast_to(dy, self.source)


def broadcast_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """x repeated to `shape` without a copy."""
    return x if x._data.shape == shape else _BroadcastTo(shape)(x)


def sum_to(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """x summed over the dimensions along which `shape` was repeated to give x's shape."""
    return x if x._data.shape == shape else _SumTo(shape)(x)
