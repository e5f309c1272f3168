"""Images to another size by bilinear interpolation."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from tatamikomi.data.batches import images
from tatamikomi.data.sizes import height_and_width
from tatamikomi.errors import bad_value
from tatamikomi.kernels import resample
from tatamikomi.kernels.resize_tables import antialias_table, linear_table


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
    table = antialias_table if antialias else linear_table
    pairs = zip(x.shape[2:], (height, width), strict=True)
    return resample(x, [None if before == after else table(before, after) for before, after in pairs])
