"""What the machine can do at most, by measurement: the scale beside which a layer's GFLOP/s are read."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import DTypeLike

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels import matmul

_SIZES = (256, 512)  # short enough that some product runs without an interruption


def machine_peak(dtype: DTypeLike = np.float32, seconds: float = 0.3) -> float:
    """GFLOP/s of the fastest of many products of square matrices, on the backend and the threads in use.

    That is below what the processor's multiply-adds alone would reach, and as much as real work does. Convolutions are
    counted in the direct form's multiply-adds, so that Winograd's algorithm may go beyond.

    Args:
        dtype: float32 or float64.
        seconds: how long to measure, > 0.

    Raises:
        TypeError, ValueError: another dtype, seconds out of range.

    >>> from tatamikomi import interpret
    >>> interpret.machine_peak(seconds=0.01) > 0
    True
    """
    op, kind = "machine_peak", np.dtype(dtype)
    if kind not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise bad_type(op, "dtype", str(kind), "float32 or float64")
    if not 0 < seconds < float("inf"):
        raise bad_value(op, "seconds", seconds, "a finite number > 0")
    best = 0.0
    for size in _SIZES:
        one, out = np.ones((size, size), kind), np.empty((size, size), kind)
        matmul(one, one, out=out)
        end = time.perf_counter() + seconds / len(_SIZES)
        while (begin := time.perf_counter()) < end:
            matmul(one, one, out=out)
            best = max(best, 2 * size**3 / (time.perf_counter() - begin) / 1e9)
    return best
