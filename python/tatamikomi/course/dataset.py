"""MNIST as the lessons load it: the files that you have, or the 5,000 digits that come with the package."""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from tatamikomi.data.idx import has_idx_files, load_idx_folder
from tatamikomi.data.sets import DATA_VARIABLE, load
from tatamikomi.io.faults import bad_file
from tatamikomi.kernels.arrays import Array

__all__ = ["load_mnist"]

_PICKLE = "mnist.pkl"
_PARTS = ("train_img", "train_label", "test_img", "test_label")


def load_mnist(
    normalize: bool = True, flatten: bool = True, one_hot_label: bool = False, *, folder: str | None = None
) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    """(training images, labels), (test images, labels).

    Read from `folder`, or else from $TATAMIKOMI_DATA, or a folder mnist in it: the four IDX files, plain or .gz, or the
    lessons' mnist.pkl. Where there are none, 4,000 and 1,000 digits of the package, and a line on stderr says so.

    Args:
        normalize: float32 in 0..1, else uint8 in 0..255.
        flatten: rows (N, 784), else images (N, 1, 28, 28).
        one_hot_label: rows (N, classes) of float64 with a single 1, else uint8 labels (N,).
        folder: where the files are.

    Raises:
        FileNotFoundError: `folder` holds no such files.
        ValueError: a broken file; the message names it.

    >>> from tatamikomi.course.dataset import load_mnist
    >>> (x_train, t_train), (x_test, t_test) = load_mnist(flatten=False)
    >>> x_train.shape, x_train.dtype.name, t_test.shape, t_test.dtype.name
    ((4000, 1, 28, 28), 'float32', (1000,), 'uint8')
    """
    parts = _parts(folder)
    classes = max(10, *(int(labels.max(initial=0)) + 1 for labels in (parts[1], parts[3])))
    halves = []
    for images, labels in (parts[:2], parts[2:]):
        pixels = images.reshape(len(images), -1) if flatten else images.reshape(len(images), 1, *images.shape[-2:])
        x: Array = pixels.astype(np.float32) / np.float32(255) if normalize else pixels
        halves.append((x, np.eye(classes)[labels] if one_hot_label else labels.astype(np.uint8)))
    return halves[0], halves[1]


def _parts(folder: str | None) -> tuple[Array, Array, Array, Array]:
    """Images (N, H, W) uint8 and labels (N,), for training and for testing."""
    root = folder or os.environ.get(DATA_VARIABLE)
    places = [os.path.join(root, "mnist"), root] if root else []
    for place in places:
        if has_idx_files(place):
            found = load_idx_folder(place)
            return found.train_images, found.train_labels, found.test_images, found.test_labels
        if os.path.isfile(os.path.join(place, _PICKLE)):
            return _pickled(os.path.join(place, _PICKLE))
    if folder is not None:
        raise FileNotFoundError(f"load_mnist: neither the four IDX files nor {_PICKLE} in {' or '.join(places)}")
    print(f"load_mnist: 5,000 digits; for all 70,000 put their files into {DATA_VARIABLE}/mnist", file=sys.stderr)
    split = load("mnist-5k")
    train_x, test_x = (np.rint(x[:, 0] * 255).astype(np.uint8) for x in (split.train_x, split.test_x))
    return train_x, split.train_y, test_x, split.test_y


def _pickled(path: str) -> tuple[Array, Array, Array, Array]:
    from tatamikomi.course.pickles import load_arrays

    arrays: dict[str, Any] = load_arrays(path)
    if not set(_PARTS) <= set(arrays):
        raise bad_file(path, f"expected arrays {', '.join(_PARTS)}, got {', '.join(arrays)}")
    train_x, train_t, test_x, test_t = (arrays[part] for part in _PARTS)
    for x, t in ((train_x, train_t), (test_x, test_t)):
        if (
            x.dtype != np.uint8
            or x.ndim != 2
            or x.shape[1] != 784
            or t.shape != x.shape[:1]
            or t.dtype.kind not in "iu"
        ):
            raise bad_file(
                path, f"images {x.dtype} {x.shape}, labels {t.dtype} {t.shape}, expected uint8 (N, 784), (N,)"
            )
        if t.size and not 0 <= t.min() <= t.max() < 10:
            raise bad_file(path, f"labels from {t.min()} to {t.max()}, expected 0..9")
    return train_x.reshape(-1, 28, 28), train_t, test_x.reshape(-1, 28, 28), test_t
