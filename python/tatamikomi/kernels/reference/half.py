"""Floats of 16 bits, as uint16, to float32 and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

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
