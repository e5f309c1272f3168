"""im2col in the lessons' layout, its teaching switch, and the other small things."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tatamikomi.course import gradient, util

DRAW = np.random.default_rng(8)
# The matrices that a course's report prints, without and with the axes moved.
PRINTED = [
    [[[14, 76, 97, 14], [44, 48, 34, 61], [2, 88, 9, 53], [35, 91, 1, 31]]],
    [[[96, 41, 66, 64], [56, 57, 67, 31], [22, 75, 63, 49], [9, 30, 23, 17]]],
]
MIXED = [
    [14, 76, 44, 48, 76, 97, 48, 34, 97],
    [14, 34, 61, 44, 48, 2, 88, 48, 34],
    [88, 9, 34, 61, 9, 53, 2, 88, 35],
    [91, 88, 9, 91, 1, 9, 53, 1, 31],
]
MOVED = [
    [14, 76, 97, 44, 48, 34, 2, 88, 9],
    [76, 97, 14, 48, 34, 61, 88, 9, 53],
    [44, 48, 34, 2, 88, 9, 35, 91, 1],
    [48, 34, 61, 88, 9, 53, 91, 1, 31],
]


def test_the_printed_matrices():
    assert util.im2col(np.array(PRINTED), 3, 3, transpose=False)[:4].tolist() == MIXED
    assert util.im2col(np.array(PRINTED), 3, 3)[:4].tolist() == MOVED


def windows(x, fh, fw, stride, pad):
    """One window after the other, by slices."""
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    rows = range(0, padded.shape[2] - fh + 1, stride), range(0, padded.shape[3] - fw + 1, stride)
    return [padded[n, :, i : i + fh, j : j + fw].ravel() for n in range(len(x)) for i, j in itertools.product(*rows)]


@pytest.mark.parametrize(("stride", "pad"), [(1, 0), (2, 1), (3, 2)])
@pytest.mark.parametrize("transpose", [True, False])
def test_im2col_and_its_adjoint(stride, pad, transpose):
    x = DRAW.integers(-4, 5, (2, 3, 6, 7)).astype(np.float32)
    col = util.im2col(x, 3, 2, stride, pad, transpose=transpose)
    assert col.dtype == np.float32
    if transpose:
        assert np.array_equal(col, windows(x, 3, 2, stride, pad))
    other = DRAW.integers(-4, 5, col.shape).astype(np.float32)
    back = util.col2im(other, x.shape, 3, 2, stride, pad, transpose=transpose)
    assert np.sum(col * other) == np.sum(x * back)  # small integers: exact
    with pytest.raises(ValueError, match="col2im: col: expected shape"):
        util.col2im(other[1:], x.shape, 3, 2, stride, pad)


def test_sizes():
    cases = [(5, 3, 1, 0, 3), (11, 3, 2, 2, 7), (6, 2, 1, 1, 7), (4, 2, 2, 0, 2), (224, 11, 4, 0, 54), (3, 3, 5, 0, 1)]
    for size, filter_size, stride, pad, expected in cases:
        assert util.conv_output_size(size, filter_size, stride, pad) == expected
    with pytest.raises(ValueError, match="filter_size: expected at most 4, the input with its pads, got 5"):
        util.conv_output_size(2, 5, pad=1)


@pytest.mark.parametrize("length", [1, 4, 11, 40])
def test_smooth_curve(length):
    x = DRAW.standard_normal(length)
    weights = np.kaiser(11, 2) / np.kaiser(11, 2).sum()
    mirrored = {k: x[k] for k in range(length)}
    if length > 5:
        mirrored |= {-k: x[k] for k in range(1, 6)} | {length - 1 + k: x[length - k] for k in range(1, 6)}
        expected = [sum(weights[k] * mirrored[i + k - 5] for k in range(11)) for i in range(length)]
        np.testing.assert_allclose(util.smooth_curve(x.tolist()), expected, atol=1e-14)
    assert util.smooth_curve(x).shape == (length,)


def test_shuffle_dataset_keeps_pairs():
    np.random.seed(1)
    order = np.random.permutation(9)
    for shape in ((9, 2), (9, 1, 2, 2)):
        np.random.seed(1)
        x, t = util.shuffle_dataset(np.arange(np.prod(shape)).reshape(shape), np.arange(9))
        assert t.tolist() == order.tolist()
        assert np.array_equal(x, np.arange(np.prod(shape)).reshape(shape)[t])


def test_numerical_gradient_leaves_x_as_it_was():
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(gradient.numerical_gradient(lambda x: np.sum(x**3), x), 3 * x**2, rtol=1e-7)
    assert x.tolist() == [[1, 2], [3, 4]]
    single = x.astype(np.float32)
    np.testing.assert_allclose(gradient.numerical_gradient(lambda x: np.sum(x**2), single), 2 * x, rtol=1e-3)

    def stumbles(x):
        raise KeyError("f")

    with pytest.raises(KeyError):
        gradient.numerical_gradient(stumbles, x)
    assert x.tolist() == [[1, 2], [3, 4]]
    with pytest.raises(TypeError, match=r"x: expected an array of floats.* got int64"):
        gradient.numerical_gradient(np.sum, np.arange(3))
