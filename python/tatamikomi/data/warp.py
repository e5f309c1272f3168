"""Affine maps of images, all images of a batch at once, with bilinear sampling."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.data.batches import images
from tatamikomi.errors import bad_value
from tatamikomi.kernels import warp


def affine_map(
    height: int,
    width: int,
    degrees: float = 0.0,
    scale: float = 1.0,
    shear: float = 0.0,
    shift: tuple[float, float] = (0.0, 0.0),
) -> tuple[tuple[float, float, float], ...]:
    """Where each output pixel (column, row) lies in the input when the image is turned, scaled, sheared and shifted.

    A pixel at p from the image's centre goes to M p + t with M = s R(angle) [[1, tan(shear)], [0, 1]]; the angle
    counts counter-clockwise. The result is the inverse of that.

    Args:
        height, width: the image's.
        degrees, shear: in degrees.
        scale: > 0.
        shift: t, in pixels to the right and downwards.

    Returns:
        (2, 3), for `warp_affine`.

    >>> from tatamikomi.data.warp import affine_map
    >>> affine_map(3, 5, scale=2.0)
    ((0.5, -0.0, 1.0), (0.0, 0.5, 0.5))
    """
    angle = math.radians(degrees)
    return _inverse(height, width, math.sin(angle), math.cos(angle), scale, math.tan(math.radians(shear)), shift)


def affine_maps(
    height: int,
    width: int,
    degrees: NDArray[Any],
    scale: Any = 1.0,
    shear: Any = 0.0,
    shift: Sequence[Any] = (0.0, 0.0),
) -> NDArray[np.float64]:
    """`affine_map` of many images, each with its own amounts (N,): (N, 2, 3), bit for bit.

    >>> import numpy as np
    >>> from tatamikomi.data.warp import affine_map, affine_maps
    >>> affine_maps(3, 5, np.array([10.0, 30.0]))[1].tolist() == [list(row) for row in affine_map(3, 5, 30.0)]
    True
    """

    # Sines from `math`, not NumPy, whose vector code may round differently in batches of different sizes.
    def each(function: Callable[[float], float], amounts: Any) -> Any:
        return np.array([function(math.radians(amount)) for amount in np.ravel(amounts).tolist()])

    maps = np.empty((len(degrees), 2, 3))
    sine, cosine, lean = each(math.sin, degrees), each(math.cos, degrees), each(math.tan, shear)
    for row, entries in enumerate(_inverse(height, width, sine, cosine, scale, lean, shift)):
        for column, entry in enumerate(entries):
            maps[:, row, column] = entry
    return maps


def _inverse(
    height: int, width: int, sine: Any, cosine: Any, scale: Any, lean: Any, shift: Sequence[Any]
) -> tuple[tuple[Any, Any, Any], ...]:
    # [[1, -lean], [0, 1]] R(-angle) / s; rows grow downwards, so that R = [[cos, sin], [-sin, cos]].
    sine, cosine = sine / scale, cosine / scale
    a, b = cosine - lean * sine, -sine - lean * cosine
    d, e = sine, cosine
    middle_x, middle_y = (width - 1) / 2, (height - 1) / 2
    u, v = middle_x + shift[0], middle_y + shift[1]  # the output pixel that shows the input's centre
    return (a, b, middle_x - a * u - b * v), (d, e, middle_y - d * u - e * v)


def warp_affine(x: NDArray[Any], matrix: ArrayLike, fill: float = 0.0, nearest: bool = False) -> NDArray[Any]:
    """Draw each output pixel from where an affine map places it in the input.

    With matrix[n] = [[a, b, c], [d, e, f]], output pixel (column u, row v) of image n takes its value at
    column a u + b v + c and row d u + e v + f of the input, interpolated linearly between the four pixels
    around it. Pixel centres have integer coordinates; outside of the image lies `fill`. Every image is
    computed by itself: the same bits in any batch. A NaN pixel makes NaN of what is drawn from it and its
    neighbours.

    Args:
        x: (N, C, H, W) float32 or float64, any strides; never written to.
        matrix: (N, 2, 3), finite.
        fill: the value outside of the image.
        nearest: take the nearest pixel in place of the mean of four, as masks want it.

    Returns:
        (N, C, H, W) in the dtype of x, freshly made.

    Raises:
        TypeError: x is neither float32 nor float64.
        ValueError: shapes do not fit, or matrix is not finite.

    >>> import numpy as np
    >>> from tatamikomi.data import warp_affine
    >>> x = np.array([[[[1, 2, 4]]]], np.float32)
    >>> warp_affine(x, [[[1, 0, 0.5], [0, 1, 0]]])  # half a pixel to the left
    array([[[[1.5, 3. , 2. ]]]], dtype=float32)
    """
    x = images("warp_affine", x)
    matrix = np.asarray(matrix, x.dtype.newbyteorder("="))
    if matrix.shape != (len(x), 2, 3):
        raise bad_value("warp_affine", "matrix", f"shape {matrix.shape}", f"shape {(len(x), 2, 3)}")
    if not np.isfinite(matrix).all():
        raise bad_value("warp_affine", "matrix", "NaN or infinity", "finite numbers")
    return warp(x, matrix, None, fill, nearest)
