"""Batches: order, sizes, resuming, transforms, the background thread."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from tatamikomi.data import (
    ArrayDataset,
    CenterCrop,
    Compose,
    DataLoader,
    MixUp,
    Normalize,
    RandomAffine,
    RandomCrop,
    RandomHorizontalFlip,
    Subset,
    cuts,
    load_npy,
)
from tatamikomi.kernels import crop

N = 23
DATA = ArrayDataset(np.random.default_rng(0).random((N, 1, 6, 5), dtype=np.float32), np.arange(N), classes=N)


def labels(loader):
    return [y.tolist() for _, y in loader]


def joined(lists):
    return [item for part in lists for item in part]


def flat(loader):
    return joined(labels(loader))


def bits(loader):
    return [(x.shape, x.tobytes(), y.tobytes()) for x, y in loader]


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize(
    ("size", "drop_last", "sizes"),
    [
        (5, False, [5, 5, 5, 5, 3]),
        (5, True, [5, 5, 5, 5]),
        (23, True, [23]),
        (24, False, [23]),
        (24, True, []),
        (1, False, [1] * 23),
    ],
)
def test_sizes_of_batches(size, drop_last, sizes, workers):
    loader = DataLoader(DATA, size, drop_last=drop_last, workers=workers)
    found = list(loader)
    assert [len(y) for _, y in found] == [len(x) for x, _ in found] == sizes
    assert len(loader) == len(sizes)
    assert flat(loader) == list(range(sum(sizes)))


def test_x_and_y_belong_together():
    for x, y in DataLoader(DATA, 4, shuffle=True, seed=5):
        assert np.array_equal(x, DATA.x[y])


def test_shuffled_passes_hold_every_sample_once_and_differ():
    loader = DataLoader(DATA, 4, shuffle=True, seed=5)
    passes = [flat(loader) for _ in range(3)]
    for one in passes:
        assert sorted(one) == list(range(N))
    assert len({tuple(one) for one in [*passes, range(N)]}) == 4


def test_a_pass_depends_on_seed_and_epoch_alone():
    first = DataLoader(DATA, 4, shuffle=True, seed=5)
    passes = [labels(first) for _ in range(4)]
    assert first.epoch == 4

    resumed = DataLoader(DATA, 4, shuffle=True, seed=5)
    resumed.set_epoch(2)
    assert resumed.epoch == 2
    assert [labels(resumed), labels(resumed)] == passes[2:]
    resumed.set_epoch(0)
    next(iter(resumed))  # a pass broken off
    resumed.set_epoch(1)
    assert labels(resumed) == passes[1]
    assert labels(DataLoader(DATA, 4, shuffle=True, seed=6)) != passes[0]
    assert flat(DataLoader(DATA, 7, shuffle=True, seed=5)) == joined(passes[0])


def test_two_passes_at_once_do_not_mix():
    loader = DataLoader(DATA, 4, shuffle=True, seed=5)
    alone = [labels(loader), labels(loader)]
    loader.set_epoch(0)
    one, two = iter(loader), iter(loader)
    woven = [([y.tolist() for _, y in pair]) for pair in zip(one, two, strict=True)]
    assert [[pair[i] for pair in woven] for i in range(2)] == alone


def test_order_is_what_a_pass_follows():
    loader = DataLoader(DATA, 4, shuffle=True, seed=5)
    assert loader.order(0).tolist() == flat(loader)
    assert DataLoader(DATA, 4).order(3).tolist() == list(range(N))


def test_transform_gets_x_indices_and_epoch():
    calls = []

    def transform(x, indices, epoch):
        calls.append((x.copy(), indices.tolist(), epoch))
        return -x

    loader = DataLoader(Subset(DATA, range(10, 16)), 4, transform=transform)
    loader.set_epoch(7)
    found = list(loader)
    assert [(indices, epoch) for _, indices, epoch in calls] == [([0, 1, 2, 3], 7), ([4, 5], 7)]
    assert np.array_equal(found[0][0], -DATA.x[10:14])
    assert np.array_equal(calls[1][0], DATA.x[14:16])


def test_augmentation_is_the_same_in_any_batches_and_new_in_each_epoch():
    def images(batch_size, epoch, workers=0):
        augment = RandomAffine(20, (0.2, 0.2), (0.8, 1.2), 5, seed=1)
        loader = DataLoader(DATA, batch_size, shuffle=True, seed=2, transform=augment, workers=workers)
        loader.set_epoch(epoch)
        return np.concatenate([x for x, _ in loader])

    whole = images(N, 3)
    for batch_size in (1, 2, 7, 16):
        assert images(batch_size, 3).tobytes() == whole.tobytes()
    assert not np.array_equal(np.sort(images(N, 4).ravel()), np.sort(whole.ravel()))


def test_the_background_thread_gives_the_same_bits():
    def loader(workers):
        return DataLoader(DATA, 4, True, 9, transform=RandomAffine(20, seed=1), workers=workers)

    loaders = [loader(workers) for workers in (0, 1, 3, 50)]
    for _ in range(3):
        plain, *others = map(bits, loaders)
        assert others == [plain] * 3


@pytest.mark.parametrize("workers", [1, 2])
def test_an_exception_in_the_background_reaches_the_caller(workers):
    def transform(x, indices, epoch):
        if 8 in indices:
            raise RuntimeError("sample 8 is bad")
        return x

    loader = DataLoader(DATA, 4, transform=transform, workers=workers)
    found = []
    with pytest.raises(RuntimeError, match="sample 8 is bad"):
        found.extend(y.tolist() for _, y in loader)
    assert joined(found) == list(range(8))
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("tatamikomi-prefetch")]


class Negative(ArrayDataset):
    """Has a `batch` of its own."""

    def batch(self, indices):
        x, *rest = super().batch(indices)
        return (-x, *rest)


CHAINS = [
    [RandomCrop((6, 5), 2, seed=1), RandomHorizontalFlip(seed=1), Normalize(0.5, 0.25)],
    [RandomHorizontalFlip(seed=1)],
    [CenterCrop(4), RandomAffine(20, seed=1)],
]


@pytest.mark.parametrize("chain", CHAINS, ids=str)
@pytest.mark.parametrize("workers", [0, 3])
def test_a_chain_of_cuts_reads_the_rows_of_arrays_where_they_lie(chain, workers, monkeypatch, tmp_path):
    read = []
    monkeypatch.setattr(cuts, "crop", lambda x, *args, **options: read.append(x) or crop(x, *args, **options))
    volumes = np.random.default_rng(1).random((N, 1, 3, 6, 5))
    np.save(tmp_path / "x.npy", DATA.x)
    sets = {
        "floats": (ArrayDataset(DATA.x, DATA.y, weights=np.arange(N) * 0.5), True),
        "volumes": (ArrayDataset(volumes, DATA.y), True),
        "every other": (ArrayDataset(np.repeat(DATA.x, 2, 3)[..., ::2], DATA.y), False),
        "other bytes": (ArrayDataset(DATA.x.astype(">f4"), DATA.y), False),
        "a file": (ArrayDataset(load_npy(tmp_path / "x.npy"), DATA.y), False),
        "a batch of its own": (Negative(DATA.x, DATA.y), False),
    }
    for name, (whole, in_place) in sets.items():
        for dataset in (
            whole,
            Subset(whole, np.arange(N)[::-1]),
            Subset(Subset(whole, range(3, 20)), [5, 5, 1, 0, 16]),
        ):
            read.clear()
            loader = DataLoader(dataset, 4, shuffle=True, seed=5, transform=Compose(chain), workers=workers)
            found = list(loader)
            assert all(np.may_share_memory(x, whole.x) == in_place for x in read), name
            assert len(read) == len(loader)
            for number, batch in enumerate(found):
                indices = loader.order(0)[4 * number : 4 * number + 4]
                x, *rest = dataset.batch(indices)
                for one, expected in zip(batch, (Compose(chain)(x, indices, 0), *rest), strict=True):
                    assert one.dtype == expected.dtype
                    assert one.tobytes() == expected.tobytes(), name


@pytest.mark.parametrize("workers", [0, 3])
def test_weights_travel_with_their_samples(workers):
    weights = np.arange(N) * 0.5
    data = Subset(ArrayDataset(DATA.x, DATA.y, weights=weights), np.arange(N)[::-1])
    for x, y, share in DataLoader(data, 4, shuffle=True, seed=5, transform=lambda x, *_: -x, workers=workers):
        assert np.array_equal(x, -DATA.x[y])
        assert np.array_equal(share, weights[y])
    alone = [data.dataset[i] for i in range(3)]
    assert next(iter(DataLoader(alone, 3)))[2].tolist() == [0.0, 0.5, 1.0]
    with pytest.raises(ValueError, match="DataLoader: mix: expected None where samples have weights, got MixUp"):
        next(iter(DataLoader(data, 4, mix=MixUp(N))))


def test_single_samples_are_stacked():
    class Squares:
        def __len__(self):
            return 5

        def __getitem__(self, index):
            assert type(index) is int
            return np.full((2,), index * index, np.float32), index

    found = list(DataLoader(Squares(), 3))
    assert found[0][0].tolist() == [[0, 0], [1, 1], [4, 4]]
    assert found[0][0].dtype == np.float32
    assert found[1][1].tolist() == [3, 4]


def test_an_empty_data_set_has_no_batch():
    loader = DataLoader(ArrayDataset(np.empty((0, 2)), []), 3, shuffle=True)
    assert len(loader) == 0
    assert list(loader) == []


def test_the_data_set_is_never_written_to():
    x = DATA.x.copy()
    x.flags.writeable = False
    for batch, _ in DataLoader(ArrayDataset(x[::-1], DATA.y), 4, transform=RandomAffine(5)):
        batch[:] = 0
    assert np.array_equal(x, DATA.x)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"batch_size": 0}, ValueError, "DataLoader: batch_size: expected batch_size >= 1, got 0"),
        ({"batch_size": 2.0}, TypeError, "DataLoader: batch_size: expected an integer, got float"),
        ({"batch_size": True}, TypeError, "DataLoader: batch_size: expected an integer, got bool"),
        ({"workers": -1}, ValueError, "DataLoader: workers: expected 0 <= value"),
        ({"seed": -1}, ValueError, "DataLoader: seed: expected 0 <= value"),
        ({"seed": 0.5}, TypeError, "DataLoader: seed: expected an integer, got float"),
        (
            {"dataset": 3},
            TypeError,
            r"DataLoader: dataset: expected a data set with batch or \[index\], got int",
        ),
    ],
)
def test_refuses(options, error, message):
    with pytest.raises(error, match=message):
        DataLoader(**({"dataset": DATA} | options))


def test_set_epoch_refuses():
    loader = DataLoader(DATA)
    with pytest.raises(ValueError, match=r"DataLoader\.set_epoch: epoch: expected 0 <= value"):
        loader.set_epoch(-1)
    with pytest.raises(TypeError, match="expected an integer"):
        loader.set_epoch(1.5)
    assert loader.epoch == 0
