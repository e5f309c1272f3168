"""Affine maps of images, all images of a batch at once, with bilinear sampling."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.errors import bad_type, bad_value

_BLOCK = 1 << 16  # sampled points at once: their temporaries stay in the cache


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
    # Sines from `math`, not NumPy, whose vector code may round differently in batches of different sizes.
    angle = math.radians(degrees)
    lean = math.tan(math.radians(shear))
    # [[1, -lean], [0, 1]] R(-angle) / s; rows grow downwards, so that R = [[cos, sin], [-sin, cos]].
    sine, cosine = math.sin(angle) / scale, math.cos(angle) / scale
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
    x = np.asarray(x)
    native = x.dtype.newbyteorder("=")
    if native not in (np.float32, np.float64):
        raise bad_type("warp_affine", "x", str(x.dtype), "float32 or float64")
    if x.ndim != 4:
        raise bad_value("warp_affine", "x", f"shape {x.shape}", "shape (N, C, H, W)")
    n, channels, height, width = x.shape
    matrix = np.asarray(matrix, native)
    if matrix.shape != (n, 2, 3):
        raise bad_value("warp_affine", "matrix", f"shape {matrix.shape}", f"shape {(n, 2, 3)}")
    if not np.isfinite(matrix).all():
        raise bad_value("warp_affine", "matrix", "NaN or infinity", "finite numbers")
    y = np.empty((n, channels, height, width), native)
    step = max(1, _BLOCK // max(1, channels * height * width))
    for start in range(0, n, step):
        block = slice(start, start + step)
        _warp_block(y[block], x[block], matrix[block], fill, nearest)
    return y


def _warp_block(y: NDArray[Any], x: NDArray[Any], matrix: NDArray[Any], fill: float, nearest: bool) -> None:
    u = np.arange(x.shape[3], dtype=y.dtype)
    v = np.arange(x.shape[2], dtype=y.dtype)[:, None]
    a, b, c, d, e, f = (matrix[:, i, j, None, None] for i in range(2) for j in range(3))
    sample(y, x, a * u + (b * v + c), d * u + (e * v + f), fill, nearest)


def sample(
    y: NDArray[Any],
    x: NDArray[Any],
    across: NDArray[Any],
    down: NDArray[Any],
    fill: float,
    nearest: bool = False,
) -> None:
    """Fill y (N, C, H, W) with what x has at columns `across` and rows `down` (N, H, W), as `warp_affine` says it.

    >>> import numpy as np
    >>> from tatamikomi.data.warp import sample
    >>> y = np.empty((1, 1, 1, 2))
    >>> sample(y, np.array([[[[1.0, 2.0]]]]), np.array([[[0.5, 1.0]]]), np.zeros((1, 1, 2)), 0.0)
    >>> y.tolist()
    [[[[1.5, 2.0]]]]
    """
    n, channels, height, width = x.shape
    if not x.size:
        return
    # A frame of `fill`, one pixel before and two after, holds all neighbours of coordinates in -1 .. size.
    rows, columns = height + 3, width + 3
    padded = np.full((n, channels, rows, columns), fill, y.dtype)
    padded[:, :, 1 : 1 + height, 1 : 1 + width] = x
    flat = padded.reshape(-1)
    if nearest:
        across, down = np.floor(across + 0.5), np.floor(down + 0.5)
    across, down = np.clip(across, -1, width), np.clip(down, -1, height)
    left, top = np.floor(across), np.floor(down)
    across -= left
    down -= top

    # Where the upper left neighbour lies in the flat frame: (n, H, W), then (n, C, H, W).
    place = (top.astype(np.intp) + 1) * columns + (left.astype(np.intp) + 1)
    planes = np.arange(n * channels, dtype=np.intp).reshape(n, channels, 1, 1) * (rows * columns)
    corner = place[:, None] + planes
    across, down = across[:, None], down[:, None]
    upper = _between(flat, corner, across)
    corner += columns
    lower = _between(flat, corner, across)
    lower -= upper
    lower *= down
    np.add(upper, lower, out=y)


def _between(flat: NDArray[Any], corner: NDArray[np.intp], across: NDArray[Any]) -> NDArray[Any]:
    """Along a row: p + (q - p) * across for the pixel p at `corner` and its right neighbour q."""
    p = flat.take(corner)
    q = flat[1:].take(corner)
    q -= p
    q *= across
    q += p
    return q
