"""Sampling where gradients and sums say too little: strange numbers in the input and in the grid, layers of edges."""

from __future__ import annotations

import numpy as np
import pytest
from tests.op_specs.running import BACKENDS

import tatamikomi as tk

F = tk.functional


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_no_point_sees_is_not_read(backend):
    x = np.full((1, 2, 3, 3), np.nan)
    x[:, :, :2, :2] = [[1, 2], [3, 4]]
    points = np.array([[[[-1, -1], [0, 0], [-0.5, -0.5], [-3, 0]]]], float)  # the last one lies outside
    with tk.backend(backend):
        y = F.grid_sample(x, points, align_corners=True).numpy()
    assert y[0, 0, 0, [0, 2, 3]].tolist() == [1, 2.5, 0]
    assert np.isnan(y[0, 0, 0, 1])  # its four elements are the middle one and, with weight 0, its NaN neighbours


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding_mode", ["zeros", "border", "reflection"])
def test_points_that_are_no_numbers_harm_nobody_else(backend, mode, padding_mode):
    x = np.random.default_rng(0).standard_normal((1, 2, 4, 5)).astype(np.float32)
    points = np.random.default_rng(1).uniform(-1, 1, (1, 3, 4, 2)).astype(np.float32)
    strange = points.copy()
    strange[0, 1, :, 0] = [np.nan, np.inf, -np.inf, 3e38]
    with tk.backend(backend):
        y, expected = F.grid_sample(x, strange, mode, padding_mode), F.grid_sample(x, points, mode, padding_mode)
    assert np.array_equal(y.numpy()[:, :, [0, 2]], expected.numpy()[:, :, [0, 2]])
    if padding_mode == "zeros" and mode != "bicubic":
        assert y.numpy()[0, :, 1].tolist() == [[0, 0, 0, 0]] * 2
    if padding_mode == "border" and mode == "nearest":
        rows = np.rint(((points[0, 1, :, 1] + 1) * 4 - 1) / 2).clip(0, 3).astype(int)
        assert np.array_equal(y.numpy()[0, :, 1], x[0, :, rows, [0, 4, 0, 4]].T)


def test_the_identity_gives_the_input_back():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    theta = np.tile(np.eye(2, 3), (2, 1, 1))
    for align in (True, False):
        y = F.grid_sample(x, F.affine_grid(theta, x.shape, align), align_corners=align).numpy()
        assert np.allclose(y, x, rtol=0, atol=1e-14)


def test_nearest_passes_no_gradient_to_the_grid():
    x = tk.tensor(np.ones((1, 1, 3, 3)), requires_grad=True)
    points = tk.tensor(np.full((1, 1, 2, 2), 0.3), requires_grad=True)
    F.grid_sample(x, points, "nearest").sum().backward()
    assert x.grad.numpy().sum() == 2
    assert points.grad.tolist() == [[[[0, 0], [0, 0]]]]
