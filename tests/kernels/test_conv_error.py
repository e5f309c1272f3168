"""Winograd's rounding errors: what `explain_conv` publishes holds over random shapes, and is not far above them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi import _native
from tatamikomi.geometry import conv_shape
from tatamikomi.kernels.algorithm import POLICIES

ALGORITHMS = {"winograd_f4": 1, "winograd_f2": 1, "winograd_strided": 2}  # their stride
DIRECTIONS = ["forward", "backward_input", "backward_weight"]


def ratio(direction: str, algorithm: str, rng: np.random.Generator) -> float:
    """The error of one random layer on standard normal data, over the published one."""
    n, h, w = (int(one) for one in rng.integers((1, 4, 4), (5, 33, 33)))
    ic, oc = (int(one) for one in 2 ** rng.uniform(3, 8, 2))
    stride, padding = ALGORITHMS[algorithm], int(rng.integers(0, 3))
    kernel = (1, 3) if algorithm == "winograd_f4" and rng.random() < 0.2 else (3, 3)
    x = rng.standard_normal((n, ic, h, w)).astype(np.float32)
    weight = rng.standard_normal((oc, ic, *kernel)).astype(np.float32)
    shape = conv_shape("test", x.shape, weight.shape, stride, padding, 1, 1)
    options: dict[str, Any] = {"stride": stride, "padding": padding}

    def compute(dtype: type, name: str) -> Any:
        a, b = x.astype(dtype), weight.astype(dtype)
        if direction == "forward":
            return tk.kernels.conv_forward(a, b, **options, algorithm=name)
        dy = tk.kernels.conv_forward(x, weight, **options, algorithm="direct") / np.float32(np.sqrt(9 * ic))
        dy = np.random.default_rng(1).permuted(dy.ravel()).reshape(dy.shape).astype(dtype)
        if direction == "backward_input":
            return tk.kernels.conv_backward_input(dy, b, x.shape, **options, algorithm=name)
        return tk.kernels.conv_backward_weight(dy, a, weight.shape, **options, algorithm=name)

    exact = compute(np.float64, "direct")
    error = np.abs(compute(np.float32, algorithm) - exact).max() / np.abs(exact).max()
    listed = _native.conv_algorithms(direction, np.dtype(np.float32), shape, POLICIES[algorithm])
    return float(error / next(published for name, _, _, _, published in listed if name == algorithm))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_published_error_holds_with_a_margin_of_no_more_than_three(direction: str, algorithm: str) -> None:
    rng = np.random.default_rng(0)
    ratios = [ratio(direction, algorithm, rng) for _ in range(24)]
    assert 1 / 3 <= max(ratios) <= 1
