"""Dropout: the mask comes from (seed, offset) alone, so that backward makes it again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.random import block_words

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
