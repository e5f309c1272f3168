"""Filters and feature maps as sheets: many small pictures side by side in one array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.nn import Module

_SCALES = ("each", "all", "none")


def sheet(
    pictures: ArrayLike, columns: int | None = None, *, border: int = 1, scale: str = "each", background: float = 1.0
) -> NDArray[np.float64]:
    """Pictures side by side, row by row, with a border around each.

    Args:
        pictures: (M, H, W), or (M, C, H, W) with one channel or three (red, green, blue).
        columns: pictures in a row; about as many as rows when None.
        border: pixels between two.
        scale: "each" stretches every picture to 0 ... 1, "all" all of them alike, "none" leaves the numbers as they
            are. A picture of equal numbers becomes 1/2.
        background: of the border and of places without a picture.

    Returns:
        (rows * (H + border) + border, columns * (W + border) + border), with an axis of 3 behind it for colours.

    Raises:
        TypeError: no numbers.
        ValueError: another shape, no picture, columns or border out of range, or an unknown scale.

    >>> import numpy as np
    >>> from tatamikomi import interpret
    >>> interpret.sheet(np.arange(8.0).reshape(2, 2, 2), border=0)
    array([[0.        , 0.33333333, 0.        , 0.33333333],
           [0.66666667, 1.        , 0.66666667, 1.        ]])
    """
    op = "sheet"
    given: NDArray[Any] = np.asarray(pictures)
    if given.dtype.kind not in "fiub":
        raise bad_type(op, "pictures", str(given.dtype), "numbers")
    if given.ndim == 3:
        given = given[:, None]
    if given.ndim != 4 or given.shape[1] not in (1, 3) or not given.size:
        raise bad_value(op, "pictures", f"shape {np.shape(pictures)}", "(M, H, W), (M, 1, H, W) or (M, 3, H, W)")
    if scale not in _SCALES:
        raise unknown_name(op, "scale", scale, _SCALES)
    count, channels, height, width = given.shape
    across = math.ceil(math.sqrt(count)) if columns is None else columns
    for name, number, low in (("columns", across, 1), ("border", border, 0)):
        if isinstance(number, bool) or not isinstance(number, (int, np.integer)) or number < low:
            raise bad_value(op, name, number, f"an integer >= {low}")
    values = given.astype(np.float64)
    if scale != "none":
        axes = (1, 2, 3) if scale == "each" else (0, 1, 2, 3)
        low_end, high_end = values.min(axes, keepdims=True), values.max(axes, keepdims=True)
        flat = high_end == low_end
        values = np.where(flat, 0.5, (values - low_end) / np.where(flat, 1, high_end - low_end))
    down = -(-count // across)
    result = np.full((down * (height + border) + border, across * (width + border) + border, channels), background)
    for i, picture in enumerate(values):
        top, left = border + i // across * (height + border), border + i % across * (width + border)
        result[top : top + height, left : left + width] = picture.transpose(1, 2, 0)
    return result if channels == 3 else result[..., 0]


def filter_sheet(layer: Module | ArrayLike, **options: Any) -> NDArray[np.float64]:
    """The filters of a convolution: one picture per output channel where the input has one channel or three, else one
    row per output channel, with one picture per input channel.

    Args:
        layer: a Module with a weight (out_channels, in_channels, kH, kW), or the weight.
        **options: of `sheet`.

    Raises:
        ValueError: a weight of another number of axes.

    >>> import tatamikomi as tk
    >>> from tatamikomi import interpret
    >>> interpret.filter_sheet(tk.nn.Conv2d(3, 16, 5)).shape
    (25, 25, 3)
    >>> interpret.filter_sheet(tk.nn.Conv2d(4, 2, 3)).shape
    (9, 17)
    """
    weight = np.asarray(layer.weight if isinstance(layer, Module) else layer)
    if weight.ndim != 4:
        raise bad_value("filter_sheet", "layer", f"a weight of shape {weight.shape}", "(out, in, kH, kW)")
    if weight.shape[1] in (1, 3):
        return sheet(weight, **options)
    pictures = weight.reshape(-1, *weight.shape[2:])
    return sheet(pictures, **{"columns": weight.shape[1], **options})


def feature_sheet(maps: ArrayLike, **options: Any) -> NDArray[np.float64]:
    """The feature maps of one sample, one picture per channel.

    Args:
        maps: (C, H, W), such as `features(model, x, name)[name][0]`.
        **options: of `sheet`.

    Raises:
        ValueError: another number of axes.

    >>> import numpy as np
    >>> from tatamikomi import interpret
    >>> interpret.feature_sheet(np.ones((6, 4, 4))).shape
    (11, 16)
    """
    if np.ndim(maps) != 3:
        raise bad_value("feature_sheet", "maps", f"shape {np.shape(maps)}", "(C, H, W)")
    return sheet(maps, **options)
