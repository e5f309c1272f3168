"""The short way of a convolution: the same bits as the long one, and never another answer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.kernels.unplain import Other, askew, foreign

import tatamikomi as tk
from tatamikomi import _native

AUTO = 0  # the policy's code
CASES = [  # x, weight, (stride, padding, dilation, groups)
    ((1, 2, 3, 3), (1, 2, 3, 3), (1, 0, 1, 1)),
    ((2, 3, 9), (4, 3, 2), (2, 1, 3, 1)),
    ((2, 4, 9), (4, 2, 2), ((2,), (1,), (3,), 2)),
    ((3, 6, 8, 11), (6, 1, 3, 2), ((2, 1), (0, 3), (1, 2), 6)),
    ((1, 4, 12, 12), (8, 4, 3, 3), (1, 1, 1, 1)),
    ((2, 2, 5, 6, 7), (3, 2, 1, 3, 2), ((1, 2, 3), (0, 1, 2), 1, 1)),
    ((1, 2, 0, 4), (3, 2, 3, 3), (1, 2, 1, 1)),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("x_shape", "weight_shape", "options"), CASES)
def test_the_short_way_gives_the_same_bits(x_shape: Any, weight_shape: Any, options: Any, dtype: Any) -> None:
    rng = np.random.default_rng(len(x_shape))
    stride, padding, dilation, groups = options
    x, weight = rng.standard_normal(x_shape).astype(dtype), rng.standard_normal(weight_shape).astype(dtype)
    shape = tk.geometry.conv_shape("test", x_shape, weight_shape, *options)
    sizes = (shape.n, shape.oc, *(shape.od, shape.oh, shape.ow)[5 - len(x_shape) :])
    for bias in (None, rng.standard_normal(weight_shape[0]).astype(dtype)):
        for activation in (None, "relu"):
            out = np.empty(sizes, dtype)
            with tk.backend("native"):
                tk.kernels.conv_forward(x, weight, bias, stride, padding, dilation, groups, out, activation=activation)
            short = _native.plain_conv_forward(x, weight, options, activation, bias, AUTO)
            assert type(short) is np.ndarray
            assert short.dtype == dtype
            assert short.flags.carray
            np.testing.assert_array_equal(short, out)


X, WEIGHT, BIAS = np.ones((1, 4, 5, 6), np.float32), np.ones((6, 2, 3, 3), np.float32), np.ones(6, np.float32)


@pytest.mark.parametrize(
    "change",
    [
        {"x": X.tolist()},
        {"x": X.astype(np.int32)},
        {"x": X.astype(np.float64)},
        {"x": foreign(X)},
        {"x": askew(X)},
        {"x": X[..., ::-1]},
        {"x": X.view(Other)},
        {"x": X[0]},
        {"x": X[0, 0]},
        {"x": X[:0]},
        {"x": X[:, :3].copy()},
        {"x": X[:, :0].copy()},
        {"x": X[:, :, :2].copy()},
        {"weight": WEIGHT.astype(np.float64)},
        {"weight": WEIGHT[0]},
        {"weight": WEIGHT[:5].copy()},
        {"weight": WEIGHT[:0].copy()},
        {"weight": WEIGHT[..., :0].copy()},
        {"bias": BIAS[:5]},
        {"bias": BIAS[None]},
        {"bias": BIAS.astype(np.float64)},
        {"bias": 1.0},
        {"activation": "tanh"},
        {"activation": 1},
        *({"options": (stride, 0, 1, 2)} for stride in (0, -1, True, 1.0, np.int64(1), (1,), (1, 0), [1, 1], 2**70)),
        *({"options": (1, padding, 1, 2)} for padding in (-1, "same", ((0, 1), (0, 1)), (0, True), 2**63)),
        *({"options": (1, 0, dilation, 2)} for dilation in (0, (1, 3), None, 2**31)),
        *({"options": (1, 0, 1, groups)} for groups in (0, 1, 4, -2, True, (2,), 2.0)),
    ],
    ids=repr,
)
def test_what_has_anything_to_coerce_or_to_tell_goes_the_long_way(change: dict[str, Any]) -> None:
    plain = {"x": X, "weight": WEIGHT, "options": (1, 0, 1, 2), "activation": "relu", "bias": BIAS, "policy": AUTO}
    assert _native.plain_conv_forward(**plain) is not None
    assert _native.plain_conv_forward(**plain | change) is None


def test_the_policy_in_force_counts() -> None:
    x, weight = np.ones((1, 16, 16, 16), np.float32), np.full((16, 16, 3, 3), 0.1, np.float32)
    for name in ("winograd_f4", "plain"):
        with tk.backend("native"), tk.set_conv_algorithm(name):
            got = tk.kernels.conv_forward(x, weight, padding=1)
        with tk.backend("native"):
            want = tk.kernels.conv_forward(x, weight, padding=1, algorithm=name)
        np.testing.assert_array_equal(got, want)


def test_where_memory_lacks_the_long_way_tells_it() -> None:
    row = np.zeros((1, 1, 1), np.float32)
    assert _native.plain_conv_forward(row, row, (1, 2**19, 1, 1), None, None, AUTO) is not None
    many = np.zeros((1 << 18, 1, 1), np.float32)
    assert _native.plain_conv_forward(many, many, (1, 2**19, 1, 1), None, None, AUTO) is None
    with tk.backend("native"), pytest.raises(MemoryError, match=r"^conv_forward: output: no memory for "):
        tk.kernels.conv_forward(many, many, padding=2**19)
