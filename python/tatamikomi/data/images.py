"""Pictures in folders, one folder per class, decoded by Pillow when a batch asks for them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.dataset import Batch
from tatamikomi.data.extras import extra_module
from tatamikomi.data.faults import retold
from tatamikomi.data.sizes import height_and_width
from tatamikomi.errors import bad_type, unknown_name
from tatamikomi.io.faults import bad_file

_CHANNELS = {"RGB": 3, "L": 1}


def read_image(
    path: str | os.PathLike[str], mode: str = "RGB", size: int | tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Decode one picture, turned upright as its camera's note (EXIF) says; of several frames the first.

    Pixels of 16 bits are brought to 8; transparency is left out.

    Args:
        path: a file in any format that Pillow reads.
        mode: "RGB", or "L" for grey: 0.299 R + 0.587 G + 0.114 B.
        size: (height, width), or one number for both, to resize to: bilinear, over all pixels that a new one
            covers; the ratio of the edges is not kept.

    Returns:
        (3, H, W) or (1, H, W) float32 in 0..1.

    Raises:
        ImportError: Pillow is not installed; the message names the extra.
        ValueError: a file that Pillow cannot decode to its end, or whose values have no known white; the message
            names the file and the fault. Or mode or size is none of the above.
        OSError: the file cannot be opened.

    >>> import os, tempfile
    >>> from PIL import Image
    >>> from tatamikomi.data import read_image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "red.png")
    ...     Image.new("RGB", (4, 2), (255, 0, 0)).save(path)
    ...     x = read_image(path)
    >>> x.shape, x[:, 0, 0].tolist()
    ((3, 2, 4), [1.0, 0.0, 0.0])
    """
    _check_mode("read_image", mode)
    shape = None if size is None else height_and_width("read_image", "size", size)
    return _scaled(_decode(path, mode, shape))


class ImageFolder:
    """A data set of pictures: each folder in `root` is a class and holds its pictures, in folders of its own too.

    Classes and pictures are in the order of their names. Every picture is decoded once when the data set is made,
    so that a broken one is found before any training; the pixels are not kept, and each batch decodes its own.
    Names that begin with a dot do not count, nor do files beside the class folders. For pictures that fit into memory:
    `ArrayDataset(*folder.batch(np.arange(len(folder))))`.

    Args:
        root: the folder of the class folders.
        size: (height, width), or one number for both, to resize all pictures to; see `read_image`. When None, all
            must be of one size.
        mode: "RGB" or "L".
        skip_corrupt: leave out what cannot be decoded, and list it in `skipped`; otherwise it is an error.
        classes: the names of the class folders in order, such as those of the training set. When None, those found.

    Attributes:
        classes: the names of the classes.
        paths: the pictures, in order.
        y: (N,) int64, the class of each.
        skipped: (path, fault) of each file that was left out.

    Raises:
        ImportError: Pillow is not installed; the message names the extra.
        ValueError: no class folder, one without a picture or that is none of `classes`, a broken file, or sizes that
            differ and no size given; the message names the file or folder and the fault.
        OSError: root is no folder, or a file cannot be opened.

    >>> import os, tempfile
    >>> import numpy as np
    >>> from PIL import Image
    >>> from tatamikomi.data import ImageFolder
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name, colour in (("day", "white"), ("night", "black")):
    ...         os.mkdir(os.path.join(root, name))
    ...         Image.new("L", (5, 4), colour).save(os.path.join(root, name, "1.png"))
    ...     folder = ImageFolder(root, mode="L")
    ...     x, y = folder.batch(np.array([0, 1]))
    >>> folder.classes, x.shape, x[:, 0, 0, 0].tolist(), y.tolist()
    (('day', 'night'), (2, 1, 4, 5), [1.0, 0.0], [0, 1])
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        size: int | tuple[int, int] | None = None,
        mode: str = "RGB",
        skip_corrupt: bool = False,
        classes: Sequence[str] | None = None,
    ) -> None:
        _check_mode("ImageFolder", mode)
        if not isinstance(skip_corrupt, bool):
            raise bad_type("ImageFolder", "skip_corrupt", type(skip_corrupt).__name__, "True or False")
        self.root = os.fspath(root)
        self.mode = mode
        self.classes = _classes(self.root, classes)
        self.paths: list[str] = []
        self.skipped: list[tuple[str, str]] = []
        self._size = None if size is None else height_and_width("ImageFolder", "size", size)
        self._resized = size is not None
        first = ""  # the picture whose size all others must have
        labels = []
        for label, name in enumerate(self.classes):
            for path in _files(os.path.join(self.root, name)):
                try:
                    shape = _decode(path, mode, self._size if self._resized else None).shape[1:]
                except ValueError as error:
                    if not skip_corrupt:
                        raise
                    self.skipped.append((path, str(error).removeprefix(f"{path}: ")))
                    continue
                if self._size is None:
                    self._size, first = (shape[0], shape[1]), path
                elif shape != self._size:
                    fault = f"{shape[0]} x {shape[1]} pixels, {first} has {self._size[0]} x {self._size[1]}"
                    raise bad_file(path, f"{fault}: give size=(height, width) to resize all of them")
                self.paths.append(path)
                labels.append(label)
            if label not in labels[-1:]:
                left_out = f", {len(self.skipped)} files left out so far" if self.skipped else ""
                raise bad_file(os.path.join(self.root, name), f"a class without a picture{left_out}")
        self.y: NDArray[np.int64] = np.array(labels, np.int64)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of every picture as batches give it."""
        assert self._size is not None
        return self._size

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """One picture (C, H, W) float32 in 0..1, and its class."""
        x, y = self.batch(np.array([index]))
        return x[0], y[0]

    def batch(self, indices: NDArray[np.int64]) -> Batch:
        """The pictures at `indices`: x (N, C, H, W) float32 in 0..1 and y (N,) int64.

        Raises:
            ValueError: a file has changed since the data set was made, and is broken or of another size now.
        """
        pixels = np.empty((len(indices), _CHANNELS[self.mode], *self.size), np.uint8)
        for place, index in enumerate(indices.tolist()):
            path = self.paths[index]
            picture = _decode(path, self.mode, self._size if self._resized else None)
            if picture.shape[1:] != self.size:
                raise bad_file(path, f"{picture.shape[1]} x {picture.shape[2]} pixels, expected {self.size}")
            pixels[place] = picture
        return _scaled(pixels), self.y[indices]

    def __repr__(self) -> str:
        return f"ImageFolder({self.root!r}, {len(self)} pictures of {self.size}, {len(self.classes)} classes)"


def _check_mode(op: str, mode: str) -> None:
    if mode not in _CHANNELS:
        raise unknown_name(op, "mode", mode, _CHANNELS)


def _classes(root: str, classes: Sequence[str] | None) -> tuple[str, ...]:
    with os.scandir(root) as entries:
        found = sorted(entry.name for entry in entries if entry.is_dir() and not entry.name.startswith("."))
    if not found:
        raise bad_file(root, "no class folder in it")
    if classes is None:
        return tuple(found)
    known = tuple(classes)
    for name in found:
        if name not in known:
            raise bad_file(os.path.join(root, name), f"expected one of the classes {', '.join(map(repr, known))}")
    for name in known:
        if name not in found:
            raise bad_file(root, f"no folder of the class {name!r}")
    return known


def _files(folder: str) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (os.path.join(parent, name) for name in sorted(files) if not name.startswith("."))


def _decode(path: str | os.PathLike[str], mode: str, size: tuple[int, int] | None) -> NDArray[np.uint8]:
    """(C, H, W) bytes."""
    pillow = extra_module("PIL.Image", "reading pictures", "Pillow", "images")
    turned = extra_module("PIL.ImageOps", "reading pictures", "Pillow", "images").exif_transpose
    import struct
    import zlib

    # What Pillow's decoders raise of broken files: it promises no list of them. Warnings, where they are errors.
    broken = (OSError, ValueError, SyntaxError, EOFError, TypeError, KeyError, IndexError, AttributeError, Warning)
    with open(path, "rb") as file:
        try:
            with pillow.open(file) as opened:
                image = _eight_bits(turned(opened), opened.format, path).convert(mode)
        except pillow.DecompressionBombError as error:
            raise bad_file(path, f"too large: {error}") from None
        except (*broken, OverflowError, struct.error, zlib.error, MemoryError) as error:
            raise retold(path, "no whole picture", error) from None
        if size is not None and image.size != size[::-1]:
            image = image.resize(size[::-1], pillow.Resampling.BILINEAR)
        pixels = np.asarray(image)
    return np.ascontiguousarray(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1))


def _eight_bits(image: Any, kind: str, path: str | os.PathLike[str]) -> Any:
    """A picture of 8 bits a value. Of 16 bits, Pillow's own conversion would cut off what lies above 255."""
    if image.mode.startswith("I;16") or (image.mode == "I" and kind == "PNG"):
        pillow = extra_module("PIL.Image", "reading pictures", "Pillow", "images")
        return pillow.fromarray(np.rint(np.asarray(image, np.float32) / np.float32(257)).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise bad_file(path, f"pixels of Pillow's mode {image.mode}, of which nobody knows how bright white is")
    if image.mode == "P" and "transparency" in image.info:
        return image.convert("RGBA")  # Pillow warns where it must drop the transparency by itself
    return image


def _scaled(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """0..255 to 0..1; 255 becomes exactly 1."""
    return np.divide(pixels, np.float32(255), dtype=np.float32)
