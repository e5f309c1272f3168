"""Arrays that equal another and want coercion: kernels' short ways leave them to the long one."""

from __future__ import annotations

import numpy as np


def foreign(array: np.ndarray) -> np.ndarray:
    """In the other byte order."""
    return array.astype(array.dtype.newbyteorder())


def askew(array: np.ndarray) -> np.ndarray:
    """Beginning between two elements."""
    bytes_ = np.zeros(array.nbytes + 1, np.uint8)
    copy = bytes_[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


class Other(np.ndarray):
    """What overrides its own arithmetic."""
