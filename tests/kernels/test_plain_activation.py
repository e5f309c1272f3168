"""The short way of activations of plain arrays: the same bits as the long one, and never another answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.kernels.unplain import Other, askew, foreign

import tatamikomi as tk
from tatamikomi import _native

ONE = ["relu_forward", "sigmoid_forward", "tanh_forward"]
TWO = ["relu_backward", "sigmoid_backward", "tanh_backward", "add_relu_forward"]
SHAPES = [(), (0, 3), (17,), (2, 3, 5, 7), (16, 28, 28)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("op", [*ONE, *TWO])
def test_the_short_way_gives_the_same_bits(op: str, shape: tuple[int, ...], dtype: Any) -> None:
    a, b = np.random.default_rng(1).standard_normal((2, *shape)).astype(dtype)
    a, b = np.asarray(a), np.asarray(b)
    given = (a,) if op in ONE else (a, b)
    with tk.backend("native"):
        want = getattr(tk.kernels, op)(*given, out=np.empty(shape, dtype))
        got = getattr(tk.kernels, op)(*given)
    short = _native.plain_activation(op, a, None if op in ONE else b)
    for array in (short, got):
        assert type(array) is np.ndarray
        assert array.dtype == dtype
        assert array.flags.carray
        np.testing.assert_array_equal(array, want)


X = np.random.default_rng(2).standard_normal((3, 4)).astype(np.float32)
ODD = {
    "a list": [1.0, 2.0],
    "None": None,
    "integers": np.ones((3, 4), int),
    "half": X.astype(np.float16),
    "foreign": foreign(X),
    "transposed": X.T.copy().T,
    "reversed": X[:, ::-1],
    "askew": askew(X),
    "a subclass": X.view(Other),
}


@pytest.mark.parametrize("name", ODD)
def test_what_has_anything_to_coerce_or_to_tell_goes_the_long_way(name: str) -> None:
    odd = ODD[name]
    assert _native.plain_activation("relu_forward", odd, None) is None
    assert _native.plain_activation("relu_backward", odd, X) is None
    if odd is not None:
        assert _native.plain_activation("relu_backward", X, odd) is None


@pytest.mark.parametrize("other", [X.astype(np.float64), X[:2], X.reshape(4, 3), X.ravel(), X[None]])
def test_two_arrays_that_differ_in_shape_or_dtype_go_the_long_way(other: Any) -> None:
    for op in TWO:
        assert _native.plain_activation(op, X, X) is not None
        assert _native.plain_activation(op, X, other) is None
        assert _native.plain_activation(op, other, X) is None


def test_no_op_takes_another_number_of_arrays() -> None:
    for op, b in [*((op, X) for op in ONE), *((op, None) for op in TWO), ("softmax_forward", None), ("", X)]:
        assert _native.plain_activation(op, X, b) is None
