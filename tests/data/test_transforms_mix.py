"""MixUp and CutMix: weights, partners, labels, and the loader that brings the partners."""

from __future__ import annotations

import math

import numpy as np
import pytest

import tatamikomi as tk
from tatamikomi.data import ArrayDataset, CutMix, DataLoader, MixUp, RandomAffine, Subset
from tatamikomi.data.transforms_mix import symmetric_beta
from tatamikomi.random import uniform

RNG = np.random.default_rng(5)
N, CLASSES = 60, 4
X = RNG.random((N, 2, 9, 8), dtype=np.float32)
Y = RNG.integers(0, CLASSES, N)
MIXES = {"MixUp": MixUp, "CutMix": CutMix}


@pytest.mark.parametrize(
    ("alpha", "distribution"),
    [
        (0.5, lambda x: 2 / np.pi * np.arcsin(np.sqrt(x))),
        (1.0, lambda x: x),
        (2.0, lambda x: 3 * x**2 - 2 * x**3),
        (3.0, lambda x: 10 * x**3 - 15 * x**4 + 6 * x**5),
    ],
)
def test_weights_have_the_distribution_they_should(alpha, distribution):
    """The largest difference from a distribution function passes t with a chance below 2 exp(-2 n t**2) (Massart)."""
    n = 20_000
    found = np.sort([symmetric_beta(alpha, u, v) for u, v in uniform(3, (), np.arange(n), 2).tolist()])
    differences = distribution(found) - (np.arange(n) + 0.5) / n
    assert np.abs(differences).max() < math.sqrt(math.log(2e9) / (2 * n)) + 0.5 / n


@pytest.mark.parametrize("alpha", [1e-3, 0.2, 1.0, 50.0, 1e6])
def test_weights_at_the_ends_of_their_numbers(alpha):
    last = 1 - 2.0**-24
    for u in (0.0, 0.5, last):
        for v in (0.0, 0.25, 0.5, 0.75, last):
            assert 0 <= symmetric_beta(alpha, u, v) <= 1


@pytest.mark.parametrize("dtype", ["<f4", ">f4", "<f8"])
@pytest.mark.parametrize("name", MIXES)
def test_labels_are_probabilities_and_sum_to_exactly_one(name, dtype):
    mix = MIXES[name](CLASSES, alpha=1.0, seed=2)
    partners = RNG.permutation(N)
    x, y = mix(X.astype(dtype), Y, X[partners].astype(dtype), Y[partners])
    assert x.dtype == y.dtype == np.dtype(dtype).newbyteorder("=")
    assert x.shape == X.shape
    assert y.shape == (N, CLASSES)
    assert (y >= 0).all()
    assert (y.sum(axis=1) == 1).all()
    for row, own, other in zip(y, Y, Y[partners], strict=True):
        assert set(np.flatnonzero(row).tolist()) <= {own, other}
        assert row[own] == 1 or own != other


def test_mixup_mixes_images_and_labels_alike():
    """With samples that are their own labels, what becomes of them is the same."""
    x = np.eye(CLASSES, dtype=np.float32)[Y]
    partners = RNG.permutation(N)
    mixed, y = MixUp(CLASSES, alpha=0.7, seed=1)(x, Y, x[partners], Y[partners])
    assert np.array_equal(mixed, y)
    assert ((y.max(axis=1) > 0.5) & (y.max(axis=1) < 1)).any()
    images, _ = MixUp(CLASSES, alpha=0.7, seed=1)(X, Y, X[partners], Y[partners])
    for image, row, own, other in zip(images, y, range(N), partners, strict=True):
        if Y[own] != Y[other]:  # else the label does not tell the weight
            share = row[Y[own]]
            assert np.array_equal(image, share * X[own] + (1 - share) * X[other])


def test_cutmix_replaces_one_rectangle_and_labels_go_by_its_area():
    n = 2000
    zeros, ones = np.zeros((n, 3, 9, 8), np.float32), np.ones((n, 3, 9, 8), np.float32)
    x, y = CutMix(2, seed=3)(zeros, np.zeros(n, int), ones, np.ones(n, int))
    touched = np.zeros((9, 8))
    for image, row in zip(x, y, strict=True):
        assert (image == image[0]).all()
        rows, columns = np.flatnonzero(image[0].any(axis=1)), np.flatnonzero(image[0].any(axis=0))
        area = len(rows) * len(columns)
        assert image[0].sum() == area
        if area:
            assert (image[0, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] == 1).all()
        assert abs(row[1] - area / 72) <= 2.0**-24
        touched += image[0]
    assert (touched > 0).all(), "a rectangle may lie anywhere"
    shares = y[:, 1]
    assert shares.max() == 1 or shares.max() > 0.8
    assert shares.min() < 0.02


@pytest.mark.parametrize("name", MIXES)
def test_depends_on_seed_epoch_and_index_alone(name):
    partners = RNG.permutation(N)

    def run(place=slice(None), epoch=0, seed=1, shift=0):
        mix = MIXES[name](CLASSES, alpha=1.0, seed=seed)
        indices = np.arange(N)[place] + shift
        return mix(X[place], Y[place], X[partners][place], Y[partners][place], indices, epoch)

    whole = run()
    for size in (1, 7, 32):
        parts = [run(slice(start, start + size)) for start in range(0, N, size)]
        for which in range(2):
            assert np.concatenate([part[which] for part in parts]).tobytes() == whole[which].tobytes()
    for other in (run(epoch=1), run(seed=2), run(shift=1000)):
        assert not np.array_equal(other[0], whole[0])


@pytest.mark.parametrize("name", MIXES)
def test_partners_are_any_sample_of_the_data_set(name):
    mix = MIXES[name](CLASSES, seed=1)
    partners = mix.partners(np.arange(5000), 3, 40)
    counts = np.bincount(partners, minlength=40)
    assert len(counts) == 40
    assert np.abs(counts - 125).max() < 6 * np.sqrt(125)
    assert np.array_equal(mix.partners(np.array([7, 4999]), 3, 40), partners[[7, 4999]])
    assert not np.array_equal(mix.partners(np.arange(5000), 4, 40), partners)
    huge = mix.partners(np.arange(1000), 0, 2**40)
    assert (huge >= 0).all()
    assert (huge < 2**40).all()
    assert (huge % 2**16 != 0).any(), "more than 24 bits are drawn"


@pytest.mark.parametrize("subset", [False, True])
@pytest.mark.parametrize("name", MIXES)
def test_a_loader_gives_the_same_bits_whatever_its_batches_and_workers(name, subset):
    data = ArrayDataset(X, Y, CLASSES)
    if subset:
        data = Subset(data, np.arange(10, N))

    def run(size, workers, epoch=5):
        transform = RandomAffine(10, seed=1)
        mix = MIXES[name](CLASSES, alpha=1.0, seed=2)
        loader = DataLoader(data, size, True, 3, transform=transform, workers=workers, mix=mix)
        loader.set_epoch(epoch)
        pairs = list(loader)
        return np.concatenate([x for x, _ in pairs]).tobytes(), np.concatenate([y for _, y in pairs]).tobytes()

    whole = run(len(data), 0)
    for size, workers in ((1, 1), (7, 0), (16, 1)):
        assert run(size, workers) == whole
    assert run(len(data), 0, epoch=6) != whole


def test_the_loader_mixes_a_sample_with_its_partner_both_transformed():
    data = ArrayDataset(np.arange(N, dtype=np.float64)[:, None], np.arange(N), N)
    mix = MixUp(N, alpha=1.0, seed=4)
    loader = DataLoader(data, 13, transform=lambda x, indices, epoch: 2 * x + 1000 * epoch, mix=mix)
    loader.set_epoch(3)
    partners = mix.partners(np.arange(N), 3, N)
    x = np.concatenate([x for x, _ in loader])[:, 0]
    loader.set_epoch(3)
    y = np.concatenate([y for _, y in loader])
    assert np.abs(x - (2 * (y @ np.arange(N)) + 3000)).max() < 1e-9
    for own, row in enumerate(y):
        assert set(np.flatnonzero(row).tolist()) <= {own, int(partners[own])}
    assert (np.count_nonzero(y, axis=1) == 2).sum() > N / 2


def test_probabilities_are_mixed_again():
    mix = MixUp(CLASSES, alpha=1.0, seed=1)
    partners = RNG.permutation(N)
    labels = np.eye(CLASSES, dtype=np.float32)[Y]
    one = mix(X, Y, X[partners], Y[partners])
    other = mix(X, labels, X[partners], labels[partners])
    assert np.array_equal(one[1], other[1])


def test_series_and_an_empty_batch():
    series = RNG.random((5, 1, 30))
    x, y = MixUp(CLASSES)(series, Y[:5], series[::-1], Y[:5][::-1])
    assert (x.shape, y.shape) == ((5, 1, 30), (5, CLASSES))
    x, y = CutMix(CLASSES)(X[:0], Y[:0], X[:0], Y[:0])
    assert (x.shape, y.shape) == ((0, 2, 9, 8), (0, CLASSES))


@pytest.mark.parametrize("name", MIXES)
def test_the_cross_entropy_takes_the_labels(name):
    loader = DataLoader(ArrayDataset(X, Y), 20, mix=MIXES[name](CLASSES))
    x, y = next(iter(loader))
    logits = tk.tensor(x.reshape(20, -1)[:, :CLASSES], requires_grad=True)
    loss = tk.functional.cross_entropy(logits, y)
    loss.backward()
    logs = logits.numpy() - np.log(np.exp(logits.numpy()).sum(axis=1, keepdims=True))
    assert abs(loss.item() + (y * logs).sum() / 20) < 1e-5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: MixUp(2.0), TypeError, "MixUp: classes: expected an integer"),
        (lambda: MixUp(2, alpha=0), ValueError, "MixUp: alpha: expected a finite number > 0"),
        (lambda: CutMix(2, alpha=float("nan")), ValueError, "CutMix: alpha: expected a finite number > 0"),
        (lambda: CutMix(2, seed=-1), ValueError, "CutMix: seed: expected 0 <= value"),
        (lambda: MixUp(3)(X, Y, X, Y), ValueError, "MixUp: y: expected 0 <= label < 3, got 3 at position"),
        (lambda: MixUp(4)(X, Y[:9], X, Y), ValueError, "MixUp: y: expected as many as samples, 60, got 9 labels"),
        (lambda: MixUp(4)(X, Y, X, Y[:9]), ValueError, "MixUp: partner_y: expected as many as samples, 60"),
        (lambda: MixUp(4)(X, Y / 2, X, Y), ValueError, r"MixUp: y: expected shape \(60, 4\), got shape \(60,\)"),
        (lambda: MixUp(4)(X, Y > 1, X, Y), TypeError, "MixUp: y: expected integers, got bool"),
        (lambda: CutMix(4)(X, Y, X[:9], Y), ValueError, r"CutMix: partner_x: expected float32 of shape \(60, 2"),
        (lambda: CutMix(4)(X, Y, X.astype(float), Y), ValueError, "CutMix: partner_x: expected float32 of shape"),
        (lambda: CutMix(4)(X[0], Y, X[0], Y), ValueError, r"CutMix: x: expected shape \(N, C, H, W\)"),
        (lambda: MixUp(4)(X > 0, Y, X, Y), TypeError, "MixUp: x: expected float32 or float64, got bool"),
        (lambda: MixUp(4)(X, Y, X, Y, np.arange(3)), ValueError, "MixUp: indices: expected as many as images, 60"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_reprs():
    assert repr(MixUp(10)) == "MixUp(10, alpha=0.2, seed=0)"
    assert repr(CutMix(10, seed=2)) == "CutMix(10, alpha=1.0, seed=2)"
