"""Batches of a data set, in an order that two integers decide."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.dataset import Batch, Dataset, SampleDataset, gather
from tatamikomi.data.prefetch import in_order, prefetch
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
        workers: threads that prepare batches in the background; 0 for none. The bits are the same. With several, a
            transform or a data set of one's own is called by several threads at once.
        mix: mixes each sample, transformed, with a partner out of the whole data set, transformed likewise, and
            their labels: a MixUp or a CutMix.

    Raises:
        TypeError: batch_size or seed is not an integer, or the data set has neither batch nor [index].
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
    ) -> None:
        for name, given, low in (("batch_size", batch_size, 1), ("workers", workers, 0)):
            if isinstance(given, bool) or not isinstance(given, (int, np.integer)):
                raise bad_type("DataLoader", name, type(given).__name__, "an integer")
            if given < low:
                raise bad_value("DataLoader", name, int(given), f"{name} >= {low}")
        if not hasattr(dataset, "batch") and not hasattr(dataset, "__getitem__"):
            raise bad_type("DataLoader", "dataset", type(dataset).__name__, "a data set with batch or [index]")
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.shuffle = shuffle
        self.seed = checked_integer("DataLoader", "seed", seed)
        self.drop_last = drop_last
        self.transform = transform
        self.mix = mix
        self.workers = int(workers)
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
        if self.workers < 2:
            return prefetch(lambda: self._batches(epoch)) if self.workers else self._batches(epoch)
        order = self.order(epoch)
        return in_order(lambda number: self._batch(order, number, epoch), len(self), self.workers)

    def _batches(self, epoch: int) -> Iterator[Batch]:
        order = self.order(epoch)
        for number in range(len(self)):
            yield self._batch(order, number, epoch)

    def _batch(self, order: NDArray[np.int64], number: int, epoch: int) -> Batch:
        indices = order[number * self.batch_size : (number + 1) * self.batch_size]
        batch = self._samples(indices, epoch)
        if self.mix is None:
            return batch
        if len(batch) > 2:
            raise bad_value("DataLoader", "mix", repr(self.mix), "None where samples have weights")
        partners = self._samples(self.mix.partners(indices, epoch, len(self.dataset)), epoch)
        (x, y), (partner_x, partner_y) = batch, partners
        return self.mix(x, y, partner_x, partner_y, indices, epoch)

    def _samples(self, indices: NDArray[np.int64], epoch: int) -> Batch:
        x, *others = gather(self.dataset, indices)
        return ((x if self.transform is None else self.transform(x, indices, epoch)), *others)
