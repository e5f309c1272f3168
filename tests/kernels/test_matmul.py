"""The short way of a small product: the same bits as the long one, and never another answer."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from tests.kernels.unplain import Other, askew, foreign

import tatamikomi as tk
from tatamikomi import _native

SIZES = [(1, 1, 1), (1, 10, 84), (7, 5, 3), (50, 17, 70), (3, 0, 4), (0, 2, 2), (2, 3, 0)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("m", "n", "k"), SIZES)
def test_the_short_way_gives_the_same_bits(m: int, n: int, k: int, dtype: Any) -> None:
    rng = np.random.default_rng(m * n + k)
    for transpose_a, transpose_b, biased, activation in itertools.product(*[(False, True)] * 3, (None, "relu")):
        a = rng.standard_normal((k, m) if transpose_a else (m, k)).astype(dtype)
        b = rng.standard_normal((n, k) if transpose_b else (k, n)).astype(dtype)
        bias = rng.standard_normal(n).astype(dtype) if biased else None
        with tk.backend("native"):
            want = tk.kernels.matmul(a, b, transpose_a, transpose_b, bias, activation, out=np.empty((m, n), dtype))
        short = _native.plain_matmul(a, b, transpose_a, transpose_b, bias, activation)
        assert type(short) is np.ndarray
        assert short.dtype == dtype
        assert short.flags.carray
        np.testing.assert_array_equal(short, want)


X, WEIGHT, BIAS = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32), np.ones(4, np.float32)


@pytest.mark.parametrize(
    "change",
    [
        {"a": [[1.0, 2.0, 3.0]]},
        {"a": None},
        {"a": X.astype(np.int32)},
        {"a": X.astype(np.float64)},
        {"a": foreign(X)},
        {"a": askew(X)},
        {"a": X[:, ::-1]},
        {"a": X.T},
        {"a": X[None]},
        {"a": X.view(Other)},
        {"b": WEIGHT.astype(np.float64)},
        {"b": WEIGHT[0]},
        {"b": WEIGHT[:2]},
        {"transpose_a": 0},
        {"transpose_b": np.False_},
        {"bias": BIAS[:3]},
        {"bias": BIAS[None]},
        {"bias": BIAS.astype(np.float64)},
        {"bias": 1.0},
        {"activation": "tanh"},
        {"activation": "relux"},
        {"activation": 1},
    ],
    ids=repr,
)
def test_what_has_anything_to_coerce_or_to_tell_goes_the_long_way(change: dict[str, Any]) -> None:
    plain = {"a": X, "b": WEIGHT, "transpose_a": False, "transpose_b": False, "bias": BIAS, "activation": "relu"}
    assert _native.plain_matmul(**plain) is not None
    assert _native.plain_matmul(**plain | change) is None


@pytest.mark.parametrize("n", [1, 7, 8, 31, 32, 33, 67])
def test_one_term_is_added_to_nothing(n: int) -> None:
    """c = 0 + a b, as of more terms: a product -0 becomes 0; NaN and inf go through."""
    a, b = np.array([[-1.0, 0.0, np.inf]], np.float32), np.zeros((1, n), np.float32)
    with tk.backend("native"):
        c = tk.kernels.matmul(a, b, transpose_a=True)
    np.testing.assert_array_equal(np.signbit(c[:2]), False)
    np.testing.assert_array_equal(c, np.broadcast_to([[0.0], [0.0], [np.nan]], (3, n)))
    with tk.backend("native"):
        np.testing.assert_array_equal(tk.kernels.matmul(a.T, b + 3), np.broadcast_to([[-3.0], [0.0], [np.inf]], (3, n)))
