"""What transforms have in common: the batches they take, and where their random numbers come from."""

from __future__ import annotations

import math
import zlib
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels import crop, uniform
from tatamikomi.kernels.arrays import empty
from tatamikomi.random import checked_integer

# Values, and positions of a channel, from which on one pass by a kernel costs less than two by NumPy, which find fewer
# values in a cache the second time.
_VALUES, _POSITIONS = 1 << 18, 32


class BatchTransform(Protocol):
    """x (N, C, H, W), the N samples' indices in the data set (None: 0 .. N-1) and the epoch, to a new x."""

    def __call__(self, x: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0) -> NDArray[Any]:
        """Transform a batch."""
        ...


class ImageTransform:
    """A transform of batches of images."""

    @property
    def _op(self) -> str:
        return type(self).__name__

    def __call__(self, x: NDArray[Any], indices: NDArray[np.int64] | None = None, epoch: int = 0) -> NDArray[Any]:
        """Transform a batch (N, C, H, W) of float32 or float64."""
        x = images(self._op, x)
        return self._apply(x, sample_indices(self._op, x, indices), epoch)

    def _apply(self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int) -> NDArray[Any]:
        raise NotImplementedError


class RandomTransform(ImageTransform):
    """A transform of images whose numbers come from (its seed, epoch, index of the sample) and its kind alone.

    Transforms of different kinds draw different numbers from one seed; give two of one kind different seeds.

    Args:
        seed: 0 <= seed < 2**63.
    """

    def __init__(self, seed: int) -> None:
        self.seed = checked_integer(self._op, "seed", seed)

    def _numbers(self, indices: NDArray[np.int64], epoch: int, count: int) -> NDArray[np.float64]:
        return numbers(self._op, self.seed, indices, epoch, count)

    def _draws(self, indices: NDArray[np.int64], epoch: int, count: int) -> list[list[float]]:
        return draws(self._op, self.seed, indices, epoch, count)


def numbers(kind: str, seed: int, indices: NDArray[np.int64], epoch: int, count: int) -> NDArray[np.float64]:
    """(N, count) uniform numbers in [0, 1), whose rows depend on (kind, seed, epoch, index) alone.

    >>> import numpy as np
    >>> from tatamikomi.data.batches import numbers
    >>> whole = numbers("RandomCrop", 1, np.arange(4), 0, 2)
    >>> bool((numbers("RandomCrop", 1, np.array([3]), 0, 2) == whole[3:]).all())
    True
    """
    path = (checked_integer(kind, "epoch", epoch), zlib.crc32(kind.encode()))
    return uniform(seed, path, indices, count)


def draws(kind: str, seed: int, indices: NDArray[np.int64], epoch: int, count: int) -> list[list[float]]:
    """`numbers` as lists, for what goes image by image.

    >>> import numpy as np
    >>> from tatamikomi.data.batches import draws
    >>> whole = draws("RandomCrop", 1, np.arange(4), 0, 2)
    >>> draws("RandomCrop", 1, np.array([3]), 0, 2) == whole[3:]
    True
    """
    listed: list[list[float]] = numbers(kind, seed, indices, epoch, count).tolist()
    return listed


def place(draw: float, count: int) -> int:
    """One of 0 .. count - 1, each as likely as the others.

    >>> from tatamikomi.data.batches import place
    >>> place(0.0, 3), place(0.5, 3), place(0.99, 3)
    (0, 1, 2)
    """
    return int(draw * count)  # exact in float64, so below count


def places(numbers: NDArray[np.float64], count: int | tuple[int, ...]) -> NDArray[np.int64]:
    """`place` of many numbers, with a count for all or one for each column.

    >>> import numpy as np
    >>> from tatamikomi.data.batches import places
    >>> places(np.array([0.0, 0.5, 0.99]), 3)
    array([0, 1, 2])
    """
    return (numbers * count).astype(np.int64)


def fresh(op: str, x: NDArray[Any]) -> NDArray[Any]:
    """An array for the result of a transform, not filled: x's dtype in the machine's byte order, and its shape.

    It comes from the buffer pool: new memory costs more than what is done to a batch.

    >>> import numpy as np
    >>> from tatamikomi.data.batches import fresh
    >>> fresh("Normalize", np.zeros((2, 3), ">f4")).dtype == np.float32
    True
    """
    return empty(op, x.shape, x.dtype.newbyteorder("="))


def normalized(op: str, x: NDArray[Any], mean: NDArray[Any], std: NDArray[Any]) -> NDArray[Any]:
    """(x - mean) / std, all of one dtype; of a large x (N, C, ...), if not for single positions, in one pass.

    >>> import numpy as np
    >>> from tatamikomi.data.batches import normalized
    >>> normalized("Normalize", np.array([[1.0, 5.0]]), np.array([1.0, 2.0]), np.array([1.0, 2.0]))
    array([[0. , 1.5]])
    """
    positions = math.prod(x.shape[2:])
    apart = x.ndim < 3 or not {mean.size, std.size} <= {1, x.shape[1]}
    if apart or positions < _POSITIONS or x.size < _VALUES:
        y = fresh(op, x)
        np.divide(np.subtract(x, mean, out=y), std, out=y)
        return y
    n, channels = x.shape[:2]
    whole = np.full((n, 4), (0, 1, 0, 1), np.int64)
    centre, scale = (np.full(channels, one.reshape(-1), x.dtype) for one in (mean, std))
    return crop(x.reshape(n, channels, 1, positions), whole, (1, positions), centre, scale).reshape(x.shape)


def floats(op: str, x: NDArray[Any]) -> NDArray[Any]:
    """x as an array of float32 or float64, in any byte order.

    Raises:
        TypeError: it is of another dtype.

    >>> import numpy as np
    >>> from tatamikomi.data.batches import floats
    >>> floats("Normalize", np.zeros(2, np.uint8))
    Traceback (most recent call last):
    ...
    TypeError: Normalize: x: expected float32 or float64, got uint8
    """
    x = np.asarray(x)
    if x.dtype.newbyteorder("=") not in (np.float32, np.float64):
        raise bad_type(op, "x", str(x.dtype), "float32 or float64")
    return x


def images(op: str, x: NDArray[Any]) -> NDArray[Any]:
    """x as floats (N, C, H, W).

    Raises:
        TypeError: it is of another dtype.
        ValueError: it is of another shape.

    >>> import numpy as np
    >>> from tatamikomi.data.batches import images
    >>> images("Resize", np.zeros((2, 1, 4, 4))).shape
    (2, 1, 4, 4)
    """
    x = floats(op, x)
    if x.ndim != 4:
        raise bad_value(op, "x", f"shape {x.shape}", "shape (N, C, H, W)")
    return x


def sample_indices(op: str, x: NDArray[Any], indices: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """The samples' indices, 0 .. N-1 when there are none.

    Raises:
        TypeError: they are no integers.
        ValueError: there are not as many as samples.

    >>> import numpy as np
    >>> from tatamikomi.data.batches import sample_indices
    >>> sample_indices("RandomCrop", np.zeros((3, 1)), None)
    array([0, 1, 2])
    """
    if indices is None:
        return np.arange(len(x))
    indices = np.asarray(indices)
    if indices.dtype.kind not in "iu":
        raise bad_type(op, "indices", str(indices.dtype), "integers")
    if len(indices) != len(x):
        raise bad_value(op, "indices", len(indices), f"as many as images, {len(x)}")
    return indices


def probability(op: str, argument: str, value: float) -> float:
    """A number from 0 to 1.

    Raises:
        ValueError: it is none.

    >>> from tatamikomi.data.batches import probability
    >>> probability("RandomErasing", "p", 0.5)
    0.5
    """
    if not 0 <= value <= 1:
        raise bad_value(op, argument, repr(value), "a number from 0 to 1")
    return float(value)
