"""Dropout: the mask comes from (seed, offset) alone, so that backward makes it again. Uniform numbers of samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.random import block_words, indexed_words, uniform24

Array = NDArray[Any]


def dropout_forward(y: Array, x: Array, p: float, seed: int, offset: int) -> None:
    """y = x * (1 / (1 - p) where u >= p, else 0), u = (word >> 8) / 2**24; u >= p is asked of whole numbers."""
    kept = block_words(x.size, seed, offset) >> np.uint32(8) >= math.ceil(p * 2.0**24)
    factor = np.where(kept, x.dtype.type(1 / (1 - p) if p < 1 else 0), x.dtype.type(0))
    with np.errstate(invalid="ignore"):  # inf * 0
        np.multiply(x, factor.reshape(x.shape), out=y)


def dropout_backward(dx: Array, dy: Array, p: float, seed: int, offset: int) -> None:
    """dx = dy times the same factors."""
    dropout_forward(dx, dy, p, seed, offset)


def uniform(y: Array, indices: Array, key: int) -> int:
    """y (n, count), each row by its index and the key's two words, low first; 1 when an index is negative, else 0."""
    if (indices < 0).any():
        return 1
    y[...] = uniform24(indexed_words((key & 0xFFFFFFFF, key >> 32), indices, y.shape[1]))
    return 0
