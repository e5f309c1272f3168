"""Changes of an image's colours, or of each of several: (..., C, H, W) in 0..1, C being 1 or 3, to new ones in 0..1.

Those with a factor mix the image with a duller one: other + factor (image - other), cut off at 0 and 1. A factor of 1
changes nothing, 0 gives the other one, and above 1 the difference grows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.errors import bad_value

Image = NDArray[Any]
Factor = float | NDArray[Any]  # of all images, or of each: (N, 1, 1, 1)

_GREY = (0.299, 0.587, 0.114)  # ITU-R BT.601
_SLACK = 1e-3  # an interpolation before may leave 0..1 by its roundings


def unit_images(op: str, x: NDArray[Any]) -> NDArray[Any]:
    """A fresh copy of a batch (N, 1 or 3, H, W) in 0..1; what roundings took out of that range is brought back.

    Raises:
        ValueError: it has other channels, or values outside of 0..1, as normalised images do, or NaN.

    >>> import numpy as np
    >>> from tatamikomi.data.pixel_ops import unit_images
    >>> unit_images("ColorJitter", np.full((1, 1, 1, 1), -2.0))
    Traceback (most recent call last):
    ...
    ValueError: ColorJitter: x: expected values in 0..1, before any normalisation, got -2.0 to -2.0
    """
    if x.shape[1] not in (1, 3):
        raise bad_value(op, "x", f"shape {x.shape}", "shape (N, 1, H, W) or (N, 3, H, W)")
    if x.size:
        low, high = float(x.min()), float(x.max())
        if not (low >= -_SLACK and high <= 1 + _SLACK):
            raise bad_value(op, "x", f"{low} to {high}", "values in 0..1, before any normalisation")
    return np.ascontiguousarray(np.clip(x, 0, 1), x.dtype.newbyteorder("="))


def _mixed(image: Image, other: Any, factor: Factor) -> Image:
    mixed: Image = image - other
    mixed *= np.asarray(factor, image.dtype)
    mixed += other
    return np.clip(mixed, 0, 1, out=mixed)


def grey(image: Image) -> Image:
    """(..., 1, H, W): 0.299 R + 0.587 G + 0.114 B.

    >>> import numpy as np
    >>> from tatamikomi.data.pixel_ops import grey
    >>> grey(np.array([[[0.0]], [[1.0]], [[0.0]]])).tolist()
    [[[0.587]]]
    """
    if image.shape[-3] == 1:
        return image
    red, green, blue = (one * image.dtype.type(weight) for one, weight in zip(_channels(image), _GREY, strict=True))
    total: Image = red + green + blue
    return total


def brightness(image: Image, factor: Factor) -> Image:
    """Mixed with black.

    >>> import numpy as np
    >>> from tatamikomi.data.pixel_ops import brightness
    >>> brightness(np.array([[[0.25, 0.75]]]), 2.0).tolist()
    [[[0.5, 1.0]]]
    """
    return _mixed(image, image.dtype.type(0), factor)


def contrast(image: Image, factor: Factor) -> Image:
    """Mixed with the mean of its greys.

    >>> import numpy as np
    >>> from tatamikomi.data.pixel_ops import contrast
    >>> contrast(np.array([[[0.25, 0.75]]]), 0.5).tolist()
    [[[0.375, 0.625]]]
    """
    greys = grey(image)
    means = [one.mean(dtype=np.float64) for one in greys.reshape(-1, *greys.shape[-3:])]  # the same bits in any batch
    return _mixed(image, np.array(means, image.dtype).reshape(*greys.shape[:-3], 1, 1, 1), factor)


def saturation(image: Image, factor: Factor) -> Image:
    """Mixed with its greys; a grey image stays as it is.

    >>> import numpy as np
    >>> from tatamikomi.data.pixel_ops import saturation
    >>> saturation(np.array([[[0.0]], [[1.0]], [[0.0]]]), 0.0).ravel().tolist()
    [0.587, 0.587, 0.587]
    """
    return _mixed(image, grey(image), factor)


def hue(image: Image, turn: float) -> Image:
    """Colours moved on along the circle red, yellow, green, cyan, blue, magenta by `turn` of its length.

    In HSV, with the largest V and the smallest m of a pixel's three values, its hue h in sixths of the circle becomes
    h + 6 turn, and each value V - (V - m) max(0, min(k, 4 - k, 1)) with k = (n + h + 6 turn) mod 6 and n = 5, 3, 1 for
    red, green and blue. A grey image stays as it is.

    >>> import numpy as np
    >>> from tatamikomi.data.pixel_ops import hue
    >>> hue(np.array([[[1.0]], [[0.5]], [[0.0]]]), 1 / 3).round(12).ravel().tolist()
    [0.0, 1.0, 0.5]
    """
    if image.shape[-3] == 1:
        return image
    high = image.max(axis=-3, keepdims=True)
    span = high - image.min(axis=-3, keepdims=True)
    red, green, blue = _channels(image)
    divisor = np.where(span > 0, span, 1)
    toward_red = np.where(high == red, (green - blue) / divisor, 4 + (red - green) / divisor)
    place = np.where((high == green) & (high != red), 2 + (blue - red) / divisor, toward_red)
    k = np.mod(np.array([5, 3, 1], image.dtype)[:, None, None] + place + image.dtype.type(6 * turn), 6)
    turned: Image = high - span * np.clip(np.minimum(k, 4 - k), 0, 1)
    return turned


def sharpness(image: Image, factor: Factor) -> Image:
    """Mixed with a smoothed one: each pixel but those of the border is (5 itself + its 8 neighbours) / 13.

    >>> import numpy as np
    >>> from tatamikomi.data.pixel_ops import sharpness
    >>> x = np.zeros((1, 3, 3))
    >>> x[0, 1, 1] = 0.65
    >>> sharpness(x, 0.0)[0, 1].round(12).tolist()
    [0.0, 0.25, 0.0]
    """
    smooth = image.copy()
    if min(image.shape[-2:]) > 2:
        rows, columns = image.shape[-2] - 2, image.shape[-1] - 2
        total = 4 * image[..., 1:-1, 1:-1]
        for i in range(3):
            for j in range(3):
                total += image[..., i : i + rows, j : j + columns]
        smooth[..., 1:-1, 1:-1] = total / image.dtype.type(13)
    return _mixed(image, smooth, factor)


def posterize(image: Image, bits: int | NDArray[np.int64]) -> Image:
    """Of each value's 8 bits only the upper ones.

    >>> import numpy as np
    >>> from tatamikomi.data.pixel_ops import posterize
    >>> (posterize(np.array([[[127, 129, 255]]]) / 255, 1) * 255).tolist()
    [[[0.0, 128.0, 128.0]]]
    """
    mask = np.asarray(0xFF00 >> bits & 0xFF, np.uint8)
    return _unit(_bytes(image) & mask, image)


def solarize(image: Image, threshold: Factor) -> Image:
    """Values from the threshold on are turned round: v becomes 1 - v.

    >>> import numpy as np
    >>> from tatamikomi.data.pixel_ops import solarize
    >>> solarize(np.array([[[0.25, 0.5, 1.0]]]), 0.5).tolist()
    [[[0.25, 0.5, 0.0]]]
    """
    return np.where(image >= np.asarray(threshold, image.dtype), 1 - image, image)


def autocontrast(image: Image) -> Image:
    """Each channel stretched to fill 0..1; one that does not vary stays as it is.

    >>> import numpy as np
    >>> from tatamikomi.data.pixel_ops import autocontrast
    >>> autocontrast(np.array([[[0.25, 0.5, 0.75]], [[0.5, 0.5, 0.5]]])).tolist()
    [[[0.0, 0.5, 1.0]], [[0.5, 0.5, 0.5]]]
    """
    low, high = image.min(axis=(-2, -1), keepdims=True), image.max(axis=(-2, -1), keepdims=True)
    flat = high == low
    stretched: Image = (image - np.where(flat, 0, low)) / np.where(flat, 1, high - low)
    return stretched


def equalize(image: Image) -> Image:
    """Each channel, in 8 bits, mapped so that its values are spread evenly over 0..255.

    With the histogram h and step = (number of pixels - h of the largest value) // 255, value v becomes (the number
    of pixels below v + step // 2) // step; a channel whose step is 0 stays as it is.

    >>> import numpy as np
    >>> from tatamikomi.data.pixel_ops import equalize
    >>> x = np.repeat([[[0.2, 0.4, 0.6]]], 255, axis=1)
    >>> (equalize(x)[0, 0] * 255).round().tolist()
    [0.0, 128.0, 255.0]
    """
    values = _bytes(image).reshape(math.prod(image.shape[:-2]), math.prod(image.shape[-2:]))
    shifted = values + 256 * np.arange(len(values))[:, None]  # the channels' histograms in one
    counts = np.bincount(shifted.ravel(), minlength=256 * len(values)).reshape(-1, 256)
    largest = 255 - np.argmax(counts[:, ::-1] > 0, axis=1)
    step = ((values.shape[1] - counts[np.arange(len(counts)), largest]) // 255)[:, None]
    below = np.cumsum(counts, axis=1) - counts
    spread = np.minimum((below + step // 2) // np.maximum(step, 1), 255)
    table = np.where(step > 0, spread, np.arange(256)).astype(np.uint8)
    return _unit(table.ravel()[shifted].reshape(image.shape), image)


def _channels(image: Image) -> list[Image]:
    """Red, green and blue, (..., 1, H, W) each."""
    return [image[..., i : i + 1, :, :] for i in range(3)]


def _bytes(image: Image) -> NDArray[np.uint8]:
    values: NDArray[np.uint8] = np.rint(image * image.dtype.type(255)).astype(np.uint8, order="C")
    return values


def _unit(values: NDArray[np.uint8], like: Image) -> Image:
    result: Image = np.divide(values, like.dtype.type(255), dtype=like.dtype)
    return result
