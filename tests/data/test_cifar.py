"""CIFAR's binary files: where each byte goes, and every way to be broken."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tatamikomi.data import cifar, load_cifar_folder, read_cifar

RNG = np.random.default_rng(8)
IMAGES = RNG.integers(0, 256, (60, 3, 32, 32), np.uint8)


def records(images, *labels):
    return b"".join(bytes(int(label[i]) for label in labels) + image.tobytes() for i, image in enumerate(images))


@pytest.fixture
def small(monkeypatch):
    """The published sets, cut down to ten images a file."""
    monkeypatch.setattr(cifar, "_KINDS", tuple(kind._replace(train_images=10, test_images=10) for kind in cifar._KINDS))


def make_ten(folder):
    folder.mkdir(parents=True, exist_ok=True)
    labels = np.arange(60) * 7 % 10
    for part, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        piece = slice(10 * part, 10 * part + 10)
        (folder / f"{name}.bin").write_bytes(records(IMAGES[piece], labels[piece]))
    (folder / "batches.meta.txt").write_text("".join(f"kind{i}\n" for i in range(10)) + "\n")
    return labels


def make_hundred(folder):
    folder.mkdir(parents=True, exist_ok=True)
    coarse, fine = np.arange(20) % 20, np.arange(20) * 13 % 100
    (folder / "train.bin").write_bytes(records(IMAGES[:10], coarse[:10], fine[:10]))
    (folder / "test.bin").write_bytes(records(IMAGES[10:20], coarse[10:], fine[10:]))
    return coarse, fine


def test_sizes_are_those_published():
    ten, hundred = cifar._KINDS
    assert len(ten.train) * ten.train_images == hundred.train_images == 50_000
    assert ten.test_images == hundred.test_images == 10_000


def test_ten(tmp_path, small):
    labels = make_ten(tmp_path)
    found = load_cifar_folder(tmp_path)
    assert np.array_equal(found.train_images, IMAGES[:50])
    assert np.array_equal(found.test_images, IMAGES[50:])
    assert found.train_labels.tolist() == labels[:50].tolist()
    assert found.test_labels.tolist() == labels[50:].tolist()
    assert found.train_labels.dtype == np.int64
    assert found.classes == tuple(f"kind{i}" for i in range(10))
    assert found.train_images.flags.writeable
    assert found.train_images.flags.c_contiguous


def test_hundred(tmp_path, small):
    coarse, fine = make_hundred(tmp_path)
    found = load_cifar_folder(tmp_path)
    assert np.array_equal(found.train_images, IMAGES[:10])
    assert found.train_labels.tolist() == fine[:10].tolist()
    assert found.test_labels.tolist() == fine[10:].tolist()
    assert found.classes == ("",) * 100
    found = load_cifar_folder(tmp_path, labels="coarse")
    assert found.train_labels.tolist() == coarse[:10].tolist()
    assert len(found.classes) == 20


def test_a_file_by_itself_may_hold_any_number(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"")
    assert read_cifar(tmp_path / "a.bin")[0].shape == (0, 3, 32, 32)
    (tmp_path / "a.bin").write_bytes(records(IMAGES[:3], [1, 2, 3], [4, 5, 99]))
    images, labels = read_cifar(tmp_path / "a.bin", (20, 100))
    assert np.array_equal(images, IMAGES[:3])
    assert labels.tolist() == [[1, 4], [2, 5], [3, 99]]


@pytest.mark.parametrize("size", [1, 3072, 3074, 2 * 3073 - 1])
def test_no_whole_record(tmp_path, size):
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(size))
    fault = f"{path}: {size} bytes are no whole number of records of 3073 bytes each"
    with pytest.raises(ValueError, match=re.escape(fault)):
        read_cifar(path)


@pytest.mark.parametrize(
    ("records_found", "fault"),
    [
        (9, "truncated: 27657 bytes, expected 30730: 10 records of 3073 bytes each"),
        (11, "too long: 33803 bytes, expected 30730"),
        (0, "truncated: 0 bytes"),
    ],
)
def test_a_whole_number_of_records_that_is_not_the_published_one(tmp_path, small, records_found, fault):
    make_ten(tmp_path)
    (tmp_path / "data_batch_4.bin").write_bytes(bytes(3073 * records_found))
    with pytest.raises(ValueError, match=re.escape(f"{tmp_path / 'data_batch_4.bin'}: {fault}")):
        load_cifar_folder(tmp_path)


@pytest.mark.parametrize(
    ("label", "classes", "fault"),
    [
        ([0, 10], (10,), r"label 10 in record 1, expected 0\.\.9"),
        ([255, 0], (10,), r"label 255 in record 0, expected 0\.\.9"),
    ],
)
def test_labels_out_of_range(tmp_path, label, classes, fault):
    (tmp_path / "a.bin").write_bytes(records(IMAGES[:2], label))
    with pytest.raises(ValueError, match="a.bin: " + fault):
        read_cifar(tmp_path / "a.bin", classes)


def test_either_label_of_a_hundred_is_checked(tmp_path):
    (tmp_path / "a.bin").write_bytes(records(IMAGES[:2], [0, 20], [0, 0]))
    with pytest.raises(ValueError, match=r"label 20 in record 1, expected 0\.\.19"):
        read_cifar(tmp_path / "a.bin", (20, 100))
    (tmp_path / "a.bin").write_bytes(records(IMAGES[:2], [0, 19], [99, 100]))
    with pytest.raises(ValueError, match=r"label 100 in record 1, expected 0\.\.99"):
        read_cifar(tmp_path / "a.bin", (20, 100))


def test_missing_files_are_all_named(tmp_path, small):
    make_ten(tmp_path)
    (tmp_path / "data_batch_2.bin").unlink()
    (tmp_path / "test_batch.bin").unlink()
    with pytest.raises(FileNotFoundError, match=r"no data_batch_2\.bin, no test_batch\.bin$"):
        load_cifar_folder(tmp_path)


def test_files_of_both_sets(tmp_path, small):
    make_ten(tmp_path)
    make_hundred(tmp_path)
    with pytest.raises(ValueError, match="files of both CIFAR-10 and CIFAR-100, expected one of them"):
        load_cifar_folder(tmp_path)


def test_labels_by_unknown_name(tmp_path, small):
    make_ten(tmp_path)
    with pytest.raises(ValueError, match="load_cifar_folder: labels: expected one of 'fine', got 'coarse'"):
        load_cifar_folder(tmp_path, labels="coarse")


@pytest.mark.parametrize(
    ("data", "fault"), [(b"a\nb\n", "2 names, expected 10"), (b"\xff\n", "not UTF-8: invalid start byte at byte 0")]
)
def test_names_that_do_not_fit(tmp_path, small, data, fault):
    make_ten(tmp_path)
    (tmp_path / "batches.meta.txt").write_bytes(data)
    with pytest.raises(ValueError, match=rf"batches\.meta\.txt: {fault}"):
        load_cifar_folder(tmp_path)
