"""Images drawn anew: parts of them, turned round or not, and images bent by maps of places."""

from __future__ import annotations

from numpy.typing import ArrayLike

from tatamikomi.errors import bad_value, unknown_name
from tatamikomi.geometry import PADDING_MODES, ImageShape, as_shape, count_elements
from tatamikomi.kernels.arrays import Array, as_float, as_integers, output, same_dtype
from tatamikomi.kernels.backend import active
from tatamikomi.kernels.scalars import as_real


def _filling(op: str, fill: object) -> float:
    return fill if isinstance(fill, float) else as_real(op, "fill", fill)  # NaN will do


def crop(
    x: ArrayLike,
    places: ArrayLike,
    size: tuple[int, int],
    mean: ArrayLike | None = None,
    std: ArrayLike | None = None,
    padding_mode: str = "constant",
    fill: float = 0.0,
    out: Array | None = None,
    samples: ArrayLike | None = None,
) -> Array:
    """Of each image a part, turned round or not, and normalised if asked for.

    y[n, c, i, j] = x[n, c, row + i down, column + j across], (row, down, column, across) = places[n]; then
    (y - mean[c]) / std[c].

    Args:
        x: (n, c, h, w), float32 or float64; (m, c, h, w) with samples.
        places: (n, 4) integers, |row| and |column| < 2**40, down and across 1 or -1.
        size: (height, width) of the parts.
        mean, std: (c,), dtype of x; both or none.
        padding_mode: what lies outside of the image: "constant", "edge", "reflect" (the border's pixel not repeated) or
            "symmetric" (repeated).
        fill: the constant; it is normalised too.
        out: receives the result.
        samples: (n,) integers, 0 <= sample < m: images of x[samples], which is not copied.

    Returns:
        (n, c, height, width).

    Raises:
        TypeError: a dtype or kind is wrong, or dtypes are mixed.
        ValueError: shapes do not fit together, a place or sample is out of range, the mode is unknown, or an image
            without pixels shall be reflected.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> x = np.arange(6.0).reshape(1, 1, 2, 3)
    >>> tk.kernels.crop(x, [[0, 1, 2, -1]], (1, 4), fill=9.0)
    array([[[[2., 1., 0., 9.]]]])
    """
    op = "crop"
    x = as_float(op, "x", x, ndim=4)
    at = as_integers(op, "places", places)
    of = None if samples is None else as_integers(op, "samples", samples)
    if of is not None and of.ndim != 1:
        raise bad_value(op, "samples", f"shape {of.shape}", "shape (n,)")
    n = len(x if of is None else of)
    if at.shape != (n, 4):
        raise bad_value(op, "places", f"shape {at.shape}", f"shape ({n}, 4)")
    goal = as_shape(op, "size", size)
    if len(goal) != 2:
        raise bad_value(op, "size", goal, "(height, width)")
    if padding_mode not in PADDING_MODES:
        raise unknown_name(op, "padding_mode", padding_mode, PADDING_MODES)
    if padding_mode != "constant" and 0 in x.shape[2:] and 0 not in goal:
        raise bad_value(op, "x", f"shape {x.shape}", f"images of at least one pixel, to pad by {padding_mode!r}")
    if (mean is None) != (std is None):
        raise bad_value(op, "mean, std", "one of the two", "both or none")
    centre, scale = (
        None if value is None else as_float(op, name, value, ndim=1) for name, value in (("mean", mean), ("std", std))
    )
    for name, array in (("mean", centre), ("std", scale)):
        if array is not None and array.shape != x.shape[1:2]:
            raise bad_value(op, name, f"shape {array.shape}", f"shape ({x.shape[1]},)")
    _, c, height, width = x.shape
    shape = (n, c, *goal)
    count_elements(op, "output", shape)
    y = output(op, out, shape, same_dtype(op, "x mean std", x, centre, scale), x, at, centre, scale, of)
    s = ImageShape(n, c, height, width, goal[0], goal[1])
    wrong = active().crop(y, x, of, at, centre, scale, s, PADDING_MODES.index(padding_mode), _filling(op, fill))
    if wrong == 1:
        raise bad_value(op, "places", "another", "rows and columns within 2**40, steps of 1 or -1")
    if wrong:
        raise bad_value(op, "samples", "another", f"0 <= sample < {len(x)}")
    return y


def warp(
    x: ArrayLike,
    matrix: ArrayLike,
    displacement: ArrayLike | None = None,
    fill: float = 0.0,
    nearest: bool = False,
    out: Array | None = None,
) -> Array:
    """Draw each pixel from the place that an affine map of it, displaced or not, gives.

    With matrix[n] = [[a, b, c], [d, e, f]] pixel (column u, row v) comes from column a u + (b v + c) and row
    d u + (e v + f), to which displacement[n, 1, v, u] and displacement[n, 0, v, u] are added: between the four pixels
    p q / r s around it, t = p + (q - p) across, t + (r + (s - r) across - t) down. Every operation is rounded once, in
    this order, on every processor. Where a place is not within a pixel of the image, or NaN, there is `fill`.

    Args:
        x: (n, c, h, w), float32 or float64, (h + 3) (w + 3) < 2**31.
        matrix: (n, 2, 3), dtype of x.
        displacement: (n, 2, h, w), dtype of x, downwards and to the right; or None.
        fill: the value outside of the image.
        nearest: take the nearest pixel in place of four.
        out: receives the result.

    Returns:
        (n, c, h, w).

    Raises:
        TypeError: a dtype is wrong, or dtypes are mixed.
        ValueError: shapes do not fit together.

    >>> import numpy as np
    >>> import tatamikomi as tk
    >>> tk.kernels.warp(np.array([[[[1.0, 2.0, 4.0]]]]), [[[1, 0, 0.5], [0, 1, 0]]] * np.ones(1))
    array([[[[1.5, 3. , 2. ]]]])
    """
    op = "warp"
    x, m = as_float(op, "x", x, ndim=4), as_float(op, "matrix", matrix)
    n, c, height, width = x.shape
    if m.shape != (n, 2, 3):
        raise bad_value(op, "matrix", f"shape {m.shape}", f"shape {(n, 2, 3)}")
    moved = None if displacement is None else as_float(op, "displacement", displacement)
    if moved is not None and moved.shape != (n, 2, height, width):
        raise bad_value(op, "displacement", f"shape {moved.shape}", f"shape {(n, 2, height, width)}")
    if (height + 3) * (width + 3) >= 1 << 31:
        raise bad_value(op, "x", f"shape {x.shape}", "images of fewer than 2**31 pixels")
    y = output(op, out, x.shape, same_dtype(op, "x matrix displacement", x, m, moved), x, m, moved)
    s = ImageShape(n, c, height, width, height, width)
    active().warp(y, x, m, moved, s, _filling(op, fill), bool(nearest))
    return y
