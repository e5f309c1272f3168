"""What depthwise kernels have of their own: planes side by side, strips of planes, paths past the caches."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.oracles import conv as oracle

import tatamikomi as tk


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize(("size", "stride"), [(7, 1), (14, 2), (14, 1), (28, 2)])
def test_depthwise_channels_keep_what_is_not_finite_to_themselves(size: int, stride: int, value: float) -> None:
    """Maps of 7 outputs lie side by side in a vector: a channel's neighbours do not see it, nor do other outputs. Whole
    numbers: the plain loops, which take what is not finite, add in another order."""
    rng = np.random.default_rng(9)
    x = rng.integers(-2, 3, (2, 5, size, size)).astype(np.float32)
    weight = rng.integers(-2, 3, (5, 1, 3, 3)).astype(np.float32)
    options = {"stride": stride, "padding": 1, "groups": 5, "algorithm": "depthwise"}
    y = tk.kernels.conv_forward(x, weight, **options)
    dx = tk.kernels.conv_backward_input(y, weight, x.shape, **options)
    dweight = tk.kernels.conv_backward_weight(y, x, weight.shape, **options)
    spoilt, spoilt_dy, last = x.copy(), y.copy(), y.shape[-1] - 1
    spoilt[0, 2, -1, -1] = spoilt_dy[0, 2, -1, -1] = value
    out = tk.kernels.conv_forward(spoilt, weight, **options)
    seen = {(0, 2, i, j) for i in range(last + 1) for j in range(last + 1) if min(i, j) * stride + 1 >= size - 1}
    assert {tuple(at) for at in np.argwhere(out != y).tolist()} == seen
    back = tk.kernels.conv_backward_input(spoilt_dy, weight, x.shape, **options)
    first = last * stride - 1
    seen = {(0, 2, i, j) for i in range(first, size) for j in range(first, size) if max(i, j) <= first + 2}
    assert {tuple(at) for at in np.argwhere(back != dx).tolist()} == seen
    others = [0, 1, 3, 4]
    of_x = tk.kernels.conv_backward_weight(y, spoilt, weight.shape, **options)
    of_dy = tk.kernels.conv_backward_weight(spoilt_dy, x, weight.shape, **options)
    np.testing.assert_array_equal(of_x[others], dweight[others])
    np.testing.assert_array_equal(of_dy[others], dweight[others])


@pytest.mark.parametrize(("kernel", "stride"), [(3, 1), (3, 2), (5, 1), (5, 2)])
def test_depthwise_layers_that_outgrow_the_caches_are_their_images_one_by_one(kernel: int, stride: int) -> None:
    """Rows are called in ahead then, on a path of its own; whole numbers, so that sums over images are equal too."""
    rng = np.random.default_rng(8)
    x = rng.integers(-2, 3, (16, 70, 65, 67)).astype(np.float32)
    weight = rng.integers(-2, 3, (70, 1, kernel, kernel)).astype(np.float32)
    options = {"stride": stride, "padding": kernel // 2, "groups": 70, "algorithm": "depthwise"}
    images_are_computed_one_by_one(x, weight, options)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize(
    ("shape", "stride", "padding"),
    [
        ((2, 3, 113, 112), 1, 1),
        ((2, 3, 113, 112), 2, 1),
        ((1, 2, 90, 500), 1, 2),
        ((1, 2, 90, 500), 2, 0),
        ((1, 2, 9, 2000), 1, 0),
        ((3, 5, 7, 7), 1, 1),  # two planes side by side, the last one by itself
        ((3, 5, 14, 14), 2, 1),
    ],
)
def test_depthwise_weight_gradients_in_strips_of_planes(
    shape: tuple[int, ...], stride: int, padding: int, masked: bool
) -> None:
    """Rows where strips meet are read twice, and count once; whole numbers, so that the order of sums shows nothing."""
    rng = np.random.default_rng(17)
    options = {"stride": stride, "padding": padding, "groups": shape[1]}
    x = rng.integers(-2, 3, shape).astype(np.float32)
    dy_shape = tk.kernels.conv_forward(x, np.zeros((shape[1], 1, 3, 3), np.float32), **options).shape
    dy, y = (rng.integers(-2, 3, dy_shape).astype(np.float32) for _ in range(2))
    dbias = np.full(shape[1], np.nan, np.float32)
    result = tk.kernels.conv_backward_weight(
        dy, x, (shape[1], 1, 3, 3), **options, y=y if masked else None, dbias=dbias, algorithm="depthwise"
    )
    counted = np.where(y > 0, dy, 0) if masked else dy
    np.testing.assert_array_equal(result, oracle.backward_weight(counted, x, (shape[1], 1, 3, 3), **options))
    np.testing.assert_array_equal(dbias, counted.sum((0, 2, 3)))


def test_depthwise_signals_that_outgrow_the_caches_are_their_images_one_by_one() -> None:
    rng = np.random.default_rng(10)
    x = rng.integers(-2, 3, (16, 140, 1003)).astype(np.float32)
    weight = rng.integers(-2, 3, (140, 1, 5)).astype(np.float32)
    images_are_computed_one_by_one(x, weight, {"padding": 2, "groups": 140, "algorithm": "depthwise"})


def images_are_computed_one_by_one(x: np.ndarray, weight: np.ndarray, options: dict[str, Any]) -> None:
    y = tk.kernels.conv_forward(x, weight, **options)
    dy, ones = y % 5 - 2, [slice(i, i + 1) for i in range(len(x))]
    dx = tk.kernels.conv_backward_input(dy, weight, x.shape, **options)
    dweight = tk.kernels.conv_backward_weight(dy, x, weight.shape, **options)
    total = np.zeros_like(dweight)
    for one in ones:
        np.testing.assert_array_equal(tk.kernels.conv_forward(x[one], weight, **options), y[one])
        alone = tk.kernels.conv_backward_input(dy[one], weight, x[one].shape, **options)
        np.testing.assert_array_equal(alone, dx[one])
        total += tk.kernels.conv_backward_weight(dy[one], x[one], weight.shape, **options)
    np.testing.assert_array_equal(dweight, total)
