"""IDX, the format that MNIST and its kin are published in: a type, the sizes, then the values, big-endian.

    byte 0, 1  zero
    byte 2     the type: 08 uint8, 09 int8, 0B int16, 0C int32, 0D float32, 0E float64
    byte 3     the number of dimensions d
    then       d sizes of four bytes each, then the values in C order

Format: http://yann.lecun.com/exdb/mnist/ ("The IDX file format"). A file may be compressed with gzip; its
content says so, not its name.
"""

from __future__ import annotations

import os
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.io.atomic import atomic_write
from tatamikomi.io.faults import bad_file

_DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_CODES = {np.dtype(text): code for code, text in _DTYPES.items()}
_GZIP = b"\x1f\x8b"
_MAX_SIZE = (1 << 32) - 1
_PIECE = 1 << 22

# Part of the folder -> the names under which it is published; each may end in .gz.
_FILES = {
    "train_images": ("train-images-idx3-ubyte", "train-images.idx3-ubyte"),
    "train_labels": ("train-labels-idx1-ubyte", "train-labels.idx1-ubyte"),
    "test_images": ("t10k-images-idx3-ubyte", "t10k-images.idx3-ubyte"),
    "test_labels": ("t10k-labels-idx1-ubyte", "t10k-labels.idx1-ubyte"),
}


class IdxFolder(NamedTuple):
    """The four files of a folder: images (N, H, W) uint8, labels (N,) int64 in 0..255."""

    train_images: NDArray[np.uint8]
    train_labels: NDArray[np.int64]
    test_images: NDArray[np.uint8]
    test_labels: NDArray[np.int64]


class _Kind(NamedTuple):
    """What a part of a folder has to be: told from the magic number, before the sizes are believed."""

    what: str
    dimensions: int
    codes: tuple[int, ...]


_IMAGES = _Kind("images (N, H, W) of uint8", 3, (0x08,))
_LABELS = _Kind("labels (N,) of integers", 1, (0x08, 0x09, 0x0B, 0x0C))


def read_idx(path: str | os.PathLike[str]) -> NDArray[Any]:
    """Read one IDX file, plain or compressed with gzip.

    Returns:
        The array, writable, C-contiguous, in the machine's byte order.

    Raises:
        ValueError: the file is not one whole IDX file; the message names the file and the fault.
        OSError: the file cannot be opened.

    >>> import os, tempfile
    >>> import numpy as np
    >>> from tatamikomi.data import read_idx, write_idx
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "labels-idx1-ubyte.gz")
    ...     write_idx(path, np.array([3, 1, 2], np.uint8))
    ...     read_idx(path)
    array([3, 1, 2], dtype=uint8)
    """
    return _open(path, None)


def _open(path: str | os.PathLike[str], kind: _Kind | None) -> NDArray[Any]:
    with open(path, "rb") as file:
        if file.peek(2)[:2] != _GZIP:
            return _read(file, path, kind)
        import gzip
        import zlib

        try:
            with gzip.open(file) as unpacked:
                return _read(unpacked, path, kind)  # type: ignore[arg-type]
        except EOFError:
            raise bad_file(path, "truncated gzip: it ends before the end-of-stream marker") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise bad_file(path, f"broken gzip: {error}") from None


def _read(file: BinaryIO, path: str | os.PathLike[str], kind: _Kind | None) -> NDArray[Any]:
    magic = _take(file, 4)
    if len(magic) < 4:
        raise bad_file(path, f"truncated: {len(magic)} bytes, the magic number alone takes 4")
    if magic[:2] != b"\0\0":
        raise bad_file(path, f"wrong magic number {magic.hex()}: an IDX file begins with 0000")
    if magic[2] not in _DTYPES:
        known = ", ".join(f"{code:02x}" for code in _DTYPES)
        raise bad_file(path, f"unknown type {magic[2]:02x} in the magic number {magic.hex()}; known are {known}")
    dtype = np.dtype(_DTYPES[magic[2]])
    if kind is not None and (magic[2] not in kind.codes or magic[3] != kind.dimensions):
        fault = f"{magic[3]} dimensions of {dtype.name} (magic number {magic.hex()})"
        raise bad_file(path, f"expected {kind.what}, got {fault}")
    sizes = _take(file, 4 * magic[3])
    if len(sizes) < 4 * magic[3]:
        raise bad_file(path, f"truncated: the sizes of {magic[3]} dimensions take {4 * magic[3]} bytes")
    shape = tuple(int.from_bytes(sizes[i : i + 4], "big") for i in range(0, len(sizes), 4))

    expected = dtype.itemsize
    for size in shape:
        expected *= size
    data = _take(file, expected)
    if len(data) < expected:
        raise bad_file(path, f"too short: sizes {shape} of {dtype.name} take {expected} bytes, found {len(data)}")
    if file.read(1):
        raise bad_file(path, f"too long: more than the {expected} bytes that sizes {shape} of {dtype.name} take")
    try:
        array = np.frombuffer(data, dtype).reshape(shape)
    except ValueError:
        raise bad_file(path, f"{len(shape)} dimensions of {shape!s:.60}... are more than NumPy holds") from None
    return array.astype(dtype.newbyteorder("="))


def _take(file: BinaryIO, count: int) -> bytearray:
    """Up to `count` bytes, in pieces: a header that lies about the sizes costs no memory."""
    taken = bytearray()
    while len(taken) < count and (piece := file.read(min(_PIECE, count - len(taken)))):
        taken += piece
    return taken


def write_idx(path: str | os.PathLike[str], array: NDArray[Any]) -> None:
    """Write an array as an IDX file, atomically; compressed when the name ends in .gz.

    Raises:
        TypeError: the dtype is none of uint8, int8, int16, int32, float32, float64.
        ValueError: more than 255 dimensions, or one of more than 2**32 - 1.
    """
    array = np.asarray(array)
    dtype = array.dtype.newbyteorder(">")
    if dtype not in _CODES:
        raise bad_type("write_idx", "array", str(array.dtype), "uint8, int8, int16, int32, float32 or float64")
    if any(size > _MAX_SIZE for size in array.shape):
        raise bad_value("write_idx", "array", f"shape {array.shape}", "sizes below 2**32")
    head = bytes([0, 0, _CODES[dtype], array.ndim]) + b"".join(size.to_bytes(4, "big") for size in array.shape)
    data = head + array.astype(dtype).tobytes()
    if os.fspath(path).endswith(".gz"):
        import gzip

        data = gzip.compress(data, mtime=0)
    with atomic_write(path) as file:
        file.write(data)


def load_idx_folder(folder: str | os.PathLike[str]) -> IdxFolder:
    """Read the four files of an MNIST-like set from one folder.

    The files are train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
    t10k-labels-idx1-ubyte, each with or without .gz (the plain one is taken where both are); `.idx3` and
    `.idx1` in place of `-idx3` and `-idx1` are understood too.

    Raises:
        FileNotFoundError: files are missing; the message names them all.
        ValueError: a file is broken, images are not (N, H, W) uint8 or have no pixel, labels are not N integers
            in 0..255, or training and test images differ in size; the message names the file and the fault.
    """
    found = {part: _find(folder, names) for part, names in _FILES.items()}
    missing = [_FILES[part][0] for part, path in found.items() if path is None]
    if missing:
        raise FileNotFoundError(f"{os.fspath(folder)}: no {', no '.join(missing)} (nor with .gz)")
    paths = {part: path for part, path in found.items() if path is not None}
    train_images, train_labels = _read_pair(paths["train_images"], paths["train_labels"])
    test_images, test_labels = _read_pair(paths["test_images"], paths["test_labels"])
    if train_images.shape[1:] != test_images.shape[1:]:
        fault = f"images of {test_images.shape[1:]} pixels, those for training have {train_images.shape[1:]}"
        raise bad_file(paths["test_images"], fault)
    return IdxFolder(train_images, train_labels, test_images, test_labels)


def has_idx_files(folder: str | os.PathLike[str]) -> bool:
    """Whether the folder holds at least one of the four files."""
    return any(_find(folder, names) is not None for names in _FILES.values())


def _find(folder: str | os.PathLike[str], names: tuple[str, ...]) -> str | None:
    candidates = (os.path.join(folder, name + end) for end in ("", ".gz") for name in names)
    return next((path for path in candidates if os.path.isfile(path)), None)


def _read_pair(images_path: str, labels_path: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images, labels = _open(images_path, _IMAGES), _open(labels_path, _LABELS)
    if 0 in images.shape[1:]:
        raise bad_file(images_path, f"expected images of at least one pixel, got {images.shape}")
    if len(images) != len(labels):
        raise bad_file(labels_path, f"{len(labels)} labels for the {len(images)} images of {images_path}")
    labels = labels.astype(np.int64)
    wrong = (labels < 0) | (labels > 255)
    if wrong.any():
        place = int(wrong.argmax())
        raise bad_file(labels_path, f"label {labels[place]} at position {place}, expected 0..255")
    return images, labels
