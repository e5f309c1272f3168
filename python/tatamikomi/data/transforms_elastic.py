"""Images bent like rubber."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.batches import RandomTransform
from tatamikomi.data.geometric import Geometric
from tatamikomi.errors import bad_value
from tatamikomi.kernels import warp


class RandomElastic(Geometric, RandomTransform):
    """Move each pixel by a smooth random field of the image's own, as handwriting varies.

    Numbers of mean 0 and variance 1 on a grid, `sigma` pixels apart, are spread by Gaussians of the standard deviation
    sigma and scaled by alpha: neighbours move together, and a pixel's two displacements have the standard deviation
    alpha. The image is then sampled as `warp_affine` does. About 2 (H / sigma + 7) (W / sigma + 7) numbers per image.
    Source: P. Y. Simard, D. Steinkraus, J. C. Platt, "Best practices for convolutional neural networks applied to
    visual document analysis", ICDAR 2003, with noise on the grid in place of noise on every pixel.

    Args:
        alpha: how far pixels move, in pixels, >= 0.
        sigma: over how many pixels the movement is alike, >= 1.
        fill: the value outside of the image.
        seed: 0 <= seed < 2**63.

    Raises:
        ValueError: alpha, sigma or seed is out of range.

    >>> import numpy as np
    >>> from tatamikomi.data import RandomElastic
    >>> x = np.random.default_rng(0).random((2, 1, 8, 8))
    >>> bool((RandomElastic(alpha=0.0)(x) == x).all()), RandomElastic(alpha=2.0)(x).shape
    (True, (2, 1, 8, 8))
    """

    def __init__(self, alpha: float = 1.0, sigma: float = 4.0, fill: float = 0.0, seed: int = 0) -> None:
        super().__init__(seed)
        if not 0 <= alpha < math.inf:
            raise bad_value(self._op, "alpha", repr(alpha), "a finite number >= 0")
        if not 1 <= sigma < math.inf:
            raise bad_value(self._op, "sigma", repr(sigma), "a finite number >= 1")
        self.alpha, self.sigma, self.fill = float(alpha), float(sigma), float(fill)

    def _moved(
        self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int, fill: float, nearest: bool
    ) -> NDArray[Any]:
        dtype = x.dtype.newbyteorder("=")
        field = self.alpha * self.field(indices, epoch, *x.shape[2:]).astype(dtype)
        still = np.broadcast_to(np.eye(2, 3, dtype=dtype), (len(x), 2, 3))
        return warp(x, still, field, fill, nearest)

    def field(self, indices: NDArray[np.int64], epoch: int, height: int, width: int) -> NDArray[np.float64]:
        """(N, 2, height, width): displacements downwards and to the right, of variance 1."""
        rows, columns = _spread(height, self.sigma), _spread(width, self.sigma)
        count = 2 * rows.shape[1] * columns.shape[1]
        noise = math.sqrt(12) * (self._numbers(indices, epoch, count) - 0.5)
        # One product per image and axis: the same bits in any batch.
        result: NDArray[np.float64] = rows @ noise.reshape(-1, 2, rows.shape[1], columns.shape[1]) @ columns.T
        return result

    def __repr__(self) -> str:
        return f"RandomElastic(alpha={self.alpha}, sigma={self.sigma}, fill={self.fill}, seed={self.seed})"


@lru_cache
def _spread(size: int, sigma: float) -> NDArray[np.float64]:
    """(size, points): how much of each point of the grid, 3 sigma beyond both ends, a pixel gets; squares sum to 1."""
    points = np.arange(-3, size / sigma + 3) * sigma
    weights = np.exp(-0.5 * ((np.arange(size)[:, None] - points) / sigma) ** 2)
    result: NDArray[np.float64] = weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return result
