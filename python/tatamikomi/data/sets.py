"""Data sets by name: digits that travel with the package, Fashion-MNIST where installed, or a folder."""

from __future__ import annotations

import os
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.dataset import stratified_split
from tatamikomi.data.idx import has_idx_files, load_idx_folder
from tatamikomi.data.labels import check_range
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.io.faults import bad_file

NAMES = ("mnist-5k", "fashion-mnist")
DATA_VARIABLE = "TATAMIKOMI_DATA"

_MNIST_FILE = os.path.join(os.path.dirname(__file__), "assets", "mnist_5k.npz")
_MNIST_SHA256 = "63818dc867dd7ee1181196c2588842f34debadc19cc80dc16b1dc1401cbb62c4"
_MNIST_SEED = 5000
_MNIST_TEST_PER_CLASS = 100
_FASHION = "fashion-mnist"
_SYSTEM_FOLDER = "/usr/share/datasets"  # Debian's package dataset-fashion-mnist


class Split(NamedTuple):
    """Training and test data: x (N, C, H, W) float32 in 0..1, y (N,) int64 in 0 .. classes - 1."""

    train_x: NDArray[np.float32]
    train_y: NDArray[np.int64]
    test_x: NDArray[np.float32]
    test_y: NDArray[np.int64]
    classes: int
    name: str


def load(name_or_path: str | os.PathLike[str] = "mnist-5k", data_dir: str | os.PathLike[str] | None = None) -> Split:
    """Load a data set by name, or a folder of IDX files.

    - "mnist-5k": 5,000 MNIST digits inside the package, 4,000 for training and 1,000 for testing, 400 and 100
      of each class, chosen once and for all; see data/assets/README.md for their origin and terms.
    - "fashion-mnist": 60,000 and 10,000 images of clothes (H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747),
      read from the folder `fashion-mnist` under `data_dir`, under $TATAMIKOMI_DATA, or under
      /usr/share/datasets, in this order; a `data_dir` itself called fashion-mnist is taken as it is.
    - a folder of four IDX files (see `load_idx_folder`): the classes are 0 up to the largest training label.

    Args:
        name_or_path: one of the names, or the path of a folder.
        data_dir: where named sets that are not in the package are looked for first.

    Raises:
        TypeError: name_or_path is neither a string nor a path.
        ValueError: an unknown name; a broken file; a test label beyond the classes; no training image at all.
        FileNotFoundError: a named set is nowhere, the message says where it was looked for and how to get it;
            or a folder lacks files.

    >>> import tatamikomi.data
    >>> split = tatamikomi.data.load()
    >>> split.train_x.shape, split.test_y.shape, split.classes
    ((4000, 1, 28, 28), (1000,), 10)
    """
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise bad_type("load", "name_or_path", type(name_or_path).__name__, "a name or a path")
    if name_or_path == "mnist-5k":
        return _mnist_5k()
    if name_or_path == _FASHION:
        return _from_folder(_fashion_folder(data_dir), _FASHION, classes=10)
    if os.path.isdir(name_or_path):
        return _from_folder(os.fspath(name_or_path), os.fspath(name_or_path), classes=None)
    names = ", ".join(repr(name) for name in NAMES)
    given = repr(os.fspath(name_or_path))
    raise bad_value("load", "name_or_path", given, f"one of {names}, or a folder of IDX files")


def _mnist_5k() -> Split:
    import hashlib
    import io

    with open(_MNIST_FILE, "rb") as file:
        data = file.read()
    found = hashlib.sha256(data).hexdigest()
    if found != _MNIST_SHA256:
        raise bad_file(_MNIST_FILE, f"damaged: its SHA-256 is {found}, expected {_MNIST_SHA256}")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        images, labels = arrays["images"], arrays["labels"].astype(np.int64)
    train, test = stratified_split(labels, per_class=_MNIST_TEST_PER_CLASS, seed=_MNIST_SEED)
    pixels = _pixels(images)
    return Split(pixels[train], labels[train], pixels[test], labels[test], 10, "mnist-5k")


def _fashion_folder(data_dir: str | os.PathLike[str] | None) -> str:
    candidates = []
    for root in (data_dir, os.environ.get(DATA_VARIABLE) or None, _SYSTEM_FOLDER):
        if root is None:
            continue
        if os.path.basename(os.path.abspath(root)) == _FASHION:
            candidates.append(os.fspath(root))
        candidates.append(os.path.join(root, _FASHION))
    for folder in candidates:
        if has_idx_files(folder):
            return folder
    raise FileNotFoundError(
        f"fashion-mnist: not found in {', '.join(candidates)}. On Debian or Ubuntu: apt install "
        "dataset-fashion-mnist. Elsewhere: put the four .gz files of "
        "https://github.com/zalandoresearch/fashion-mnist into DIR/fashion-mnist and give --data-dir DIR, "
        f"data_dir=DIR or {DATA_VARIABLE}=DIR."
    )


def _from_folder(folder: str, name: str, classes: int | None) -> Split:
    parts = load_idx_folder(folder)
    if not len(parts.train_labels):
        raise bad_file(folder, "it holds no training image")
    count = int(parts.train_labels.max()) + 1 if classes is None else classes
    check_range(folder, "training labels", parts.train_labels, count)
    check_range(folder, "test labels", parts.test_labels, count)
    return Split(
        _pixels(parts.train_images),
        parts.train_labels,
        _pixels(parts.test_images),
        parts.test_labels,
        count,
        name,
    )


def _pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(N, H, W) bytes to (N, 1, H, W) in 0..1; 255 becomes exactly 1."""
    return np.divide(images[:, None], np.float32(255), dtype=np.float32)
