"""Batches of a data set, in an order that two integers decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.dataset import Batch, Dataset, SampleDataset, gather, located
from tatamikomi.data.prefetch import prefetch
from tatamikomi.data.transforms import reads_rows
from tatamikomi.data.transforms_mix import BatchMix
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.random import checked_integer, permutation

# transform(x, indices, epoch) -> x: see data/transforms.py
Transform = Callable[[NDArray[Any], NDArray[np.int64], int], NDArray[Any]]


class DataLoader:
    """Iterate over a data set in batches (x, y) of NumPy arrays, or (x, y, weights) where its samples have weights.

    A pass's order, and what a seeded transform does to each sample, depend on (seed, epoch) alone: after
    `set_epoch(n)` the next pass is pass n, whatever happened before, so that a resumed run sees what an
    uninterrupted one would. Each pass begun moves `epoch` on by one, so that a plain loop shuffles anew each
    time.

    Args:
        dataset: anything with `len` and `batch(indices)`, such as an ArrayDataset; or, slower, with `len` and
            `[index]` giving (x, y), whose samples are stacked.
        batch_size: samples per batch, >= 1; the last batch is shorter when they do not divide.
        shuffle: whether passes are in random order.
        seed: 0 <= seed < 2**63.
        drop_last: leave a shorter last batch out.
        transform: called as transform(x, indices, epoch) on each batch's x; indices count within the data
            set.
        target_transform: called likewise on each batch's y, such as the `masks` of the transform.
        workers: how many background threads prepare batches; the bits are the same. More than one call data set and
            transform at the same time.
        mix: mixes each sample, transformed, with a partner out of the whole data set, transformed likewise, and
            their labels: a MixUp or a CutMix.

    Raises:
        TypeError: batch_size, workers or seed is not an integer, or the data set has neither batch nor [index].
        ValueError: batch_size < 1, workers < 0, seed is out of range; in a pass, mix meets samples with weights.

    >>> import numpy as np
    >>> from tatamikomi.data import ArrayDataset, DataLoader
    >>> loader = DataLoader(ArrayDataset(np.arange(5.0), np.arange(5)), batch_size=2)
    >>> [y.tolist() for x, y in loader], len(loader)
    ([[0, 1], [2, 3], [4]], 3)
    """

    def __init__(
        self,
        dataset: Dataset | SampleDataset,
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        transform: Transform | None = None,
        workers: int = 0,
        mix: BatchMix | None = None,
        target_transform: Transform | None = None,
    ) -> None:
        if isinstance(batch_size, bool) or not isinstance(batch_size, (int, np.integer)):
            raise bad_type("DataLoader", "batch_size", type(batch_size).__name__, "an integer")
        if batch_size < 1:
            raise bad_value("DataLoader", "batch_size", int(batch_size), "batch_size >= 1")
        if not hasattr(dataset, "batch") and not hasattr(dataset, "__getitem__"):
            raise bad_type("DataLoader", "dataset", type(dataset).__name__, "a data set with batch or [index]")
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.seed = checked_integer("DataLoader", "seed", seed)
        self.drop_last = drop_last
        self.transform = transform
        self.target_transform = target_transform
        self.mix = mix
        self.workers = checked_integer("DataLoader", "workers", workers)
        self._epoch = 0

    @property
    def epoch(self) -> int:
        """The number of the next pass."""
        return self._epoch

    def set_epoch(self, epoch: int) -> None:
        """Make the next pass pass number `epoch`, 0 <= epoch < 2**63."""
        self._epoch = checked_integer("DataLoader.set_epoch", "epoch", epoch)

    def __len__(self) -> int:
        """The number of batches in a pass."""
        whole, rest = divmod(len(self.dataset), self.batch_size)
        return whole + (1 if rest and not self.drop_last else 0)

    def order(self, epoch: int) -> NDArray[np.int64]:
        """The indices of pass number `epoch`, in order."""
        n = len(self.dataset)
        return permutation(self.seed, (epoch,), n) if self.shuffle else np.arange(n, dtype=np.int64)

    def __iter__(self) -> Iterator[Batch]:
        """Begin the next pass."""
        epoch = self._epoch
        self._epoch += 1
        return self._ahead(epoch) if self.workers else self._batches(self.order(epoch), epoch)

    def _ahead(self, epoch: int) -> Iterator[Batch]:
        """Worker i makes batches i, i + workers, ..."""
        order = self.order(epoch)
        lanes = [prefetch(partial(self._batches, order, epoch, first)) for first in range(self.workers)]
        try:
            for number in range(len(self)):
                yield next(lanes[number % self.workers])
        finally:
            for lane in lanes:
                lane.close()

    def _batches(self, order: NDArray[np.int64], epoch: int, first: int = 0) -> Iterator[Batch]:
        for number in range(first, len(self), max(self.workers, 1)):
            indices = order[number * self.batch_size : (number + 1) * self.batch_size]
            x, y, *weights = self._samples(indices, epoch)
            if self.mix is not None:
                if weights:
                    raise bad_value("DataLoader", "mix", repr(self.mix), "None where samples have weights")
                partner_x, partner_y = self._samples(self.mix.partners(indices, epoch, len(self.dataset)), epoch)
                x, y = self.mix(x, y, partner_x, partner_y, indices, epoch)
            yield (x, y, *weights)

    def _samples(self, indices: NDArray[np.int64], epoch: int) -> Batch:
        x, y, *weights = (located if reads_rows(self.transform) else gather)(self.dataset, indices)
        if self.target_transform is not None:
            y = self.target_transform(y, indices, epoch)
        return ((x if self.transform is None else self.transform(x, indices, epoch)), y, *weights)
