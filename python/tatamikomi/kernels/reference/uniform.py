"""Uniform numbers of samples."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from tatamikomi.random import indexed_words, uniform24

Array = NDArray[Any]


def uniform(y: Array, indices: Array, key: int) -> int:
    """y (n, count), each row by its index and the key's two words, low first; 1 when an index is negative, else 0."""
    if (indices < 0).any():
        return 1
    y[...] = uniform24(indexed_words((key & 0xFFFFFFFF, key >> 32), indices, y.shape[1]))
    return 0
