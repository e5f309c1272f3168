"""Dropout element by element, on Philox4x32-10 in plain Python integers."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOW = 0xFFFFFFFF


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, int, int, int]:
    """Ten rounds as the paper draws them: two 32 x 32 -> 64 bit products, their halves crossed over."""
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (right >> 32) ^ b ^ k0, right & LOW, (left >> 32) ^ d ^ k1, left & LOW
        k0, k1 = (k0 + 0x9E3779B9) & LOW, (k1 + 0xBB67AE85) & LOW
    return a, b, c, d


def kept(index: int, p: float, seed: int, offset: int) -> bool:
    """u >= p, both as exact fractions."""
    block = index // 4
    words = philox((block & LOW, block >> 32, offset & LOW, offset >> 32), (seed & LOW, seed >> 32))
    return Fraction(words[index % 4] >> 8, 1 << 24) >= Fraction(p)


def mask(count: int, p: float, seed: int, offset: int) -> NDArray[np.bool_]:
    return np.array([kept(i, p, seed, offset) for i in range(count)], bool)


def dropout(x: NDArray[Any], p: float, seed: int, offset: int) -> NDArray[Any]:
    """x / (1 - p) where kept, in extended precision."""
    keep = mask(x.size, p, seed, offset).reshape(x.shape)
    y = np.zeros(x.shape, np.longdouble)
    y[keep] = x[keep].astype(np.longdouble) / (1 - np.longdouble(p))
    return y
