"""load_mnist: what comes back, and where it is read from."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from tatamikomi import data
from tatamikomi.course.dataset import load_mnist

DRAW = np.random.default_rng(0)
PARTS = {
    "train_img": DRAW.integers(0, 256, (6, 784)).astype(np.uint8),
    "train_label": np.array([3, 1, 4, 1, 5, 9], np.uint8),
    "test_img": DRAW.integers(0, 256, (2, 784)).astype(np.uint8),
    "test_label": np.array([2, 6], np.uint8),
}


@pytest.fixture
def idx(tmp_path):
    folder = tmp_path / "mnist"
    folder.mkdir()
    for part, name in (("train", "train"), ("test", "t10k")):
        data.write_idx(folder / f"{name}-images-idx3-ubyte.gz", PARTS[f"{part}_img"].reshape(-1, 28, 28))
        data.write_idx(folder / f"{name}-labels-idx1-ubyte", PARTS[f"{part}_label"])
    return folder


def test_forms(idx, capsys):
    (x, t), (x_test, t_test) = load_mnist(folder=str(idx))
    assert x.dtype == np.float32
    assert np.array_equal(x, PARTS["train_img"].astype(np.float32) / np.float32(255))
    assert t.dtype == np.uint8
    assert t.tolist() == [3, 1, 4, 1, 5, 9]
    assert x_test.shape == (2, 784)
    assert t_test.tolist() == [2, 6]
    (x, t), _ = load_mnist(normalize=False, flatten=False, one_hot_label=True, folder=str(idx))
    assert x.dtype == np.uint8
    assert np.array_equal(x, PARTS["train_img"].reshape(-1, 1, 28, 28))
    assert t.dtype == np.float64
    assert np.array_equal(t, np.eye(10)[[3, 1, 4, 1, 5, 9]])
    assert capsys.readouterr().err == ""


def test_places(idx, tmp_path, monkeypatch, capsys):
    for place in (tmp_path, idx):
        monkeypatch.setenv("TATAMIKOMI_DATA", str(place))
        assert load_mnist()[1][1].tolist() == [2, 6]
    assert capsys.readouterr().err == ""
    with pytest.raises(FileNotFoundError, match=r"neither the four IDX files nor mnist\.pkl in .*elsewhere"):
        load_mnist(folder=str(tmp_path / "elsewhere"))
    for path in idx.iterdir():
        path.unlink()
    (x, t), _ = load_mnist(normalize=False)
    assert "5,000 digits" in capsys.readouterr().err
    split = data.load("mnist-5k")
    assert np.array_equal(x, np.rint(split.train_x.reshape(-1, 784) * 255))
    assert np.array_equal(t, split.train_y)


def test_the_pickle_of_the_lessons(tmp_path):
    path = tmp_path / "mnist.pkl"
    path.write_bytes(pickle.dumps(PARTS, -1))
    (x, t), _ = load_mnist(normalize=False, folder=str(tmp_path))
    assert np.array_equal(x, PARTS["train_img"])
    assert t.tolist() == [3, 1, 4, 1, 5, 9]
    for wrong, message in (
        (
            {"train_img": PARTS["train_img"]},
            "expected arrays train_img, .*, got train_img",
        ),
        (PARTS | {"train_label": PARTS["train_label"][:5]}, r"images uint8 \(6, 784\), labels uint8 \(5,\)"),
        (PARTS | {"test_label": np.array([2, 10])}, "labels from 2 to 10, expected 0..9"),
        (PARTS | {"test_img": PARTS["test_img"] / 255.0}, "images float64"),
    ):
        path.write_bytes(pickle.dumps(wrong, -1))
        with pytest.raises(ValueError, match=rf"mnist\.pkl: .*{message}"):
            load_mnist(folder=str(tmp_path))
