"""Odds and ends of the lessons: im2col and back, sizes, shuffling, smoothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi import kernels
from tatamikomi.course.dtypes import floats
from tatamikomi.errors import bad_value
from tatamikomi.kernels.arrays import Array

__all__ = ["col2im", "conv_output_size", "im2col", "np", "shuffle_dataset", "smooth_curve"]

_WINDOW = 11


def conv_output_size(input_size: int, filter_size: int, stride: int = 1, pad: int = 0) -> int:
    """How many places a filter takes along an axis: floor((input_size + 2 * pad - filter_size) / stride) + 1.

    Raises:
        ValueError: the filter is larger than the padded axis.

    >>> from tatamikomi.course.util import conv_output_size
    >>> conv_output_size(11, 3, stride=2, pad=2)
    7
    """
    room = input_size + 2 * pad - filter_size
    if room < 0:
        expected = f"at most {input_size + 2 * pad}, the input with its pads"
        raise bad_value("conv_output_size", "filter_size", filter_size, expected)
    return room // stride + 1


def im2col(
    input_data: ArrayLike, filter_h: int, filter_w: int, stride: int = 1, pad: int = 0, transpose: bool = True
) -> Array:
    """Every window of images as a row: (N, C, H, W) to (N * OH * OW, C * filter_h * filter_w).

    Args:
        input_data: images; integers become float64.
        filter_h, filter_w, stride, pad: of the windows; pads are zeros.
        transpose: False leaves out moving the axes, to show what goes wrong then: rows mix windows.

    Raises:
        TypeError, ValueError: as tk.kernels.im2col.

    >>> import numpy as np
    >>> from tatamikomi.course.util import im2col
    >>> im2col(np.arange(9).reshape(1, 1, 3, 3), 2, 2)
    array([[0., 1., 3., 4.],
           [1., 2., 4., 5.],
           [3., 4., 6., 7.],
           [4., 5., 7., 8.]])
    """
    (x,) = floats(input_data)
    cols = kernels.im2col(x, (filter_h, filter_w), 1, pad, stride)  # (N, C * taps, OH * OW)
    rows = cols.transpose(0, 2, 1) if transpose else cols
    return rows.reshape(-1, cols.shape[1])


def col2im(
    col: ArrayLike,
    input_shape: Sequence[int],
    filter_h: int,
    filter_w: int,
    stride: int = 1,
    pad: int = 0,
    transpose: bool = True,
) -> Array:
    """Rows of im2col back to where their windows were, (N, C, H, W); overlaps are added up: im2col's adjoint.

    Args:
        col: (N * OH * OW, C * filter_h * filter_w).
        input_shape: (N, C, H, W).
        filter_h, filter_w, stride, pad, transpose: as in im2col.

    Raises:
        TypeError, ValueError: as tk.kernels.col2im.

    >>> import numpy as np
    >>> from tatamikomi.course.util import col2im
    >>> col2im(np.ones((4, 4)), (1, 1, 3, 3), 2, 2)[0, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]])
    """
    (rows,) = floats(col)
    n, c, h, w = input_shape
    taps = c * filter_h * filter_w
    places = conv_output_size(h, filter_h, stride, pad) * conv_output_size(w, filter_w, stride, pad)
    if rows.size != n * taps * places:
        raise bad_value("col2im", "col", f"shape {rows.shape}", f"shape {(n * places, taps)}")
    cols = rows.reshape(n, places, taps).transpose(0, 2, 1) if transpose else rows.reshape(n, taps, places)
    return kernels.col2im(cols, (n, c, h, w), (filter_h, filter_w), 1, pad, stride)


def shuffle_dataset(x: Array, t: Array) -> tuple[Array, Array]:
    """x and t in one random order along their first axis; the order is np.random's.

    >>> import numpy as np
    >>> from tatamikomi.course.util import shuffle_dataset
    >>> x, t = shuffle_dataset(np.arange(5.0), np.arange(5))
    >>> np.array_equal(x, t)
    True
    """
    order = np.random.permutation(len(x))
    return x[order], t[order]


def smooth_curve(x: ArrayLike) -> Array:
    """Means over windows of 11 under a Kaiser window (beta 2), as long as x; for curves of losses.

    Beyond its ends the curve is mirrored: without its first value, with its last.

    >>> from tatamikomi.course.util import smooth_curve
    >>> smooth_curve([1.0] * 20).round(6).tolist() == [1.0] * 20
    True
    """
    half = _WINDOW // 2
    curve = np.pad(np.pad(np.asarray(x, np.float64), (half, 0), "reflect"), (0, half), "symmetric")
    weights = np.kaiser(_WINDOW, 2)
    return np.convolve(weights / weights.sum(), curve, "valid")
