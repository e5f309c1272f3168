"""Images to another size by bilinear interpolation, in NumPy."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.batches import images
from tatamikomi.data.sizes import height_and_width
from tatamikomi.errors import bad_value


def resize(x: NDArray[Any], size: int | tuple[int, int], antialias: bool = True) -> NDArray[Any]:
    """Resize images, along one axis after the other.

    Along an axis of n pixels that becomes one of m, with r = n / m, output pixel i has its centre at r (i + 1/2) of
    the input, whose pixel j reaches from j to j + 1. It is the mean of the input weighed by a triangle around that
    centre, 1 - |j + 1/2 - centre| / w where that is above 0, its weights made to sum to 1. w is max(r, 1) with
    antialias: all pixels that the new one covers count. Without it w = 1, and where r > 1 pixels are passed over; that
    is torch's interpolate(mode="bilinear", align_corners=False). Beyond the border no weight is given; without
    antialias the border's pixel stands for what lies beyond.

    Args:
        x: (N, C, H, W) float32 or float64.
        size: (height, width), or one number for both.
        antialias: whether shrinking takes the mean.

    Returns:
        (N, C, height, width) in the dtype of x, freshly made; the same bits for an image in any batch.

    Raises:
        TypeError: x is neither float32 nor float64, or size holds no integers.
        ValueError: x has another shape or images without pixels, or size is below 1.

    >>> import numpy as np
    >>> from tatamikomi.data import resize
    >>> x = np.array([[[[0.0, 4.0, 8.0, 12.0]]]])
    >>> resize(x, (1, 2), antialias=False), resize(x, (1, 8))[0, 0, 0, :3]
    (array([[[[ 2., 10.]]]]), array([0., 1., 3.]))
    """
    x = images("resize", x)
    height, width = height_and_width("resize", "size", size)
    if 0 in x.shape[2:]:
        raise bad_value("resize", "x", f"shape {x.shape}", "images of at least one pixel")
    y = _along(x, 2, height, antialias)
    return np.ascontiguousarray(_along(y, 3, width, antialias))


def _along(x: NDArray[Any], axis: int, count: int, antialias: bool) -> NDArray[Any]:
    if x.shape[axis] == count:
        return np.array(x, x.dtype.newbyteorder("="))
    places, weights = _taps(x.shape[axis], count, antialias)
    tail = (1,) * (3 - axis)
    y = np.zeros((*x.shape[:axis], count, *x.shape[axis + 1 :]), x.dtype.newbyteorder("="))
    # One tap of all output pixels at a time: elementwise, so that no image notices its neighbours in the batch.
    for place, weight in zip(places, weights.astype(y.dtype), strict=True):
        y += x.take(place, axis) * weight.reshape(count, *tail)
    return y


def _taps(n: int, m: int, antialias: bool) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """(taps, m): which input pixels make each output pixel, and how much each of them counts."""
    ratio = n / m
    reach = max(ratio, 1.0) if antialias else 1.0
    centres = (np.arange(m) + 0.5) * ratio
    first = np.floor(centres - reach + 0.5).astype(np.intp)
    places = first + np.arange(math.ceil(2 * reach) + 1)[:, None]
    weights = np.maximum(1 - np.abs(places + 0.5 - centres) / reach, 0)
    inside = np.clip(places, 0, n - 1)
    if antialias:
        weights[inside != places] = 0
    return inside, weights / weights.sum(axis=0)
