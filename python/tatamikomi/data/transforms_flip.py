"""Images mirrored, turned upside down and rotated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.batches import RandomTransform, probability
from tatamikomi.data.cuts import Cut, Cutting
from tatamikomi.data.geometric import Geometric, mapped_boxes
from tatamikomi.data.warp import affine_maps, warp_affine
from tatamikomi.errors import bad_value


class _Flip(Cutting, RandomTransform):
    """Turn each image round along one axis, where its number is below p."""

    keeps_whole = True
    _axis = 0  # of (N, C, H, W)

    def __init__(self, p: float = 0.5, seed: int = 0) -> None:
        super().__init__(seed)
        self.p = probability(self._op, "p", p)

    def cut(self, earlier: Cut, indices: NDArray[np.int64], epoch: int, fill: float) -> Cut:
        """All of each image, from its last row or column to its first where it is turned."""
        return earlier.turned(self._axis - 2, self._turned(indices, epoch))

    def _turned(self, indices: NDArray[np.int64], epoch: int) -> NDArray[np.bool_]:
        return self._numbers(indices, epoch, 1)[:, 0] < self.p

    def _boxed(
        self, boxes: NDArray[np.float64], size: tuple[int, int], indices: NDArray[np.int64], epoch: int
    ) -> NDArray[np.float64]:
        ends = [0, 2] if self._axis == 3 else [1, 3]
        turned = np.flatnonzero(self._turned(indices, epoch))[:, None]
        boxes[turned, :, ends] = size[self._axis - 2] - boxes[turned, :, ends[::-1]]
        return boxes

    def __repr__(self) -> str:
        return f"{self._op}(p={self.p}, seed={self.seed})"


class RandomHorizontalFlip(_Flip):
    """Mirror each image, left to right, with probability p.

    Args:
        p: 0 <= p <= 1.
        seed: 0 <= seed < 2**63.

    Raises:
        ValueError: p or seed is out of range.

    >>> import numpy as np
    >>> from tatamikomi.data import RandomHorizontalFlip
    >>> RandomHorizontalFlip(p=1.0)(np.arange(6.0).reshape(1, 1, 2, 3)).tolist()
    [[[[2.0, 1.0, 0.0], [5.0, 4.0, 3.0]]]]
    """

    _axis = 3


class RandomVerticalFlip(_Flip):
    """Turn each image upside down, with probability p.

    Args:
        p: 0 <= p <= 1.
        seed: 0 <= seed < 2**63.

    Raises:
        ValueError: p or seed is out of range.

    >>> import numpy as np
    >>> from tatamikomi.data import RandomVerticalFlip
    >>> RandomVerticalFlip(p=1.0)(np.arange(6.0).reshape(1, 1, 2, 3)).tolist()
    [[[[3.0, 4.0, 5.0], [0.0, 1.0, 2.0]]]]
    """

    _axis = 2


class RandomRotation(Geometric, RandomTransform):
    """Rotate each image about its centre by an angle of its own, drawn evenly; see `warp_affine` for the sampling.

    Args:
        degrees: angles in (-degrees, degrees), or (low, high), counter-clockwise.
        fill: the value outside of the image.
        seed: 0 <= seed < 2**63.

    Raises:
        ValueError: degrees is reversed, negative or not finite, or seed is out of range.

    >>> import numpy as np
    >>> from tatamikomi.data import RandomRotation
    >>> RandomRotation((90, 90))(np.arange(4.0).reshape(1, 1, 2, 2)).round().tolist()
    [[[[1.0, 3.0], [0.0, 2.0]]]]
    """

    def __init__(self, degrees: float | tuple[float, float], fill: float = 0.0, seed: int = 0) -> None:
        super().__init__(seed)
        low, high = (-degrees, degrees) if isinstance(degrees, (int, float)) else degrees
        if not (math.isfinite(low) and math.isfinite(high) and low <= high):
            raise bad_value(self._op, "degrees", repr(degrees), "finite low <= high, or one number >= 0")
        self.degrees = (float(low) + 0.0, float(high))  # 0.0 rather than -0.0
        self.fill = float(fill)

    def _matrices(self, indices: NDArray[np.int64], epoch: int, height: int, width: int) -> NDArray[np.float64]:
        low, high = self.degrees
        return affine_maps(height, width, low + (high - low) * self._numbers(indices, epoch, 1)[:, 0])

    def _moved(
        self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int, fill: float, nearest: bool
    ) -> NDArray[Any]:
        return warp_affine(x, self._matrices(indices, epoch, x.shape[2], x.shape[3]), fill, nearest)

    def _boxed(
        self, boxes: NDArray[np.float64], size: tuple[int, int], indices: NDArray[np.int64], epoch: int
    ) -> NDArray[np.float64]:
        return mapped_boxes(boxes, self._matrices(indices, epoch, *size))

    def __repr__(self) -> str:
        return f"RandomRotation({self.degrees}, fill={self.fill}, seed={self.seed})"
