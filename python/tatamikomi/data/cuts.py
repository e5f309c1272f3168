"""Crops and mirrors of batches: neighbours in a chain, and a normalisation after them, are one pass over the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.batches import images, sample_indices
from tatamikomi.data.dataset import Rows
from tatamikomi.data.geometric import Geometric, slices
from tatamikomi.kernels import crop


class Cut(NamedTuple):
    """What is cut out of each image of a batch; see `tatamikomi.kernels.crop`."""

    places: NDArray[np.int64]  # (N, 4): row and its step, column and its step
    size: tuple[int, int]
    padding_mode: str = "constant"
    fill: float = 0.0

    def part(self, starts: NDArray[np.int64] | tuple[int, int], size: tuple[int, int]) -> Cut:
        """Of what this one leaves the part of `size` that begins at `starts`, (N, 2) or the same for all.

        The places are this one's own, changed, as those of `turned` are.

        >>> from tatamikomi.data.cuts import whole
        >>> whole(1, (5, 8)).turned(1, np.array([True])).part((1, 2), (3, 3)).places.tolist()
        [[1, 1, 5, -1]]
        """
        self.places[:, ::2] += self.places[:, 1::2] * starts
        return self._replace(size=size)

    def turned(self, axis: int, which: NDArray[np.bool_]) -> Cut:
        """What this one leaves, those images that are chosen from their last row (axis 0) or column (1) to the first.

        >>> from tatamikomi.data.cuts import whole
        >>> whole(2, (5, 8)).part((1, 2), (3, 3)).turned(1, np.array([False, True])).places.tolist()
        [[1, 1, 2, 1], [1, 1, 4, -1]]
        """
        first, step = self.places[:, 2 * axis], self.places[:, 2 * axis + 1]
        first += step * (which * (self.size[axis] - 1))
        np.negative(step, out=step, where=which)
        return self


def whole(n: int, size: tuple[int, int]) -> Cut:
    """All of each of n images of `size`, as it is.

    >>> from tatamikomi.data.cuts import whole
    >>> whole(2, (3, 4)).places.tolist()
    [[0, 1, 0, 1], [0, 1, 0, 1]]
    """
    places = np.zeros((n, 4), np.int64)
    places[:, 1::2] = 1
    return Cut(places, size)


class Cutting(Geometric):
    """A transform that cuts a part out of each image or turns it round, and changes no value."""

    keeps_whole = False  # whether all pixels stay

    @property
    def pads(self) -> bool:
        """Whether anything beyond the image is shown."""
        return False

    def cut(self, earlier: Cut, indices: NDArray[np.int64], epoch: int, fill: float) -> Cut:
        """What it cuts out of what `earlier` leaves, whose places it may change."""
        raise NotImplementedError

    def _moved(
        self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int, fill: float, nearest: bool
    ) -> NDArray[Any]:
        places, size, mode, fill = self.cut(whole(len(x), (x.shape[2], x.shape[3])), indices, epoch, fill)
        return crop(x, places, size, padding_mode=mode, fill=fill)


def joins(run: Sequence[Cutting], later: Cutting) -> bool:
    """Whether one pass can make `later` after `run`: what pads must come first, or after mirrors alone.

    >>> from tatamikomi.data import CenterCrop, RandomCrop, RandomHorizontalFlip
    >>> from tatamikomi.data.cuts import joins
    >>> joins([RandomHorizontalFlip()], RandomCrop(8, 1)), joins([CenterCrop(9)], RandomCrop(8, 1))
    (True, False)
    """
    return not later.pads or all(one.keeps_whole for one in run)


def cut_and_normalize(
    run: Sequence[Cutting], normalize: Any, x: NDArray[Any] | Rows, indices: NDArray[np.int64] | None, epoch: int
) -> NDArray[Any]:
    """What the transforms of `run`, and then a Normalize or None, make of a batch (N, C, H, W) or (N, C, D, H, W).

    >>> import numpy as np
    >>> from tatamikomi.data import CenterCrop, RandomVerticalFlip
    >>> from tatamikomi.data.cuts import cut_and_normalize
    >>> x = np.arange(6.0).reshape(1, 1, 2, 3)
    >>> cut_and_normalize([CenterCrop((2, 1)), RandomVerticalFlip(1.0)], None, x, None, 0).tolist()
    [[[[4.0], [1.0]]]]
    """
    op = type(run[0]).__name__
    array, rows = x if isinstance(x, Rows) else (np.asarray(x), None)
    flat = images(op, slices(array))
    samples = sample_indices(op, flat if rows is None else rows, indices)
    cut = whole(len(samples), (flat.shape[2], flat.shape[3]))
    for one in run:
        cut = one.cut(cut, samples, epoch, getattr(one, "fill", 0.0))
    mean, std = (None, None) if normalize is None else normalize.planes(array)
    y = crop(flat, cut.places, cut.size, mean, std, cut.padding_mode, cut.fill, samples=rows)
    return y.reshape(len(y), *array.shape[1:-2], *cut.size)
