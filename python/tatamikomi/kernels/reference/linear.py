"""The matrix product."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import MatmulShape


def matmul(
    c: NDArray[Any], a: NDArray[Any], b: NDArray[Any], bias: NDArray[Any] | None, shape: MatmulShape, relu: bool
) -> None:
    """c (batch, m, n) = op(a) (batch, m, k) @ op(b) (batch, k, n) + bias (n), then perhaps ReLU."""
    s = shape
    left = a.reshape(s.batch if s.a_stride else 1, *((s.k, s.m) if s.transpose_a else (s.m, s.k)))
    right = b.reshape(s.batch if s.b_stride else 1, *((s.n, s.k) if s.transpose_b else (s.k, s.n)))
    # NumPy's BLAS was seen to raise "invalid value" for finite numbers; the native kernel warns of nothing.
    with np.errstate(invalid="ignore"):
        np.matmul(
            left.swapaxes(1, 2) if s.transpose_a else left,
            right.swapaxes(1, 2) if s.transpose_b else right,
            out=c.reshape(s.batch, s.m, s.n),
        )
    if bias is not None:
        np.add(c, bias, out=c)
    if relu:
        np.copyto(c, 0, where=c <= 0)


def plain_matmul(
    a: object, b: object, transpose_a: object, transpose_b: object, bias: object, activation: object
) -> None:
    """None: every product goes by `matmul`."""
