"""Floats of 16 bits, as uint16, to float32 and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import MatmulShape
from tatamikomi.kernels.reference.linear import matmul

Array = NDArray[Any]


def half_to_float(y: Array, x: Array) -> None:
    """IEEE's float16 widened."""
    y[...] = x.view(np.float16)


def float_to_half(y: Array, x: Array) -> None:
    """Rounded to the nearest float16, ties to even."""
    with np.errstate(over="ignore", invalid="ignore"):
        y[...] = x.astype(np.float16).view(np.uint16)


def bfloat16_to_float(y: Array, x: Array) -> None:
    """bfloat16 is the upper half of a float."""
    y[...] = (x.astype(np.uint32) << 16).view(np.float32)


def float_to_bfloat16(y: Array, x: Array) -> None:
    """The upper half, rounded to the nearest, ties to even; a NaN stays one."""
    bits = x.view(np.uint32)
    rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
    y[...] = np.where(np.isnan(x), (bits >> 16) | 0x40, rounded)


def linear_half(y: Array, x: Array, weight: Array, bias: Array | None, shape: MatmulShape, relu: bool) -> None:
    """The linear layer on float16, widened first."""
    matmul(y, x.view(np.float16).astype(np.float32), weight.view(np.float16).astype(np.float32), bias, shape, relu)


def linear_bfloat16(y: Array, x: Array, weight: Array, bias: Array | None, shape: MatmulShape, relu: bool) -> None:
    """The linear layer on bfloat16, widened first."""
    a, w = np.empty(x.shape, np.float32), np.empty(weight.shape, np.float32)
    bfloat16_to_float(a, x)
    bfloat16_to_float(w, weight)
    matmul(y, a, w, bias, shape, relu)
