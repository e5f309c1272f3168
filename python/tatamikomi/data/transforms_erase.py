"""Parts of images wiped out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.batches import RandomTransform, draws, place, probability
from tatamikomi.data.sizes import height_and_width
from tatamikomi.errors import bad_value

_TRIES = 10


class RandomErasing(RandomTransform):
    """Wipe a rectangle out of each image, with probability p.

    Its area is even in `scale` times H W, the logarithm of its height over its width even in that of `ratio`; of ten
    tries the first rectangle that fits is taken, evenly among all its places, and if none fits the image stays.
    Source: Z. Zhong et al., "Random Erasing Data Augmentation", arXiv:1708.04896.

    Args:
        p: 0 <= p <= 1.
        scale: (low, high), 0 <= low <= high <= 1.
        ratio: (low, high), 0 < low <= high.
        value: what is put in its place: a number, one per channel, or "random" for a number in [0, 1) of each
            pixel's own.
        seed: 0 <= seed < 2**63.

    Raises:
        ValueError: an argument is none of these; at the call, the channels are not as many as values.

    >>> import numpy as np
    >>> from tatamikomi.data import RandomErasing
    >>> y = RandomErasing(p=1.0, scale=(0.25, 0.25), ratio=(1.0, 1.0))(np.ones((1, 1, 8, 8)))
    >>> int((y == 0).sum())
    16
    """

    def __init__(
        self,
        p: float = 0.5,
        scale: tuple[float, float] = (0.02, 0.33),
        ratio: tuple[float, float] = (0.3, 3.3),
        value: float | Sequence[float] | str = 0.0,
        seed: int = 0,
    ) -> None:
        super().__init__(seed)
        self.p = probability(self._op, "p", p)
        if not 0 <= scale[0] <= scale[1] <= 1:
            raise bad_value(self._op, "scale", repr(scale), "0 <= low <= high <= 1")
        if not 0 < ratio[0] <= ratio[1] < math.inf:
            raise bad_value(self._op, "ratio", repr(ratio), "finite 0 < low <= high")
        self.scale = (float(scale[0]), float(scale[1]))
        self.ratio = (float(ratio[0]), float(ratio[1]))
        self.value: NDArray[np.float64] | None = None
        if isinstance(value, str):
            if value != "random":
                raise bad_value(self._op, "value", repr(value), "a number, one per channel, or 'random'")
        else:
            self.value = np.asarray(value, np.float64)
            if self.value.ndim > 1 or not self.value.size or not np.isfinite(self.value).all():
                raise bad_value(self._op, "value", repr(value), "a finite number, one per channel, or 'random'")

    def _apply(self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int) -> NDArray[Any]:
        channels, height, width = x.shape[1:]
        if self.value is not None and self.value.ndim and len(self.value) != channels:
            raise bad_value(self._op, "value", f"{len(self.value)} for x of shape {x.shape}", "one per channel")
        y = np.array(x, x.dtype.newbyteorder("="), order="C")
        numbers = self._draws(indices, epoch, 1 + 4 * _TRIES)
        for image, index, draw in zip(y, indices, numbers, strict=True):
            box = self._box(draw[1:], height, width) if draw[0] < self.p else None
            if box is not None:
                part = image[:, box[0], box[1]]
                if self.value is not None:
                    part[:] = self.value.reshape(-1, 1, 1)
                else:
                    kind = f"{self._op}, pixels"
                    part[:] = np.reshape(draws(kind, self.seed, np.array([index]), epoch, part.size)[0], part.shape)
        return y

    def _box(self, draw: list[float], height: int, width: int) -> tuple[slice, slice] | None:
        low, high = math.log(self.ratio[0]), math.log(self.ratio[1])
        for first in range(0, len(draw), 4):
            area, form, down, across = draw[first : first + 4]
            area = height * width * (self.scale[0] + (self.scale[1] - self.scale[0]) * area)
            ratio = math.exp(low + (high - low) * form)
            rows, columns = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if rows <= height and columns <= width:
                top, left = place(down, height - rows + 1), place(across, width - columns + 1)
                return slice(top, top + rows), slice(left, left + columns)
        return None

    def __repr__(self) -> str:
        value = "'random'" if self.value is None else self.value.tolist()
        return f"RandomErasing(p={self.p}, scale={self.scale}, ratio={self.ratio}, value={value}, seed={self.seed})"


class Cutout(RandomTransform):
    """Wipe a square out of each image, centred on any of its pixels: what would lie outside of the image is cut off.

    Source: T. DeVries, G. W. Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout",
    arXiv:1708.04552.

    Args:
        size: (height, width), or one number for both; of an even one, the larger half lies above and on the left.
        fill: what is put in its place.
        seed: 0 <= seed < 2**63.

    Raises:
        TypeError: size holds no integers.
        ValueError: size is below 1, or seed is out of range.

    >>> import numpy as np
    >>> from tatamikomi.data import Cutout
    >>> y = Cutout(3, seed=2)(np.ones((100, 1, 8, 8)))
    >>> sorted(set((y == 0).sum(axis=(1, 2, 3)).tolist()))
    [4, 6, 9]
    """

    def __init__(self, size: int | tuple[int, int], fill: float = 0.0, seed: int = 0) -> None:
        super().__init__(seed)
        self.size = height_and_width(self._op, "size", size)
        self.fill = float(fill)

    def _apply(self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int) -> NDArray[Any]:
        y = np.array(x, x.dtype.newbyteorder("="), order="C")
        for image, draw in zip(y, self._draws(indices, epoch, 2), strict=True):
            rows, columns = (
                around(place(u, count), size, count)
                for u, size, count in zip(draw, self.size, x.shape[2:], strict=True)
            )
            image[:, rows, columns] = self.fill
        return y

    def __repr__(self) -> str:
        return f"Cutout({self.size}, fill={self.fill}, seed={self.seed})"


def around(centre: int, size: int, count: int) -> slice:
    """`size` pixels around a pixel, those of them that lie in 0 .. count - 1.

    >>> from tatamikomi.data.transforms_erase import around
    >>> around(5, 3, 10), around(0, 3, 10), around(5, 4, 7)
    (slice(4, 7, None), slice(0, 2, None), slice(3, 7, None))
    """
    first = centre - size // 2
    return slice(max(first, 0), max(min(first + size, count), 0))
