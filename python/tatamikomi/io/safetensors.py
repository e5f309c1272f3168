"""The safetensors format: eight bytes of header length, a JSON header, then the arrays' bytes without a gap.

    offset 0      N, the header's length: 64-bit little-endian
    offset 8      N bytes of JSON, padded with spaces; "__metadata__" may map strings to strings:
                  {"name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}
    offset 8 + N  little-endian C-ordered data, offsets counted from here

Format: https://github.com/huggingface/safetensors (README, "Format"). Nothing in such a file is executed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.io.atomic import atomic_write
from tatamikomi.io.faults import bad_file
from tatamikomi.io.json_files import parse_json

_METADATA = "__metadata__"
_MAX_HEADER = 100_000_000
_MAX_BYTES = (1 << 63) - 1
_LENGTH = 8

_DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "C64": np.dtype("<c8"),
    "BOOL": np.dtype("?"),
}
_NAMES = {dtype: name for name, dtype in _DTYPES.items()}
_STORED = {**_DTYPES, "BF16": np.dtype("<u2")}  # bfloat16 is read as the upper half of a float32


class _Entry(NamedTuple):
    """One array as the header describes it, checked; `begin` counts from the start of the data."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    begin: int
    size: int


def save_file(
    tensors: Mapping[str, NDArray[Any]],
    path: str | os.PathLike[str],
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a dictionary of arrays as a safetensors file, atomically.

    Arrays of any strides, byte order and alignment are written in C order, little-endian; larger items come
    first, so that every array is aligned to its item size. The same input gives the same bytes.

    Args:
        tensors: name -> array or NumPy scalar: bool, integer, float up to 64 bits, complex64.
        path: the file to write.
        metadata: strings to keep beside the arrays.

    Raises:
        TypeError: tensors, a name, a value, metadata or an entry of it is of another kind, or the format lacks a dtype.
        ValueError: a name is `__metadata__` or not encodable as UTF-8, or the header exceeds 100 MB.

    >>> import os, tempfile
    >>> import numpy as np
    >>> import tatamikomi.io
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     tatamikomi.io.save_file({"weight": np.eye(2, dtype=np.float32)}, path, {"epoch": "3"})
    ...     tatamikomi.io.load_file(path)["weight"].tolist(), tatamikomi.io.read_metadata(path)
    ([[1.0, 0.0], [0.0, 1.0]], {'epoch': '3'})
    """
    import json

    if not isinstance(tensors, Mapping):
        raise bad_type("save_file", "tensors", type(tensors).__name__, "a mapping of names to arrays")
    for name, array in tensors.items():
        _check_tensor(name, array)
    names = sorted(tensors, key=lambda name: (-tensors[name].dtype.itemsize, name))
    header: dict[str, object] = {}
    if metadata is not None:
        header[_METADATA] = _checked_metadata(metadata)
    end = 0
    for name in names:
        array = tensors[name]
        begin, end = end, end + array.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype.newbyteorder("<")],
            "shape": list(array.shape),
            "data_offsets": [begin, end],
        }
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH)
    if len(text) > _MAX_HEADER:
        raise bad_value("save_file", "tensors", f"{len(text)} bytes", f"a header of at most {_MAX_HEADER} bytes")
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(_LENGTH, "little"))
        file.write(text)
        for name in names:
            little = np.ascontiguousarray(tensors[name], dtype=tensors[name].dtype.newbyteorder("<"))
            file.write(little.reshape(-1).view(np.uint8).data)


def _check_tensor(name: object, array: object) -> None:
    if not isinstance(name, str):
        raise bad_type("save_file", "tensors", f"the name {name!r}", "names that are strings")
    if name == _METADATA:
        raise bad_value("save_file", "tensors", repr(name), "names other than the reserved one")
    if not _is_text(name):
        raise bad_value("save_file", "tensors", repr(name), "names that UTF-8 can encode")
    if not isinstance(array, (np.ndarray, np.generic)):
        raise bad_type("save_file", f"tensors[{name!r}]", type(array).__name__, "a NumPy array")
    if array.dtype.newbyteorder("<") not in _NAMES:
        raise bad_type("save_file", f"tensors[{name!r}]", str(array.dtype), "one of " + ", ".join(_DTYPES))


def _checked_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    if not isinstance(metadata, Mapping):
        raise bad_type("save_file", "metadata", type(metadata).__name__, "a mapping of strings to strings")
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise bad_type("save_file", "metadata", f"{key!r}: {value!r}", "strings mapped to strings")
        if not _is_text(key) or not _is_text(value):
            raise bad_value("save_file", "metadata", f"{key!r}: {value!r}", "text that UTF-8 can encode")
    return dict(metadata)


def _is_text(value: object) -> bool:
    """Whether it is a string that UTF-8 can encode: one without half of a surrogate pair."""
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:
        return False


def load_file(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read every array of a safetensors file.

    The whole header is checked before the first array is made, so that nothing is ever half-loaded. Each
    array owns its memory: writable, C-contiguous, in the machine's byte order; the file may change or vanish
    afterwards. BF16 is read as float32, which holds every bfloat16 exactly.

    Returns:
        name -> array, in the order of the data in the file.

    Raises:
        ValueError: the file is no valid safetensors file; the message names the file and the fault.
        OSError: the file cannot be opened.
    """
    with open(path, "rb") as file:
        start, entries, _ = _read_header(file, path)
        return {entry.name: _read_array(file, path, start, entry) for entry in entries}


def read_metadata(path: str | os.PathLike[str]) -> dict[str, str]:
    """The strings kept beside the arrays, {} when there are none; the header is checked, the data not read.

    Raises:
        ValueError: the file is no valid safetensors file; the message names the file and the fault.
        OSError: the file cannot be opened.
    """
    with open(path, "rb") as file:
        return _read_header(file, path)[2]


def _read_header(file: BinaryIO, path: str | os.PathLike[str]) -> tuple[int, list[_Entry], dict[str, str]]:
    """Where the data starts, the arrays in the order of their data, and the metadata."""
    total = os.fstat(file.fileno()).st_size
    head = file.read(_LENGTH)
    if len(head) < _LENGTH:
        raise bad_file(path, f"truncated: {len(head)} bytes, the header length alone takes {_LENGTH}")
    length = int.from_bytes(head, "little")
    if length > _MAX_HEADER:
        raise bad_file(path, f"the header length {length} exceeds {_MAX_HEADER} bytes")
    start = _LENGTH + length
    if start > total:
        raise bad_file(path, f"the header ends at byte {start}, past the end of the file at {total}")
    text = file.read(length)
    if len(text) < length:
        raise bad_file(path, f"truncated: {len(text)} of the header's {length} bytes")
    if not text.startswith(b"{"):
        raise bad_file(path, "the header does not begin with '{'")
    header = parse_json(text, path, what="header", allow_nan=False)  # a dict: it begins with '{'

    metadata = _metadata(path, header.pop(_METADATA, {}))
    entries = [_entry(path, name, fields) for name, fields in header.items()]
    entries.sort(key=lambda entry: (entry.begin, entry.size))
    _check_layout(path, entries, total - start)
    return start, entries, metadata


def _metadata(path: str | os.PathLike[str], found: object) -> dict[str, str]:
    if not isinstance(found, dict) or not all(map(_is_text, (*found.keys(), *found.values()))):
        raise bad_file(path, f"{_METADATA} does not map strings to strings")
    return found


def _entry(path: str | os.PathLike[str], name: str, fields: object) -> _Entry:
    """Check one array's description by itself."""
    where = f"tensor {name!r:.200}"
    if not _is_text(name):
        raise bad_file(path, f"{where}: the name is not text that UTF-8 can encode")
    if not isinstance(fields, dict) or set(fields) != {"dtype", "shape", "data_offsets"}:
        raise bad_file(path, f"{where}: expected the fields dtype, shape and data_offsets, got {fields!r:.200}")
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _STORED:
        raise bad_file(path, f"{where}: unknown dtype {dtype!r:.50}; known are {', '.join(_STORED)}")
    if not _are_sizes(shape):
        raise bad_file(path, f"{where}: the shape {shape!r:.200} is not a list of integers >= 0")
    if not _are_sizes(offsets) or len(offsets) != 2:
        raise bad_file(path, f"{where}: data_offsets {offsets!r:.200} are not two integers >= 0")

    # Zeros are left out of the product: NumPy, too, refuses a shape whose other sizes pass the limit.
    size = _STORED[dtype].itemsize
    for dimension in shape:
        size *= dimension or 1
        if size > _MAX_BYTES:
            raise bad_file(path, f"{where}: shape {shape!r:.200} of {dtype} needs more than 2**63 - 1 bytes")
    size = 0 if 0 in shape else size
    begin, end = offsets
    if end - begin != size:
        raise bad_file(
            path,
            f"{where}: data_offsets {offsets} span {end - begin} bytes, shape {shape!r:.200} of {dtype} takes {size}",
        )
    try:
        np.broadcast_to(np.empty((), np.uint8), shape)
    except ValueError:
        raise bad_file(path, f"{where}: {len(shape)} dimensions are more than NumPy holds") from None
    return _Entry(name, dtype, tuple(shape), begin, size)


def _are_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _check_layout(path: str | os.PathLike[str], entries: list[_Entry], available: int) -> None:
    """The arrays, in the order of their data, must cover the data exactly: no overlap, no hole, no rest."""
    end = 0
    for entry in entries:
        if entry.begin + entry.size > available:
            raise bad_file(
                path,
                f"tensor {entry.name!r:.200}: data_offsets end at {entry.begin + entry.size}, "
                f"past the {available} bytes of data (truncated?)",
            )
        if entry.begin < end:
            raise bad_file(
                path,
                f"tensor {entry.name!r:.200}: data begins at {entry.begin} and overlaps what ends at {end}",
            )
        if entry.begin > end:
            raise bad_file(path, f"a hole: bytes {end} to {entry.begin} of the data belong to no tensor")
        end = entry.begin + entry.size
    if end != available:
        raise bad_file(path, f"a hole: bytes {end} to {available} of the data belong to no tensor")


def _read_array(file: BinaryIO, path: str | os.PathLike[str], start: int, entry: _Entry) -> NDArray[Any]:
    data = np.empty(entry.size, np.uint8)
    file.seek(start + entry.begin)
    if entry.size and file.readinto(data.data) != entry.size:  # type: ignore[attr-defined]
        raise bad_file(path, f"tensor {entry.name!r:.200}: the file became shorter while it was read")
    if entry.dtype == "BOOL" and data.size and data.max() > 1:
        raise bad_file(path, f"tensor {entry.name!r:.200}: a BOOL byte is neither 0 nor 1")
    array: NDArray[Any] = data.view(_STORED[entry.dtype])
    if sys.byteorder == "big":
        array = array.astype(array.dtype.newbyteorder("="))
    if entry.dtype == "BF16":
        array = (array.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return array.reshape(entry.shape)
