"""CIFAR-10 and CIFAR-100 as published in binary: records of labels and pixels, nothing else.

    CIFAR-10     one byte, the label 0..9; then 3 x 32 x 32 bytes, the planes red, green, blue, each row by row
    CIFAR-100    two bytes, the coarse label 0..19 and the fine one 0..99; then the same

Format: A. Krizhevsky, https://www.cs.toronto.edu/~kriz/cifar.html ("Binary version").
"""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.errors import unknown_name
from tatamikomi.io.faults import bad_file

_SHAPE = (3, 32, 32)
_PIXELS = 3 * 32 * 32


class CifarFolder(NamedTuple):
    """A folder's images (N, 3, 32, 32) uint8, labels (N,) int64, and the names of the classes ("" where unnamed)."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]
    classes: tuple[str, ...]


class _Kind(NamedTuple):
    """One of the two sets as published: its files, the images in each, and what stands before the pixels."""

    train: tuple[str, ...]
    test: str
    train_images: int  # in each file
    test_images: int
    columns: tuple[tuple[str, int, str], ...]  # label, number of classes, file of their names


_KINDS = (
    _Kind(
        tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
        "test_batch.bin",
        10_000,
        10_000,
        (("fine", 10, "batches.meta.txt"),),
    ),
    _Kind(
        ("train.bin",),
        "test.bin",
        50_000,
        10_000,
        (("coarse", 20, "coarse_label_names.txt"), ("fine", 100, "fine_label_names.txt")),
    ),
)


def read_cifar(
    path: str | os.PathLike[str], classes: tuple[int, ...] = (10,), images: int | None = None
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read one binary file.

    Args:
        path: the file.
        classes: the number of classes of each label in a record: (10,) for CIFAR-10, (20, 100) for CIFAR-100.
        images: how many the file must hold; None takes any number of whole records.

    Returns:
        images (N, 3, 32, 32) uint8, and labels (N, len(classes)) int64.

    Raises:
        ValueError: the file is no whole number of records, holds another number of images, or a label is out of
            range; the message names the file and the fault.
        OSError: the file cannot be opened.

    >>> import os, tempfile
    >>> from tatamikomi.data import read_cifar
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "test_batch.bin")
    ...     with open(path, "wb") as file:
    ...         _ = file.write(bytes([7]) + bytes(3072) + bytes([2]) + bytes(3072))
    ...     images, labels = read_cifar(path)
    >>> images.shape, labels.tolist()
    ((2, 3, 32, 32), [[7], [2]])
    """
    record = len(classes) + _PIXELS
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if images is not None and size != images * record:
            fault = f"{size} bytes, expected {images * record}: {images} records of {record} bytes each"
            raise bad_file(path, ("truncated: " if size < images * record else "too long: ") + fault)
        if size % record:
            raise bad_file(path, f"{size} bytes are no whole number of records of {record} bytes each")
        data = np.fromfile(file, np.uint8, size)
    if len(data) < size:
        raise bad_file(path, f"truncated while it was read: {len(data)} bytes of {size}")
    rows = data.reshape(-1, record)
    labels = rows[:, : len(classes)].astype(np.int64)
    wrong = labels >= np.array(classes)
    if wrong.any():
        row, column = (int(place) for place in np.argwhere(wrong)[0])
        raise bad_file(path, f"label {labels[row, column]} in record {row}, expected 0..{classes[column] - 1}")
    return np.ascontiguousarray(rows[:, len(classes) :]).reshape(-1, *_SHAPE), labels


def load_cifar_folder(folder: str | os.PathLike[str], labels: str = "fine") -> CifarFolder:
    """Read CIFAR-10 or CIFAR-100, whichever the folder holds, from its binary files.

    CIFAR-10 is data_batch_1.bin to data_batch_5.bin and test_batch.bin, of 10,000 images each; CIFAR-100 is
    train.bin of 50,000 and test.bin of 10,000 images. The names of the classes come from batches.meta.txt or
    fine_label_names.txt and coarse_label_names.txt, where they are.

    Args:
        folder: cifar-10-batches-bin or cifar-100-binary, as the archives unpack.
        labels: "fine", or for CIFAR-100 "coarse", the 20 groups of five classes each.

    Raises:
        FileNotFoundError: files are missing; the message names them all.
        ValueError: a file is broken or holds another number of images (see `read_cifar`), a file of names does not
            have a line for each class, or labels is no label of the set.

    >>> from tatamikomi.data import load_cifar_folder
    >>> load_cifar_folder("nowhere")
    Traceback (most recent call last):
    ...
    FileNotFoundError: nowhere: no data_batch_1.bin, no data_batch_2.bin, ..., nor train.bin, test.bin (CIFAR-100)
    """
    kind = _kind(folder)
    names = tuple(name for name, _, _ in kind.columns)
    if labels not in names:
        raise unknown_name("load_cifar_folder", "labels", labels, names)
    missing = [name for name in (*kind.train, kind.test) if not os.path.isfile(os.path.join(folder, name))]
    if missing:
        raise FileNotFoundError(f"{os.fspath(folder)}: no {', no '.join(missing)}")
    column = names.index(labels)
    _, count, names_file = kind.columns[column]
    classes = _class_names(os.path.join(folder, names_file), count)
    sizes = tuple(size for _, size, _ in kind.columns)

    def read(name: str, images: int) -> tuple[NDArray[Any], NDArray[Any]]:
        return read_cifar(os.path.join(folder, name), sizes, images)

    train = [read(name, kind.train_images) for name in kind.train]
    test = read(kind.test, kind.test_images)
    images = train[0][0] if len(train) == 1 else np.concatenate([part for part, _ in train])
    train_labels = np.concatenate([part for _, part in train])
    return CifarFolder(images, train_labels[:, column], test[0], test[1][:, column], classes)


def has_cifar_files(folder: str | os.PathLike[str]) -> bool:
    """Whether the folder holds at least one of the files of either set.

    >>> from tatamikomi.data.cifar import has_cifar_files
    >>> has_cifar_files("nowhere")
    False
    """
    return any(_holds_some(folder, kind) for kind in _KINDS)


def _holds_some(folder: str | os.PathLike[str], kind: _Kind) -> bool:
    return any(os.path.isfile(os.path.join(folder, name)) for name in (*kind.train, kind.test))


def _kind(folder: str | os.PathLike[str]) -> _Kind:
    found = [kind for kind in _KINDS if _holds_some(folder, kind)]
    ten, hundred = (", ".join((*kind.train, kind.test)) for kind in _KINDS)
    if not found:
        ten = f"no {ten.replace(', ', ', no ')}"
        raise FileNotFoundError(f"{os.fspath(folder)}: {ten} (CIFAR-10), nor {hundred} (CIFAR-100)")
    if len(found) == 2:
        raise bad_file(folder, "files of both CIFAR-10 and CIFAR-100, expected one of them")
    return found[0]


def _class_names(path: str, count: int) -> tuple[str, ...]:
    """A name on each line; empty lines do not count."""
    if not os.path.isfile(path):
        return ("",) * count
    try:
        with open(path, encoding="utf-8") as file:
            names = tuple(line.strip() for line in file if line.strip())
    except UnicodeDecodeError as error:
        raise bad_file(path, f"not UTF-8: {error.reason} at byte {error.start}") from None
    if len(names) != count:
        raise bad_file(path, f"{len(names)} names, expected {count}")
    return names
