"""Brightness, contrast, saturation and hue, changed at random."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data import pixel_ops
from tatamikomi.data.batches import RandomTransform, place
from tatamikomi.errors import bad_value

_CHANGES = (pixel_ops.brightness, pixel_ops.contrast, pixel_ops.saturation, pixel_ops.hue)
_ORDERS = tuple(itertools.permutations(range(4)))


class ColorJitter(RandomTransform):
    """Change brightness, contrast, saturation and hue of each image by amounts of its own, in an order of its own.

    A factor mixes the image with black, with the mean of its greys, or with its greys; the hue is turned: see
    data/pixel_ops.py. Each is even in its range; five numbers per image, the first of which chooses one of the 24
    orders.

    Args:
        brightness, contrast, saturation: r for factors in (max(0, 1 - r), 1 + r), or (low, high), 0 <= low <= high.
        hue: r for turns in (-r, r), 0 <= r <= 0.5, or (low, high), -0.5 <= low <= high <= 0.5.
        seed: 0 <= seed < 2**63.

    Raises:
        ValueError: a range is reversed, negative or not finite; at the call, x has other than 1 or 3 channels, or
            values outside of 0..1.

    >>> import numpy as np
    >>> from tatamikomi.data import ColorJitter
    >>> ColorJitter(brightness=(0.5, 0.5))(np.full((1, 3, 1, 1), 0.5)).ravel().tolist()
    [0.25, 0.25, 0.25]
    """

    def __init__(
        self,
        brightness: float | tuple[float, float] = 0.0,
        contrast: float | tuple[float, float] = 0.0,
        saturation: float | tuple[float, float] = 0.0,
        hue: float | tuple[float, float] = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.brightness = self._range("brightness", brightness)
        self.contrast = self._range("contrast", contrast)
        self.saturation = self._range("saturation", saturation)
        low, high = (-hue, hue) if isinstance(hue, (int, float)) else hue
        if not -0.5 <= low <= high <= 0.5:
            raise bad_value(self._op, "hue", repr(hue), "-0.5 <= low <= high <= 0.5, or one number from 0 to 0.5")
        self.hue = (float(low) + 0.0, float(high))  # 0.0 rather than -0.0

    def _range(self, argument: str, value: float | tuple[float, float]) -> tuple[float, float]:
        if isinstance(value, (int, float)):
            low, high = max(0.0, 1.0 - value), 1.0 + value
        else:
            low, high = value
        if not (0 <= low <= high < math.inf):
            raise bad_value(self._op, argument, repr(value), "finite 0 <= low <= high, or one number >= 0")
        return float(low), float(high)

    def _apply(self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int) -> NDArray[Any]:
        y = pixel_ops.unit_images(self._op, x)
        limits = (self.brightness, self.contrast, self.saturation, self.hue)
        for image, draw in zip(y, self._draws(indices, epoch, 5), strict=True):
            for change in _ORDERS[place(draw[0], len(_ORDERS))]:
                low, high = limits[change]
                if low != high or low != (0.0 if change == 3 else 1.0):
                    image[:] = _CHANGES[change](image, low + (high - low) * draw[1 + change])
        return y

    def __repr__(self) -> str:
        return (
            f"ColorJitter(brightness={self.brightness}, contrast={self.contrast}, saturation={self.saturation}, "
            f"hue={self.hue}, seed={self.seed})"
        )
