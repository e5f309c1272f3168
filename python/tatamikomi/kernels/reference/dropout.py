"""Dropout: the mask comes from (seed, offset) alone, so that backward makes it again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.random import philox, philox_key

Array = NDArray[Any]


def _words(count: int, seed: int, offset: int) -> NDArray[np.uint32]:
    """Word i % 4 of Philox at counter (i // 4, offset), two 32-bit words each, low first, for i < count."""
    block = np.arange((count + 3) // 4, dtype=np.uint64)
    counter = np.empty((block.size, 4), np.uint32)
    counter[:, 0] = block & np.uint64(0xFFFFFFFF)
    counter[:, 1] = block >> np.uint64(32)
    counter[:, 2:] = offset & 0xFFFFFFFF, offset >> 32
    return philox(counter, philox_key(seed)).reshape(-1)[:count]


def dropout_forward(y: Array, x: Array, p: float, seed: int, offset: int) -> None:
    """y = x * (1 / (1 - p) where u >= p, else 0), u = (word >> 8) / 2**24; u >= p is asked of whole numbers."""
    kept = _words(x.size, seed, offset) >> np.uint32(8) >= math.ceil(p * 2.0**24)
    factor = np.where(kept, x.dtype.type(1 / (1 - p) if p < 1 else 0), x.dtype.type(0))
    with np.errstate(invalid="ignore"):  # inf * 0
        np.multiply(x, factor.reshape(x.shape), out=y)


def dropout_backward(dx: Array, dy: Array, p: float, seed: int, offset: int) -> None:
    """dx = dy times the same factors."""
    dropout_forward(dx, dy, p, seed, offset)
