"""Arrays as a data set, parts of it, and ways to split it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.data.labels import as_labels, check_range, checked_weights
from tatamikomi.data.mapped import RowReader, take_rows
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.random import checked_integer, permutation

Batch = tuple[NDArray[Any], ...]  # x, y and, where samples have weights, those


class Dataset(Protocol):
    """What a DataLoader needs: a length, and samples by their indices, many at once."""

    def __len__(self) -> int:
        """The number of samples."""
        ...

    def batch(self, indices: NDArray[np.int64]) -> Batch:
        """The samples at `indices`, in that order: x (N, ...), y (N, ...) and perhaps weights (N,)."""
        ...


class SampleDataset(Protocol):
    """What will do in place of a Dataset, more slowly: a length, and samples one by one."""

    def __len__(self) -> int:
        """The number of samples."""
        ...

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """One sample: x, y and perhaps its weight, of the same shapes for every index."""
        ...


def gather(dataset: Dataset | SampleDataset, indices: NDArray[np.int64]) -> Batch:
    """The samples at `indices` as one batch; those of a SampleDataset are stacked.

    >>> import numpy as np
    >>> from tatamikomi.data.dataset import gather
    >>> gather([(0.5, 1), (0.25, 0)], np.array([1, 0, 0]))
    (array([0.25, 0.5 , 0.5 ]), array([0, 1, 1]))
    """
    if hasattr(dataset, "batch"):
        batch: Batch = dataset.batch(indices)
        return batch
    samples = [dataset[index] for index in indices.tolist()]
    return tuple(np.stack([np.asarray(one) for one in part]) for part in zip(*samples, strict=True))


class Rows(NamedTuple):
    """The samples array[places], for what reads them where they lie: a kernel can, the array being as it takes them."""

    array: NDArray[Any]
    places: NDArray[np.int64]


def located(dataset: Dataset | SampleDataset, indices: NDArray[np.int64]) -> tuple[Any, ...]:
    """As `gather`, but without a copy of x where that is part of an array in memory: then it is Rows.

    >>> import numpy as np
    >>> from tatamikomi.data import ArrayDataset, Subset
    >>> from tatamikomi.data.dataset import located
    >>> rows, y = located(Subset(ArrayDataset(np.zeros((3, 1, 2, 2)), np.arange(3)), [2, 1]), np.array([0]))
    >>> rows.array.shape, rows.places, y
    ((3, 1, 2, 2), array([2]), array([2]))
    """
    if type(dataset) is Subset:
        return located(dataset.dataset, dataset.indices[indices])
    if type(dataset) is ArrayDataset and dataset.in_memory:
        return Rows(dataset.x, indices), *dataset.targets(indices)
    return gather(dataset, indices)


class ArrayDataset:
    """Two arrays of equal length, kept as they are (no copy, never written to).

    Of an array mapped from a file (`load_npy`) a batch reads what it holds and nothing is kept, whatever its size.
    NaN in x is let through: whether a missing pixel is an error is for the model's owner to say.

    Args:
        x: (N, ...) samples.
        y: (N, ...) targets; with `classes`, (N,) integers, kept as int64.
        classes: when given, every label must lie in 0 .. classes - 1.
        weights: (N,) numbers >= 0, how much each sample counts; they come as third of a batch's arrays.

    Raises:
        TypeError: labels are not integers although classes are given, or weights no numbers.
        ValueError: lengths differ, an array has no dimension, a label is out of range, or a weight negative or not
            finite.

    >>> import numpy as np
    >>> from tatamikomi.data import ArrayDataset
    >>> data = ArrayDataset(np.zeros((3, 1, 2, 2), np.float32), [0, 2, 1], classes=3)
    >>> len(data), int(data[1][1]), data.batch(np.array([2, 0]))[1]
    (3, 2, array([1, 0]))
    """

    def __init__(
        self, x: ArrayLike, y: ArrayLike, classes: int | None = None, weights: ArrayLike | None = None
    ) -> None:
        self.x: NDArray[Any] = np.asarray(x)
        self.y: NDArray[Any] = np.asarray(y) if classes is None else as_labels("ArrayDataset", "y", y)
        if self.x.ndim == 0 or self.y.ndim == 0:
            raise bad_value("ArrayDataset", "x and y", f"{self.x.shape} and {self.y.shape}", "shapes (N, ...)")
        if len(self.x) != len(self.y):
            raise bad_value("ArrayDataset", "y", f"{len(self.y)}", f"as many as x has samples, {len(self.x)}")
        if classes is not None:
            check_range("ArrayDataset", "y", self.y, classes)
        self.classes = classes
        self.weights = None if weights is None else checked_weights("ArrayDataset", weights, len(self.x))
        self._files = RowReader.of(self.x), RowReader.of(self.y)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, index: int) -> tuple[Any, ...]:
        """One sample, as views."""
        sample = self.x[index], self.y[index]
        return sample if self.weights is None else (*sample, self.weights[index])

    def batch(self, indices: NDArray[np.int64]) -> Batch:
        """The samples at `indices`, copied."""
        return take_rows(self.x, self._files[0], indices), *self.targets(indices)

    def targets(self, indices: NDArray[np.int64]) -> Batch:
        """What a batch holds beside x: y and, where samples have weights, those."""
        y = take_rows(self.y, self._files[1], indices)
        return (y,) if self.weights is None else (y, self.weights[indices])

    @property
    def in_memory(self) -> bool:
        """Whether x is in memory, of floats and in the layout that kernels read."""
        x = self.x
        return (
            self._files[0] is None and x.dtype in (np.float32, np.float64) and x.flags.c_contiguous and x.flags.aligned
        )


class Subset:
    """Some samples of a data set, in the order of `indices`.

    Raises:
        TypeError: indices are not integers.
        ValueError: an index is out of range.

    >>> import numpy as np
    >>> from tatamikomi.data import ArrayDataset, Subset
    >>> part = Subset(ArrayDataset(np.arange(5), np.arange(5)), [4, 1])
    >>> len(part), part.batch(np.array([0]))[0]
    (2, array([4]))
    """

    def __init__(self, dataset: Dataset | SampleDataset, indices: ArrayLike) -> None:
        self.dataset = dataset
        self.indices = as_labels("Subset", "indices", indices)
        wrong = (self.indices < 0) | (self.indices >= len(dataset))
        if wrong.any():
            raise bad_value("Subset", "indices", int(self.indices[wrong][0]), f"0 <= index < {len(dataset)}")

    def __len__(self) -> int:
        return len(self.indices)

    def batch(self, indices: NDArray[np.int64]) -> Batch:
        """The samples at `indices`, which count within the subset."""
        return gather(self.dataset, self.indices[indices])


def stratified_folds(labels: ArrayLike, k: int, seed: int = 0) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Cut samples into k parts for cross-validation, each with its share of every class.

    Args:
        labels: (N,) integers, N >= k.
        k: >= 2.
        seed: 0 <= seed < 2**63.

    Returns:
        k pairs (kept, held) of indices into labels, in random order: each index is held once and kept k - 1 times.
        Sizes of the parts, and what they have of a class, differ by one at most.

    Raises:
        TypeError: labels or k are not integers.
        ValueError: labels are not (N,), or k is below 2 or above N.

    >>> import numpy as np
    >>> from tatamikomi.data import stratified_folds
    >>> [np.bincount(np.repeat([0, 1], [6, 3])[held]).tolist() for kept, held in stratified_folds([0] * 6 + [1] * 3, 3)]
    [[2, 1], [2, 1], [2, 1]]
    """
    labels = as_labels("stratified_folds", "labels", labels)
    if not 2 <= checked_integer("stratified_folds", "k", k) <= len(labels):
        raise bad_value("stratified_folds", "k", k, f"2 <= k <= {len(labels)}, the number of samples")
    order = permutation(seed, (), len(labels))
    part = np.empty(len(labels), np.int64)  # of each place in `order`; classes are dealt out one after the other
    part[np.argsort(labels[order], kind="stable")] = np.arange(len(labels)) % k
    return [(order[part != fold], order[part == fold]) for fold in range(k)]


def random_split(dataset: Dataset | SampleDataset, lengths: Sequence[int | float], seed: int = 0) -> list[Subset]:
    """Cut a data set into parts at random; the same (seed, length) gives the same parts for ever.

    Args:
        dataset: what is cut.
        lengths: sizes that add up to len(dataset), or fractions that add up to 1. A fraction f becomes
            floor(f * len(dataset)) samples; what remains goes one by one to the first parts.
        seed: 0 <= seed < 2**63.

    Raises:
        TypeError: lengths mix sizes and fractions, or hold neither.
        ValueError: one is negative, or they do not add up.

    >>> import numpy as np
    >>> from tatamikomi.data import ArrayDataset, random_split
    >>> train, test = random_split(ArrayDataset(np.arange(10), np.arange(10)), [0.7, 0.3])
    >>> len(train), len(test)
    (7, 3)
    """
    n = len(dataset)
    sizes = _sizes(n, lengths)
    order = permutation(seed, (), n)
    ends = np.cumsum(sizes)
    return [Subset(dataset, order[end - size : end]) for size, end in zip(sizes, ends.tolist(), strict=True)]


def _sizes(n: int, lengths: Sequence[int | float]) -> list[int]:
    op, argument = "random_split", "lengths"
    kinds = {np.asarray(length).dtype.kind for length in lengths}
    if not kinds or not (kinds <= set("iu") or kinds == {"f"}):
        raise bad_type(op, argument, repr(lengths), "all sizes (integers) or all fractions (floats)")
    if not all(length >= 0 for length in lengths):
        raise bad_value(op, argument, repr(lengths), "numbers >= 0")
    if kinds != {"f"}:
        sizes = [int(length) for length in lengths]
        if sum(sizes) != n:
            raise bad_value(op, argument, f"{lengths!r} with sum {sum(sizes)}", f"a sum of {n}")
        return sizes
    # Fractions as people write them, such as three times 0.1 and 0.7, miss 1 by roundings of 2**-53 each.
    if abs(sum(lengths) - 1) > len(lengths) * 2.0**-52:
        raise bad_value(op, argument, f"{lengths!r} with sum {sum(lengths)}", "fractions with sum 1")
    sizes = [int(np.floor(length * n)) for length in lengths]
    for part in range(n - sum(sizes)):
        sizes[part % len(sizes)] += 1
    return sizes


def stratified_split(
    labels: ArrayLike, *, fraction: float | None = None, per_class: int | None = None, seed: int = 0
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out the same share of every class.

    Args:
        labels: (N,) integers.
        fraction: the share of each class to hold out, 0 <= fraction <= 1: of n labels,
            floor(fraction * n + 1/2).
        per_class: or the number to hold out of each class. Exactly one of the two is given.
        seed: 0 <= seed < 2**63.

    Returns:
        (kept, held): indices into labels, each index in exactly one of them, in the order of one permutation of all.
        Held are the first of every class there, so the first of `kept` alone are no fair sample: shuffle them.

    Raises:
        TypeError: labels are not integers, or not exactly one of fraction and per_class is given.
        ValueError: labels are not (N,), fraction is out of range, or a class has fewer than per_class
            samples.

    >>> import numpy as np
    >>> from tatamikomi.data import stratified_split
    >>> labels = np.repeat([0, 1], [6, 4])
    >>> kept, held = stratified_split(labels, fraction=0.5)
    >>> np.bincount(labels[held])
    array([3, 2])
    """
    op = "stratified_split"
    labels = as_labels(op, "labels", labels)
    if (fraction is None) == (per_class is None):
        raise bad_type(op, "fraction, per_class", f"{fraction}, {per_class}", "exactly one of the two")
    if fraction is not None and not 0 <= fraction <= 1:
        raise bad_value(op, "fraction", fraction, "0 <= fraction <= 1")
    order = permutation(seed, (), len(labels))
    held = np.zeros(len(labels), bool)
    for label in np.unique(labels).tolist():
        members = order[labels[order] == label]  # of this class, in random order
        count = per_class if per_class is not None else int(np.floor((fraction or 0.0) * len(members) + 0.5))
        if not 0 <= count <= len(members):
            raise bad_value(op, "per_class", count, f"0 <= per_class <= {len(members)}, the size of class {label}")
        held[members[:count]] = True
    return order[~held[order]], order[held[order]]
