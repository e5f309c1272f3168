"""Arrays as data sets, subsets and splits."""

from __future__ import annotations

import numpy as np
import pytest

from tatamikomi.data import ArrayDataset, Subset, random_split, stratified_folds, stratified_split
from tatamikomi.data.labels import as_labels


def test_batches_are_the_samples_in_the_order_asked():
    x, y = np.arange(12.0).reshape(4, 3), np.array([5, 6, 7, 8])
    data = ArrayDataset(x, y)
    found_x, found_y = data.batch(np.array([3, 0, 3]))
    assert found_x.tolist() == [[9, 10, 11], [0, 1, 2], [9, 10, 11]]
    assert found_y.tolist() == [8, 5, 8]
    assert len(data) == 4
    assert data[2][0].tolist() == [6, 7, 8]


def test_arrays_are_neither_copied_nor_written_to():
    x = np.arange(12.0).reshape(4, 3)[::-1, ::2]
    y = np.arange(4)
    x.flags.writeable = y.flags.writeable = False
    data = ArrayDataset(x, y)
    assert np.shares_memory(data.x, x)
    batch, _ = data.batch(np.array([0]))
    batch[:] = -1
    assert x[0].tolist() == [9.0, 11.0]


def test_labels_become_int64_when_classes_are_given():
    for y in ([0, 2], np.array([0, 2], np.uint8), np.array([0, 2], ">i2")):
        data = ArrayDataset(np.zeros((2, 1)), y, classes=3)
        assert data.y.dtype == np.int64
        assert data.y.tolist() == [0, 2]


def test_targets_without_classes_may_be_anything():
    assert ArrayDataset(np.zeros(2), np.array([[0.5, 1], [2, np.nan]])).batch(np.array([0]))[1].tolist() == [[0.5, 1]]


def test_empty_arrays_and_nan_pixels():
    assert len(ArrayDataset(np.empty((0, 1, 2, 2)), [], classes=3)) == 0
    assert np.isnan(ArrayDataset(np.array([np.nan]), [0], classes=1).batch(np.array([0]))[0]).all()


@pytest.mark.parametrize(
    ("x", "y", "classes", "error", "message"),
    [
        (
            np.zeros(3),
            np.zeros(2, int),
            None,
            ValueError,
            "ArrayDataset: y: expected as many as x has samples, 3, got 2",
        ),
        (
            np.zeros(()),
            np.zeros(2),
            None,
            ValueError,
            r"ArrayDataset: x and y: expected shapes \(N, ...\), got \(\)",
        ),
        (
            np.zeros(3),
            [0, 3, 1],
            3,
            ValueError,
            "ArrayDataset: y: expected 0 <= label < 3, got 3 at position 1",
        ),
        (np.zeros(2), [0, -1], 3, ValueError, "expected 0 <= label < 3, got -1 at position 1"),
        (np.zeros(2), [0.0, 1.0], 3, TypeError, "ArrayDataset: y: expected integers, got float64"),
        (np.zeros(2), [True, False], 2, TypeError, "expected integers, got bool"),
        (np.zeros(2), np.array([None, 1]), 2, TypeError, "expected integers, got object"),
        (np.zeros(2), [[0], [1]], 2, ValueError, r"expected shape \(N,\), got shape \(2, 1\)"),
        (
            np.zeros(1),
            np.array([2**63], np.uint64),
            2,
            ValueError,
            r"expected labels below 2\*\*63, got 9223372036854775808",
        ),
    ],
)
def test_array_dataset_refuses(x, y, classes, error, message):
    with pytest.raises(error, match=message):
        ArrayDataset(x, y, classes)


def test_as_labels_copies():
    labels = np.arange(3)
    as_labels("op", "labels", labels)[:] = 7
    assert labels.tolist() == [0, 1, 2]


def test_subset_of_a_subset():
    data = ArrayDataset(np.arange(10) * 10, np.arange(10))
    inner = Subset(Subset(data, [9, 7, 5, 3]), [2, 0])
    assert len(inner) == 2
    assert inner.batch(np.array([0, 1]))[0].tolist() == [50, 90]


def test_subset_of_single_samples():
    assert Subset([(1, 2), (3, 4)], [1]).batch(np.array([0]))[1].tolist() == [4]


def test_subset_refuses():
    data = ArrayDataset(np.zeros(3), np.zeros(3))
    for wrong in (3, -1):
        with pytest.raises(ValueError, match=f"Subset: indices: expected 0 <= index < 3, got {wrong}"):
            Subset(data, [0, wrong])
    with pytest.raises(TypeError, match="Subset: indices: expected integers, got bool"):
        Subset(data, [True, False, True])


def members(parts):
    return [part.indices.tolist() for part in parts]


@pytest.mark.parametrize(
    ("n", "lengths", "sizes"),
    [
        (10, [7, 3], [7, 3]),
        (10, [0.7, 0.3], [7, 3]),
        (10, [0.25, 0.25, 0.5], [3, 2, 5]),  # floors 2, 2, 5; the one left goes to the first
        (11, [1 / 3, 1 / 3, 1 / 3], [4, 4, 3]),
        (10, [0.1] * 10, [1] * 10),
        (3, [0, 3, 0], [0, 3, 0]),
        (0, [1.0], [0]),
    ],
)
def test_random_split_sizes(n, lengths, sizes):
    parts = random_split(ArrayDataset(np.arange(n), np.arange(n)), lengths, seed=4)
    assert [len(part) for part in parts] == sizes
    assert sorted(index for part in members(parts) for index in part) == list(range(n))


def test_random_split_follows_its_seed():
    data = ArrayDataset(np.arange(50), np.arange(50))
    assert members(random_split(data, [25, 25], 1)) == members(random_split(data, [25, 25], 1))
    assert members(random_split(data, [25, 25], 1)) != members(random_split(data, [25, 25], 2))
    assert members(random_split(data, [25, 25]))[0] != list(range(25))


@pytest.mark.parametrize(
    ("lengths", "error", "message"),
    [
        ([2, 2], ValueError, r"random_split: lengths: expected a sum of 3, got \[2, 2\] with sum 4"),
        ([-1, 4], ValueError, "expected numbers >= 0"),
        ([float("nan"), 1.0], ValueError, "expected numbers >= 0"),
        ([0.5, 0.4], ValueError, r"expected fractions with sum 1, got \[0.5, 0.4\] with sum 0.9"),
        ([0.5, 2], TypeError, r"expected all sizes \(integers\) or all fractions \(floats\)"),
        ([], TypeError, "expected all sizes"),
        (["3"], TypeError, "expected all sizes"),
    ],
)
def test_random_split_refuses(lengths, error, message):
    with pytest.raises(error, match=message):
        random_split(ArrayDataset(np.zeros(3), np.zeros(3)), lengths)


LABELS = np.array([0] * 10 + [3] * 7 + [5] * 4)[np.random.default_rng(0).permutation(21)]


@pytest.mark.parametrize(
    ("how", "counts"),
    [
        ({"per_class": 3}, {0: 3, 3: 3, 5: 3}),
        ({"per_class": 0}, {0: 0, 3: 0, 5: 0}),
        ({"fraction": 0.25}, {0: 3, 3: 2, 5: 1}),  # 2.5, 1.75 and 1 with halves rounded up
        ({"fraction": 1}, {0: 10, 3: 7, 5: 4}),
    ],
)
def test_stratified_split_counts(how, counts):
    kept, held = stratified_split(LABELS, seed=3, **how)
    assert {label: int((LABELS[held] == label).sum()) for label in counts} == counts
    assert sorted([*kept, *held]) == list(range(21))
    assert kept.dtype == held.dtype == np.int64


def test_stratified_split_is_random_and_follows_its_seed():
    labels = np.repeat([0, 1], 50)
    kept, held = stratified_split(labels, per_class=10, seed=1)
    again = stratified_split(labels, per_class=10, seed=1)
    other = stratified_split(labels, per_class=10, seed=2)
    assert np.array_equal(kept, again[0])
    assert np.array_equal(held, again[1])
    assert set(held.tolist()) != set(other[1].tolist())
    assert len(set(labels[kept[:20]].tolist())) == 2, "the order mixes the classes"


@pytest.mark.parametrize(
    ("labels", "how", "error", "message"),
    [
        (LABELS, {}, TypeError, "stratified_split: fraction, per_class: expected exactly one of the two"),
        (LABELS, {"fraction": 0.5, "per_class": 1}, TypeError, "exactly one of the two, got 0.5, 1"),
        (LABELS, {"fraction": 1.5}, ValueError, "fraction: expected 0 <= fraction <= 1, got 1.5"),
        (LABELS, {"fraction": float("nan")}, ValueError, "fraction: expected 0 <= fraction <= 1, got nan"),
        (
            LABELS,
            {"per_class": 5},
            ValueError,
            "per_class: expected 0 <= per_class <= 4, the size of class 5, got 5",
        ),
        (LABELS, {"per_class": -1}, ValueError, "per_class: expected 0 <= per_class"),
        (LABELS / 2, {"per_class": 1}, TypeError, "labels: expected integers, got float64"),
        (LABELS[None], {"per_class": 1}, ValueError, r"labels: expected shape \(N,\)"),
    ],
)
def test_stratified_split_refuses(labels, how, error, message):
    with pytest.raises(error, match=message):
        stratified_split(labels, **how)


def test_stratified_split_of_nothing():
    kept, held = stratified_split([], fraction=0.5)
    assert len(kept) == len(held) == 0


@pytest.mark.parametrize(("counts", "k"), [((6, 3, 10), 3), ((5, 1, 1), 2), ((4, 4), 8), ((7,), 5)])
def test_folds_hold_every_sample_once_and_every_class_evenly(counts, k):
    labels = np.repeat(np.arange(len(counts)), counts)[np.random.default_rng(0).permutation(sum(counts))]
    folds = stratified_folds(labels, k, seed=3)
    assert np.array_equal(np.sort(np.concatenate([held for _, held in folds])), np.arange(len(labels)))
    for kept, held in folds:
        assert np.array_equal(np.sort(np.concatenate([kept, held])), np.arange(len(labels)))
    held = np.array([np.bincount(labels[held], minlength=len(counts)) for _, held in folds])
    assert (held.max(axis=0) - held.min(axis=0)).max() <= 1
    assert held.sum(axis=1).max() - held.sum(axis=1).min() <= 1
    other = stratified_folds(labels, k, seed=4)
    assert not all(np.array_equal(one[1], two[1]) for one, two in zip(folds, other, strict=True))


@pytest.mark.parametrize("k", [1, 5])
def test_no_such_folds(k):
    with pytest.raises(ValueError, match=f"stratified_folds: k: expected 2 <= k <= 4, the number of samples, got {k}"):
        stratified_folds([0, 1, 0, 1], k)
