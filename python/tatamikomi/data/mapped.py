"""Rows of a mapped file, read by their places in the file.

A page of a mapping that was touched stays with the process, and on Linux up to 2 MiB around it: a few hundred random
rows would bring in a whole file. Reading them leaves nothing behind.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.io.faults import bad_file


class RowReader:
    """Reads rows of an array that lies, C-contiguous, in a file mapped for reading only.

    Args:
        array: such an array; `RowReader.of` tells whether it is one.
        path: the file.
        offset: where the array begins in it.

    >>> import os, tempfile
    >>> import numpy as np
    >>> from tatamikomi.data.mapped import RowReader
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "x.npy")
    ...     np.save(path, np.arange(8).reshape(4, 2))
    ...     RowReader.of(np.load(path, mmap_mode="r")).rows(np.array([3, 0])).tolist()
    [[6, 7], [0, 1]]
    """

    def __init__(self, array: NDArray[Any], path: str, offset: int) -> None:
        self._array = array
        self._path = path
        self._offset = offset
        self._file = _identity(os.stat(path))

    @classmethod
    def of(cls, array: NDArray[Any]) -> RowReader | None:
        """A reader of `array`, or None for one that does not lie in a file in this way."""
        base: Any = array
        root = None
        while base is not None:
            root = base if isinstance(base, np.memmap) else root
            base = getattr(base, "base", None)
        # What was written to a mapping of another mode need not be in its file.
        if root is None or root.mode != "r" or root.filename is None or not os.path.isfile(root.filename):
            return None
        if not array.flags.c_contiguous or not array.ndim or not array.size:
            return None
        return cls(array, os.fspath(root.filename), root.offset + array.ctypes.data - root.ctypes.data)

    def rows(self, indices: NDArray[np.int64]) -> NDArray[Any]:
        """The rows at `indices`, as array[indices] would give them.

        Raises:
            IndexError: an index is out of range.
            ValueError: the file is not the one that was mapped any more.
        """
        count = len(self._array)
        wrong = (indices < -count) | (indices >= count)
        if wrong.any():
            raise IndexError(f"index {indices[wrong][0]} is out of range for {count} samples of {self._path}")
        places = np.where(indices < 0, indices + count, indices)
        rows = np.empty((len(places), *self._array.shape[1:]), self._array.dtype)
        view = rows.reshape(-1).view(np.uint8).data
        width = self._array.nbytes // count
        handle = os.open(self._path, os.O_RDONLY)
        try:
            if _identity(os.fstat(handle)) != self._file:
                raise bad_file(self._path, "it has changed since it was mapped")
            # Rows that follow each other in the file are read at once.
            breaks = (np.flatnonzero(np.diff(places) != 1) + 1).tolist()
            for first, last in zip([0, *breaks], [*breaks, len(places)], strict=True):
                if first < last:
                    self._fill(handle, view[first * width : last * width], int(places[first]) * width)
        finally:
            os.close(handle)
        return rows

    def _fill(self, handle: int, view: memoryview, place: int) -> None:
        done = 0
        while done < len(view):
            read = os.preadv(handle, [view[done:]], self._offset + place + done)
            if not read:
                raise bad_file(self._path, "truncated while it was read")
            done += read


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def take_rows(array: NDArray[Any], reader: RowReader | None, indices: NDArray[np.int64]) -> NDArray[Any]:
    """array[indices], by way of the file where there is a reader.

    >>> import numpy as np
    >>> from tatamikomi.data.mapped import take_rows
    >>> take_rows(np.array([5, 6, 7]), None, np.array([2, 0]))
    array([7, 5])
    """
    places = np.asarray(indices)
    if reader is not None and places.ndim == 1 and places.dtype.kind in "iu":
        return reader.rows(places.astype(np.int64))
    rows: NDArray[Any] = array[indices]
    return rows
