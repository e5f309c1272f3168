"""Crops and mirrors of batches: neighbours in a chain, and a normalisation after them, are one pass over the images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.batches import images, sample_indices
from tatamikomi.data.geometric import Geometric, slices
from tatamikomi.kernels import crop


class Cut(NamedTuple):
    """What is cut out of each image of a batch; see `tatamikomi.kernels.crop`."""

    places: NDArray[np.int64]  # (N, 4): row and its step, column and its step
    size: tuple[int, int]
    padding_mode: str = "constant"
    fill: float = 0.0

    def then(self, later: Cut, pads: bool) -> Cut:
        """What `later` cuts out of what this one cuts out. Where later pads, this one must keep images whole.

        >>> import numpy as np
        >>> from tatamikomi.data.cuts import Cut
        >>> turned, part = Cut(np.array([[0, 1, 7, -1]]), (5, 8)), Cut(np.array([[1, 1, 2, 1]]), (3, 3))
        >>> turned.then(part, False).places.tolist(), part.then(turned, False).places.tolist()
        ([[1, 1, 5, -1]], [[1, 1, 9, -1]])
        """
        places = self.places.copy()
        places[:, ::2] += self.places[:, 1::2] * later.places[:, ::2]
        places[:, 1::2] *= later.places[:, 1::2]
        return Cut(places, later.size, *(later if pads else self)[2:])


def same(n: int, size: tuple[int, int], row: int = 0, column: int = 0) -> Cut:
    """Of each of n images the part of `size` that begins at (row, column), as it is.

    >>> from tatamikomi.data.cuts import same
    >>> same(2, (3, 4)).places.tolist()
    [[0, 1, 0, 1], [0, 1, 0, 1]]
    """
    places = np.empty((n, 4), np.int64)
    places[:] = row, 1, column, 1
    return Cut(places, size)


class Cutting(Geometric):
    """A transform that cuts a part out of each image or turns it round, and changes no value."""

    keeps_whole = False  # whether all pixels stay

    @property
    def pads(self) -> bool:
        """Whether anything beyond the image is shown."""
        return False

    def cut(self, size: tuple[int, int], indices: NDArray[np.int64], epoch: int, fill: float) -> Cut:
        """What is cut out of images of `size`."""
        raise NotImplementedError

    def _moved(
        self, x: NDArray[Any], indices: NDArray[np.int64], epoch: int, fill: float, nearest: bool
    ) -> NDArray[Any]:
        places, size, mode, fill = self.cut((x.shape[2], x.shape[3]), indices, epoch, fill)
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
    run: Sequence[Cutting], normalize: Any, x: NDArray[Any], indices: NDArray[np.int64] | None, epoch: int
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
    x = np.asarray(x)
    flat = images(op, slices(x))
    samples = sample_indices(op, flat, indices)
    total = run[0].cut((flat.shape[2], flat.shape[3]), samples, epoch, getattr(run[0], "fill", 0.0))
    for one in run[1:]:
        total = total.then(one.cut(total.size, samples, epoch, getattr(one, "fill", 0.0)), one.pads)
    mean, std = (None, None) if normalize is None else normalize.planes(x)
    y = crop(flat, total.places, total.size, mean, std, total.padding_mode, total.fill)
    return y.reshape(*x.shape[:-2], *total.size)
