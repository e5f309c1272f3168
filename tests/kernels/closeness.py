"""Bounds that follow from counting roundings."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from tests.op_specs import spec

Array = NDArray[Any]

# Units in the last place: what cpp/kernels/simd_math.hpp states (and test_simd_math.py measures), and the four that
# NumPy's vector loops stay within. One unit is at most two roundings (u = half a unit).
NATIVE_ULP = {"exp": 1.0, "log": 1.0, "tanh": 3.0}
NUMPY_ULP = 4.0

DTYPES = [np.float32, np.float64]
# Around the lanes of every vector (2 to 16), around the chunk of a parallel loop (8192), and primes.
SIZES = [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 33, 67, 127, 8191, 8193]
THREADS = [1, 2, 3, 7]


def gamma(count: int, dtype: Any) -> float:
    """`count` roundings to this dtype: gamma_K = K u / (1 - K u), u the unit roundoff."""
    return float(spec.gamma(count, spec.roundoff(dtype)))


def roundings(function: str, engine: str) -> float:
    """How many roundings `function` counts for on this engine."""
    return 2 * (NUMPY_ULP if engine == "reference" else NATIVE_ULP[function])


def assert_within(got: Array, exact: Array, bound: Any) -> None:
    """|got - exact| <= bound, elementwise; where exact is no finite number, the same NaN or inf."""
    got = np.asarray(got, np.longdouble)
    exact = np.asarray(exact, np.longdouble)
    assert got.shape == exact.shape
    finite = np.isfinite(exact)
    np.testing.assert_array_equal(got[~finite], exact[~finite])
    error = np.abs(got - exact)[finite]
    limit = np.broadcast_to(np.asarray(bound, np.longdouble), exact.shape)[finite]
    assert np.all(error <= limit), f"error {error.max()}, at most {np.max(error / limit)} times its bound"


def assert_rounded(got: Array, exact: Array, count: float | Array) -> None:
    """`count` roundings, each of half a unit in the last place: relative, and absolute among the subnormals."""
    tiny = float(np.finfo(got.dtype).smallest_subnormal)
    u = np.finfo(got.dtype).eps.astype(np.longdouble) / 2
    count = np.asarray(count, np.longdouble)
    assert_within(got, exact, count * u / (1 - count * u) * np.abs(exact) + count * tiny)


__all__ = ["DTYPES", "SIZES", "THREADS", "assert_rounded", "assert_within", "gamma", "roundings"]
