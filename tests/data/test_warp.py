"""Bilinear sampling against plain loops over fractions, on numbers whose results float32 holds exactly."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from tatamikomi.data import warp_affine

RNG = np.random.default_rng(7)


def plain_warp(x, matrix, fill):
    """The formula, pixel by pixel, in exact arithmetic; float only at the end."""
    n, channels, height, width = x.shape
    y = np.empty(x.shape)
    for i, k, v, u in np.ndindex(n, channels, height, width):
        a, b, c, d, e, f = (Fraction(float(entry)) for entry in np.ravel(matrix[i]))
        across, down = a * u + b * v + c, d * u + e * v + f
        left, top = math.floor(across), math.floor(down)
        total = Fraction(0)
        for row, row_weight in ((top, 1 - (down - top)), (top + 1, down - top)):
            for column, weight in ((left, 1 - (across - left)), (left + 1, across - left)):
                inside = 0 <= row < height and 0 <= column < width
                pixel = Fraction(float(x[i, k, row, column])) if inside else Fraction(fill)
                total += row_weight * weight * pixel
        y[i, k, v, u] = float(total)
    return y


def images(shape, dtype=np.float32):
    return RNG.integers(0, 256, shape).astype(dtype)


def eighths(n, low=-16, high=17):
    """Matrices of multiples of 1/8: coordinates, weights and products then fit into float32 exactly."""
    matrix = RNG.integers(low, high, (n, 2, 3)) / 8
    matrix[:, :, 2] *= 4
    return matrix


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(6, 1, 7, 7), (5, 3, 4, 9), (4, 2, 9, 1), (4, 1, 1, 6), (3, 1, 1, 1)])
@pytest.mark.parametrize("fill", [0, 3])
def test_equals_plain_loops(shape, fill, dtype):
    x, matrix = images(shape, dtype), eighths(shape[0])
    found = warp_affine(x, matrix, fill)
    assert found.dtype == dtype
    assert np.array_equal(found, plain_warp(x, matrix, fill))


def test_near_the_identity_most_of_the_image_is_seen():
    """The case of daily use: small changes, so that hardly anything is fill."""
    x = images((8, 1, 9, 8)) + 1
    matrix = np.array([[1, 0, 0], [0, 1, 0]]) + RNG.integers(-1, 2, (8, 2, 3)) / 8
    found = warp_affine(x, matrix)
    assert np.array_equal(found, plain_warp(x, matrix, 0))
    assert (found > 0).mean() > 0.75


def test_identity_and_whole_shifts_copy_pixels():
    x = RNG.random((2, 2, 5, 6), dtype=np.float32)
    identity = [[1, 0, 0], [0, 1, 0]]
    assert np.array_equal(warp_affine(x, [identity] * 2), x)
    moved = warp_affine(x, [[[1, 0, -2], [0, 1, 1]]] * 2, fill=0.5)  # two to the right, one up
    assert np.array_equal(moved[:, :, :-1, 2:], x[:, :, 1:, :-2])
    assert (moved[:, :, -1] == 0.5).all()
    assert (moved[:, :, :, :2] == 0.5).all()


@pytest.mark.parametrize("huge", [1e6, 1e30])
def test_far_outside_lies_the_fill(huge):
    x = images((4, 1, 3, 3))
    matrix = [
        [[1, 0, huge], [0, 1, 0]],
        [[1, 0, -huge], [0, 1, 0]],
        [[1, 0, 0], [0, 1, huge]],
        [[huge, 0, 1], [huge, 1, 1]],
    ]
    found = warp_affine(x, matrix, fill=7)
    assert (found[:3] == 7).all()
    assert (found[3, 0, :, 1:] == 7).all()


def test_batches_do_not_show():
    for dtype in (np.float32, np.float64):
        x = RNG.random((37, 2, 6, 5)).astype(dtype)
        matrix = RNG.normal(size=(37, 2, 3))
        whole = warp_affine(x, matrix)
        for size in (1, 2, 5, 36):
            parts = [warp_affine(x[i : i + size], matrix[i : i + size]) for i in range(0, 37, size)]
            assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_every_layout_comes_in_and_nothing_is_written_to():
    x = images((4, 3, 6, 8))
    matrix = eighths(4)
    expected = plain_warp(x, matrix, 0)
    read_only = x.copy()
    read_only.flags.writeable = False
    spread = np.zeros((4, 3, 12, 16), np.float32)
    spread[:, :, ::2, ::2] = x
    for other in (np.asfortranarray(x), spread[:, :, ::2, ::2], read_only, x[::-1][::-1], x.astype(">f4")):
        before = other.tobytes()
        found = warp_affine(other, matrix)
        assert np.array_equal(found, expected)
        assert found.dtype == np.float32
        assert found.dtype.isnative
        assert found.flags.c_contiguous
        assert other.tobytes() == before


def test_nan_pixels_stay_near_where_they_are():
    x = images((1, 1, 9, 9))
    x[0, 0, 4, 4] = np.nan
    found = warp_affine(x, [[[1, 0, 0.25], [0, 1, 0.25]]])
    rows, columns = np.nonzero(np.isnan(found[0, 0]))
    assert sorted(zip(rows.tolist(), columns.tolist(), strict=True)) == [(3, 3), (3, 4), (4, 3), (4, 4)]


@pytest.mark.parametrize("shape", [(0, 1, 4, 4), (2, 0, 4, 4), (2, 1, 0, 4), (2, 1, 4, 0)])
def test_empty(shape):
    assert warp_affine(np.zeros(shape), np.zeros((shape[0], 2, 3))).shape == shape


@pytest.mark.parametrize(
    ("x", "matrix", "error", "message"),
    [
        (
            np.zeros((1, 1, 2, 2), np.uint8),
            np.zeros((1, 2, 3)),
            TypeError,
            "warp_affine: x: expected float32 or float64, got uint8",
        ),
        (np.zeros((1, 1, 2, 2), np.float16), np.zeros((1, 2, 3)), TypeError, "got float16"),
        (
            np.zeros((1, 2, 2)),
            np.zeros((1, 2, 3)),
            ValueError,
            r"x: expected shape \(N, C, H, W\), got shape \(1, 2, 2\)",
        ),
        (
            np.zeros((1, 1, 2, 2)),
            np.zeros((2, 3)),
            ValueError,
            r"matrix: expected shape \(1, 2, 3\), got shape \(2, 3\)",
        ),
        (
            np.zeros((1, 1, 2, 2)),
            np.full((1, 2, 3), np.nan),
            ValueError,
            "matrix: expected finite numbers, got NaN or",
        ),
    ],
)
def test_refuses(x, matrix, error, message):
    with pytest.raises(error, match=message):
        warp_affine(x, matrix)
