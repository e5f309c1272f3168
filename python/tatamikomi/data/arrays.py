"""Arrays in NumPy's own files: .npy mapped from the disk or read whole, .npz read whole; pickles never.

Format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html. A header that says more, or less,
than the file holds is told before any memory is taken for it.
"""

from __future__ import annotations

import math
import os
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.data.faults import retold
from tatamikomi.io.faults import bad_file

_READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class _Header(NamedTuple):
    """What stands before the values: their kind and order, and where they begin."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: str  # "C" or "F"
    offset: int

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def load_npy(path: str | os.PathLike[str], mapped: bool = True) -> NDArray[Any]:
    """Open a .npy file.

    Mapped, the file is not read: the array is a read-only view of it. An ArrayDataset made of it reads from the file
    the rows that a batch asks for, and needs no memory for all others. Whoever indexes the array itself must see to it
    that the file is not cut short meanwhile: the system ends a process that touches what is no longer there.

    Args:
        path: the file.
        mapped: map the file, or read it whole into a writable array.

    Returns:
        The array, in the file's dtype, byte order and memory order.

    Raises:
        ValueError: not one whole .npy file, or an array of Python objects, which only pickle could read; the message
            names the file and the fault.
        OSError: the file cannot be opened.

    >>> import os, tempfile
    >>> import numpy as np
    >>> from tatamikomi.data import load_npy
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "x.npy")
    ...     np.save(path, np.arange(6, dtype=np.float32).reshape(3, 2))
    ...     x = load_npy(path)
    ...     x[1].tolist(), x.flags.writeable
    ([2.0, 3.0], False)
    """
    with open(path, "rb") as file:
        header = _header(file, path)
        found = os.fstat(file.fileno()).st_size - header.offset
        _check_length(path, header, found)
        if mapped and found:
            dtype, shape, order = header.dtype, header.shape, header.order
            # An open file in place of its name: what was checked is what is mapped.
            return np.memmap(file, dtype, "r", header.offset, shape, order)  # type: ignore[call-overload, no-any-return]
        array = _values(file.read(header.nbytes), header, path)
    array.flags.writeable = not mapped  # a mapped array of no values is read-only too
    return array


def load_npz(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read all arrays of a .npz file, compressed or not.

    Returns:
        The arrays by their names, in the file's order, writable.

    Raises:
        ValueError: not one whole archive of .npy files, a checksum that differs, two arrays of one name, or an array
            of Python objects; the message names the file and the fault.
        OSError: the file cannot be opened.

    >>> import os, tempfile
    >>> import numpy as np
    >>> from tatamikomi.data import load_npz
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "set.npz")
    ...     np.savez(path, x=np.zeros((3, 2)), y=np.arange(3))
    ...     {name: array.shape for name, array in load_npz(path).items()}
    {'x': (3, 2), 'y': (3,)}
    """
    import zipfile
    import zlib

    arrays: dict[str, NDArray[Any]] = {}
    with open(path, "rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                for entry in archive.infolist():
                    name = entry.filename.removesuffix(".npy")
                    if name in arrays:
                        raise bad_file(path, f"two arrays of the name {name!r}")
                    place = f"{os.fspath(path)}: {entry.filename}"
                    with archive.open(entry) as member:
                        header = _header(member, place)
                        _check_length(place, header, entry.file_size - header.offset)
                        data = member.read()  # to the end: only there the checksum is compared
                    arrays[name] = _values(data, header, place)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError) as error:
            # The last one: a method of compression that zipfile does not know, or a password.
            raise retold(path, "broken archive", error) from None
    return arrays


def _header(file: IO[bytes], path: str | os.PathLike[str]) -> _Header:
    try:
        version = np.lib.format.read_magic(file)
        reader = _READERS.get(version)
        parts = reader(file) if reader else None
    except OSError:
        raise
    except Exception as error:  # NumPy parses the header as Python: hostile text meets any of the parser's errors
        raise bad_file(path, f"not a .npy header: {error}") from None
    if parts is None:
        raise bad_file(path, f"version {version} of the format, expected (1, 0) or (2, 0)")
    shape, fortran, dtype = parts
    if dtype.hasobject:
        raise bad_file(path, f"Python objects ({dtype}), which only pickle could read: it could run any code")
    if any(size < 0 for size in shape):
        raise bad_file(path, f"not a .npy header: shape {shape}")
    return _Header(dtype, shape, "F" if fortran else "C", file.tell())


def _check_length(path: str | os.PathLike[str], header: _Header, found: int) -> None:
    if found != header.nbytes:
        fault = f"shape {header.shape} of {header.dtype} takes {header.nbytes} bytes, found {found}"
        raise bad_file(path, ("truncated: " if found < header.nbytes else "too long: ") + fault)


def _values(data: bytes, header: _Header, path: str | os.PathLike[str]) -> NDArray[Any]:
    if len(data) != header.nbytes:
        raise bad_file(path, f"truncated while it was read: {len(data)} bytes of {header.nbytes}")
    try:
        array = np.frombuffer(bytearray(data), header.dtype, math.prod(header.shape))
        return array.reshape(header.shape, order=header.order)  # type: ignore[call-overload, no-any-return]
    except ValueError as error:
        raise bad_file(path, f"shape {header.shape!s:.60} of {header.dtype}: {error}") from None
