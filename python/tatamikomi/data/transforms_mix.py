"""Samples mixed with others, and their labels with them: MixUp and CutMix.

A DataLoader does it after its transform, `DataLoader(..., mix=MixUp(classes=10))`. A sample's partner is drawn from the
whole data set, so that what a sample becomes does not depend on the batch around it. Labels become probabilities
(N, classes), which the cross entropy takes as they are.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.data.batches import draws, floats, images, place, sample_indices
from tatamikomi.data.dataset import Batch
from tatamikomi.data.labels import as_labels, check_range
from tatamikomi.errors import bad_value
from tatamikomi.random import checked_integer

_GRID = 1 << 24


class BatchMix(Protocol):
    """Chooses a partner for each sample of a batch, and mixes the two."""

    def partners(self, indices: NDArray[np.int64], epoch: int, samples: int) -> NDArray[np.int64]:
        """Whom each of `indices` is mixed with, out of 0 .. samples - 1."""
        ...

    def __call__(
        self,
        x: NDArray[Any],
        y: ArrayLike,
        partner_x: NDArray[Any],
        partner_y: ArrayLike,
        indices: NDArray[np.int64] | None = None,
        epoch: int = 0,
    ) -> Batch:
        """The mixed samples, and the probabilities of their classes (N, classes)."""
        ...


class _Mix:
    """What MixUp and CutMix share: partners, weights, labels."""

    def __init__(self, classes: int, alpha: float, seed: int) -> None:
        self.classes = checked_integer(self._op, "classes", classes)
        if not 0 < alpha < math.inf:
            raise bad_value(self._op, "alpha", repr(alpha), "a finite number > 0")
        self.alpha = float(alpha)
        self.seed = checked_integer(self._op, "seed", seed)

    @property
    def _op(self) -> str:
        return type(self).__name__

    def partners(self, indices: NDArray[np.int64], epoch: int, samples: int) -> NDArray[np.int64]:
        """Whom each of `indices` is mixed with: any of 0 .. samples - 1, each as likely as the others."""
        # 48 bits: 24 alone would leave out samples of the largest sets.
        numbers = draws(f"{self._op}, partners", self.seed, indices, epoch, 2)
        return np.array([place(high + low / _GRID, samples) for high, low in numbers], np.int64)

    def _check(self, x: NDArray[Any], partner_x: NDArray[Any], indices: NDArray[np.int64] | None) -> NDArray[np.int64]:
        if partner_x.shape != x.shape or partner_x.dtype != x.dtype:
            given, expected = f"{partner_x.dtype} of shape {partner_x.shape}", f"{x.dtype} of shape {x.shape}, as x"
            raise bad_value(self._op, "partner_x", given, expected)
        return sample_indices(self._op, x, indices)

    def _labels(
        self, y: ArrayLike, partner_y: ArrayLike, weights: NDArray[np.float64], dtype: np.dtype[Any]
    ) -> NDArray[Any]:
        own, other = (
            self._probabilities(name, labels, len(weights)) for name, labels in (("y", y), ("partner_y", partner_y))
        )
        # Weights are multiples of 2**-24: they and what remains to 1 are exact, and so is their sum, in float32 too.
        share = weights[:, None]
        return (share * own + (1 - share) * other).astype(dtype)

    def _probabilities(self, argument: str, labels: ArrayLike, count: int) -> NDArray[np.float64]:
        array = np.asarray(labels)
        if array.dtype.kind == "f":
            if array.shape != (count, self.classes):
                raise bad_value(self._op, argument, f"shape {array.shape}", f"shape {(count, self.classes)}")
            return array.astype(np.float64)
        whole = as_labels(self._op, argument, labels)
        if len(whole) != count:
            raise bad_value(self._op, argument, f"{len(whole)} labels", f"as many as samples, {count}")
        check_range(self._op, argument, whole, self.classes)
        return np.eye(self.classes)[whole]

    def __repr__(self) -> str:
        return f"{self._op}({self.classes}, alpha={self.alpha}, seed={self.seed})"


class MixUp(_Mix):
    """x = w x1 + (1 - w) x2, and the same of the labels, with w from the distribution Beta(alpha, alpha).

    Source: H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, "mixup: Beyond Empirical Risk Minimization",
    arXiv:1710.09412. w is rounded to a multiple of 2**-24.

    Args:
        classes: how many there are.
        alpha: > 0: near 0, w is nearly always 0 or 1; at 1, even.
        seed: 0 <= seed < 2**63.

    At the call:
        x, partner_x: (N, ...) float32 or float64.
        y, partner_y: (N,) labels, or (N, classes) probabilities.
        Gives x (N, ...) and y (N, classes), in the dtype of x.

    Raises:
        TypeError: x is neither float32 nor float64, or labels are neither integers nor floats.
        ValueError: an argument is out of range; at the call, shapes do not fit, or a label is none of the classes.

    >>> import numpy as np
    >>> from tatamikomi.data import ArrayDataset, DataLoader, MixUp
    >>> data = ArrayDataset(np.eye(3, dtype=np.float32), np.arange(3))
    >>> x, y = next(iter(DataLoader(data, batch_size=3, mix=MixUp(classes=3))))
    >>> bool((x == y).all()), y.sum(axis=1).tolist()
    (True, [1.0, 1.0, 1.0])
    """

    def __init__(self, classes: int, alpha: float = 0.2, seed: int = 0) -> None:
        super().__init__(classes, alpha, seed)

    def __call__(
        self,
        x: NDArray[Any],
        y: ArrayLike,
        partner_x: NDArray[Any],
        partner_y: ArrayLike,
        indices: NDArray[np.int64] | None = None,
        epoch: int = 0,
    ) -> Batch:
        """Mix a batch with its partners."""
        x, partner_x = floats(self._op, x), floats(self._op, partner_x)
        indices = self._check(x, partner_x, indices)
        numbers = draws(self._op, self.seed, indices, epoch, 2)
        weights = np.array([_on_grid(symmetric_beta(self.alpha, u, v)) for u, v in numbers], np.float64)
        native = x.dtype.newbyteorder("=")
        share = weights.astype(native).reshape(-1, *(1,) * (x.ndim - 1))
        mixed = share * x + (1 - share) * partner_x
        return mixed.astype(native, copy=False), self._labels(y, partner_y, weights, native)


class CutMix(_Mix):
    """A rectangle of each image replaced by that of its partner; the labels by the shares of the area.

    The rectangle has the image's form, and sqrt(1 - w) of its edges with w from Beta(alpha, alpha), and is centred on
    any pixel; what would lie outside of the image is cut off, and the labels go by what is left. Source: S. Yun et al.,
    "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", arXiv:1905.04899.

    Args:
        classes: how many there are.
        alpha: > 0.
        seed: 0 <= seed < 2**63.

    At the call:
        x, partner_x: (N, C, H, W) float32 or float64.
        y, partner_y: (N,) labels, or (N, classes) probabilities.
        Gives x (N, C, H, W) and y (N, classes), in the dtype of x.

    Raises:
        TypeError: x is neither float32 nor float64, or labels are neither integers nor floats.
        ValueError: an argument is out of range; at the call, shapes do not fit, or a label is none of the classes.

    >>> import numpy as np
    >>> from tatamikomi.data import CutMix
    >>> zeros, ones = np.zeros((1, 1, 8, 8)), np.ones((1, 1, 8, 8))
    >>> x, y = CutMix(classes=2, seed=4)(zeros, [0], ones, [1])
    >>> bool(0 < x.mean() < 1), bool(abs(y[0, 1] - x.mean()) < 2**-24)
    (True, True)
    """

    def __init__(self, classes: int, alpha: float = 1.0, seed: int = 0) -> None:
        super().__init__(classes, alpha, seed)

    def __call__(
        self,
        x: NDArray[Any],
        y: ArrayLike,
        partner_x: NDArray[Any],
        partner_y: ArrayLike,
        indices: NDArray[np.int64] | None = None,
        epoch: int = 0,
    ) -> Batch:
        """Mix a batch with its partners."""
        from tatamikomi.data.transforms_erase import around

        x, partner_x = images(self._op, x), images(self._op, partner_x)
        indices = self._check(x, partner_x, indices)
        height, width = x.shape[2:]
        mixed = np.array(x, x.dtype.newbyteorder("="), order="C")
        weights = np.empty(len(x))
        numbers = draws(self._op, self.seed, indices, epoch, 4)
        for i, (u, v, down, across) in enumerate(numbers):
            edge = math.sqrt(1 - symmetric_beta(self.alpha, u, v))
            rows = around(place(down, height), round(edge * height), height)
            columns = around(place(across, width), round(edge * width), width)
            mixed[i, :, rows, columns] = partner_x[i, :, rows, columns]
            area = (rows.stop - rows.start) * (columns.stop - columns.start)
            weights[i] = _on_grid(1 - area / (height * width))
        return mixed, self._labels(y, partner_y, weights, mixed.dtype)


def symmetric_beta(alpha: float, u: float, v: float) -> float:
    """A number from the distribution Beta(alpha, alpha), made of two uniform ones in [0, 1) of 24 bits.

    (1 + c sqrt((1 - z) / (z + (1 - z) c**2))) / 2 with z = u**(1 / alpha) and c = cos(2 pi v). Source: L. Devroye,
    "Random variate generation in one line of code", Winter Simulation Conference 1996.

    >>> from tatamikomi.data.transforms_mix import symmetric_beta
    >>> round(symmetric_beta(1.0, 0.5, 0.25), 6), symmetric_beta(0.2, 0.0, 0.0)
    (0.5, 1.0)
    """
    z = (u + 2.0**-25) ** (1 / alpha)
    c = math.cos(2 * math.pi * (v + 2.0**-25))  # never 0: no float64 is near enough to pi / 2
    value = 0.5 * (1 + c * math.sqrt((1 - z) / (z + (1 - z) * c * c)))
    return min(max(value, 0.0), 1.0)


def _on_grid(weight: float) -> float:
    return round(weight * _GRID) / _GRID
