"""ZCA whitening: all pixels uncorrelated and of one variance, and the image as near to itself as that allows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi import kernels
from tatamikomi.data.batches import floats
from tatamikomi.data.transforms_fitted import FittedTransform, chunks
from tatamikomi.errors import bad_value


class ZCAWhitening(FittedTransform):
    """W (x - mean) with W = U diag(1 / sqrt(s + epsilon)) U', where U diag(s) U' is the training data's covariance.

    All values of a sample are one vector of D numbers; fitting takes time of the order of N D**2 + D**3 and memory
    for D**2 float64, so that D of a few thousands is the end of it. Of all whitening maps this symmetric one changes
    the data least. Source: A. J. Bell, T. J. Sejnowski, "The 'independent components' of natural scenes are edge
    filters", Vision Research 37, 1997.

    Args:
        epsilon: > 0, added to each variance: directions in which the data hardly vary, noise most often, are not
            blown up by more than 1 / sqrt(epsilon).

    Attributes:
        mean: (D,); matrix: (D, D); None before `fit`.

    Raises:
        ValueError: epsilon is not above 0; at the call, nothing is fitted, or x has other than D values a sample.
        TypeError: x is neither float32 nor float64.

    >>> import numpy as np
    >>> from tatamikomi.data import ZCAWhitening
    >>> x = np.random.default_rng(0).random((500, 1, 2, 2)) @ np.array([[1.0, 0.9], [0.0, 0.1]])
    >>> y = ZCAWhitening(epsilon=1e-9).fit(x)(x).reshape(500, 4)
    >>> bool(np.abs(y.T @ y / 500 - np.eye(4)).max() < 1e-4)
    True
    """

    _arrays = ("mean", "matrix")
    mean: NDArray[np.float64] | None
    matrix: NDArray[np.float64] | None

    def __init__(self, epsilon: float = 1e-2) -> None:
        super().__init__()
        if not 0 < epsilon < math.inf:
            raise bad_value(self._op, "epsilon", repr(epsilon), "a finite number > 0")
        self.epsilon = float(epsilon)

    def fit(self, x: NDArray[Any]) -> ZCAWhitening:
        """Fit to the training data (N, C, ...), also where they are mapped from a file; gives itself back.

        Raises:
            ValueError: x holds no value, or one that is not finite.
            TypeError: x is neither float32 nor float64.
        """
        x = self._training(x)
        size = math.prod(x.shape[1:])
        mean = np.asarray(sum(part.sum(axis=0, dtype=np.float64) for part in chunks(x)) / len(x)).reshape(size)
        covariance = np.zeros((size, size))
        for part in chunks(x):
            centred = part.reshape(len(part), size) - mean
            covariance += centred.T @ centred
        covariance /= len(x)
        variances, directions = np.linalg.eigh(covariance)
        scales = 1 / np.sqrt(np.maximum(variances, 0) + self.epsilon)  # a 0 may come out as -1e-20
        self.mean, self.matrix = mean, (directions * scales) @ directions.T
        return self

    def __call__(self, x: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0) -> NDArray[Any]:
        """Transform a batch (N, ...) of D values a sample; indices and epoch play no part."""
        x = floats(self._op, x)
        self._check_fitted()
        assert self.mean is not None
        assert self.matrix is not None
        native = x.dtype.newbyteorder("=")
        if x.ndim < 2 or math.prod(x.shape[1:]) != len(self.mean):
            raise bad_value(self._op, "x", f"shape {x.shape}", f"{len(self.mean)} values a sample")
        centred = x.reshape(len(x), len(self.mean)) - self.mean.astype(native)
        # The package's own product gives a sample the same bits in any batch, which a BLAS does not promise.
        y: NDArray[Any] = kernels.matmul(centred, self.matrix.astype(native))
        return y.reshape(x.shape)

    def _check_state(self, arrays: dict[str, NDArray[np.float64]]) -> None:
        mean, matrix = arrays["mean"], arrays["matrix"]
        if mean.ndim != 1 or matrix.shape != (len(mean), len(mean)):
            raise bad_value(self._op, "state", f"shapes {mean.shape} and {matrix.shape}", "shapes (D,) and (D, D)")

    def __repr__(self) -> str:
        return f"ZCAWhitening(epsilon={self.epsilon})"
