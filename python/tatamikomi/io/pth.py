"""State dicts that torch.save wrote: a zip of a pickle with the tensors' shapes and a file of numbers per storage.

    NAME/data.pkl     nested dicts; tensors as calls of torch._utils._rebuild_tensor_v2(storage, offset, size, stride)
    NAME/byteorder    "little" or "big"; older files lack it and are little-endian
    NAME/data/KEY     the bytes of storage KEY, not compressed

The pickle is read by `parse_pickle`, which knows the names below and no others. Source of the format:
https://docs.pytorch.org/docs/stable/notes/serialization.html.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tatamikomi.errors import bad_type
from tatamikomi.io.faults import bad_file
from tatamikomi.io.pickles import Name, parse_pickle

if TYPE_CHECKING:
    from zipfile import ZipFile

_LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"  # a pickled number, before torch 1.6
_DTYPES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "u2",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "u1",
    "ComplexFloatStorage": "c8",
    "ComplexDoubleStorage": "c16",
}


class _Storage(NamedTuple):
    """Numbers in one entry of the archive."""

    kind: str
    key: str
    length: int


class _Tensor(NamedTuple):
    """A view of a storage; offset and strides count elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def load_pth(path: str | os.PathLike[str], key: str | Sequence[str] | None = None) -> dict[str, NDArray[Any]]:
    """Read a state dict that torch wrote, without torch, and without running anything that the file holds.

    Arrays are views of the file's storages: tensors that shared memory share it here, and a transposed one stays so.
    float16 and bfloat16 become float32, which holds them exactly.

    Args:
        path: a .pth or .pt file of torch 1.6 or later.
        key: for a checkpoint that holds more, the entry with the state dict, such as "state_dict" or "model"; several
            lead into nested dicts.

    Returns:
        name -> array, writable, in the machine's byte order, in the order of the file.

    Raises:
        TypeError: key is no string and holds none.
        ValueError: another format, a broken or truncated file, a pickle with more than tensors and plain values (the
            message gives its name), sizes beyond what is stored, no state dict at `key` (the message lists entries).
        OSError: the file cannot be opened.

    >>> import os, pickle, tempfile, zipfile
    >>> from tatamikomi.io import load_pth
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "whole-model.pth")
    ...     with zipfile.ZipFile(path, "w") as archive:
    ...         archive.writestr("model/data.pkl", pickle.dumps(print))
    ...     load_pth(path)
    Traceback (most recent call last):
    ValueError: ...whole-model.pth: data.pkl: the name 'builtins.print', which is not plain data...
    """
    import zipfile

    with open(path, "rb") as file:
        head = file.read(len(_LEGACY))
        if head == _LEGACY:
            raise bad_file(path, "the format before torch 1.6: torch.load it and torch.save it again")
        if not head.startswith(b"PK"):
            raise bad_file(path, "not a zip archive, as torch.save writes since 1.6")
        try:
            with zipfile.ZipFile(file) as archive:
                return _Reader(path, archive, os.fstat(file.fileno()).st_size).state(key)
        except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
            raise bad_file(path, f"broken archive: {error}") from None


class _Reader:
    """One archive, its entries checked, and the storages that were read."""

    def __init__(self, path: str | os.PathLike[str], archive: ZipFile, total: int) -> None:
        self.path, self.archive = path, archive
        self.arrays: dict[str, tuple[_Storage, NDArray[Any]]] = {}
        entries = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
        self.entries = {entry.filename: entry for entry in entries}
        if len(self.entries) < len(entries):
            raise bad_file(path, "two entries of one name")
        ends = [entry.header_offset for entry in entries[1:]] + [total]
        for entry, end in zip(entries, ends, strict=True):
            if entry.compress_type or entry.compress_size != entry.file_size:
                raise bad_file(path, f"{entry.filename!r:.200} is compressed, which torch does not do")
            if entry.header_offset + 30 + len(entry.orig_filename) + entry.file_size > end:
                raise bad_file(path, f"{entry.filename!r:.200} reaches into what follows it")
        found = [name for name in self.entries if name.count("/") == 1 and name.endswith("/data.pkl")]
        if len(found) != 1:
            raise bad_file(path, f"{len(found)} entries NAME/data.pkl, expected one")
        self.folder = found[0].removesuffix("data.pkl")
        order = archive.read(self.folder + "byteorder") if self.folder + "byteorder" in self.entries else b"little"
        if order not in (b"little", b"big"):
            raise bad_file(path, f"byteorder {order!r:.50}")
        self.order: Literal["<", ">"] = "<" if order == b"little" else ">"

    def state(self, key: str | Sequence[str] | None) -> dict[str, NDArray[Any]]:
        """The arrays of the dict at `key`."""
        names: dict[str, Any] = {f"torch.{one}": None for one in _DTYPES}
        names["collections.OrderedDict"] = _new_dict
        names["torch.Size"] = tuple
        names["torch.device"] = lambda kind, *_: kind
        names["torch._utils._rebuild_tensor_v2"] = self._tensor
        names["torch._utils._rebuild_parameter"] = lambda data, *_: data
        data = self.archive.read(self.folder + "data.pkl")
        try:
            value = parse_pickle(data, names, self._storage)
        except ValueError as error:
            told = f"data.pkl: {error}; what load_pth reads are tensors and plain values, a state_dict()"
            raise bad_file(self.path, told) from None
        keys = (key,) if isinstance(key, str) else () if key is None else key
        if not isinstance(keys, Sequence) or not all(isinstance(one, str) for one in keys):
            raise bad_type("load_pth", "key", repr(key), "a string or several")
        for one in keys:
            if not isinstance(value, dict) or one not in value:
                raise bad_file(self.path, f"no entry {one!r}{_listed(value)}")
            value = value[one]
        if not isinstance(value, dict) or not all(
            isinstance(name, str) and isinstance(one, _Tensor) for name, one in value.items()
        ):
            where = "" if key is None else f" at {key!r}"
            raise bad_file(self.path, f"no state dict{where}, names to tensors alone: give its key{_listed(value)}")
        return {name: self._array(name, tensor) for name, tensor in value.items()}

    def _storage(self, identity: Any) -> _Storage:
        match identity:
            case ("storage", Name(text, _), str(name), str(_), int(count)) if count >= 0:
                return _Storage(text.removeprefix("torch."), name, count)
        raise ValueError("a persistent id that names no storage")

    def _tensor(self, storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> _Tensor:
        numbers = (offset, *shape, *strides)
        if type(storage) is not _Storage or any(type(one) is not int or one < 0 for one in numbers):
            raise ValueError("a tensor whose storage or sizes are none")
        if len(shape) != len(strides) or len(shape) > 32:
            raise ValueError(f"a tensor of {len(shape)} sizes and {len(strides)} strides")
        if math.prod(one or 1 for one in shape) >= 1 << 58:  # NumPy refuses such shapes even where a size is 0
            raise ValueError(f"a tensor of shape {tuple(shape)!s:.200}")
        size = math.prod(shape)
        last = offset + sum((one - 1) * stride for one, stride in zip(shape, strides, strict=True))
        if size > storage.length or (size and last >= storage.length):
            raise ValueError(
                f"a tensor of shape {tuple(shape)!s:.200}, strides {tuple(strides)!s:.200} and offset {offset} "
                f"in a storage of {storage.length}"
            )
        return _Tensor(storage, offset, tuple(shape), tuple(strides))

    def _array(self, name: str, tensor: _Tensor) -> NDArray[Any]:
        values = self._read(name, tensor.storage)
        if 0 in tensor.shape:
            return np.empty(tensor.shape, values.dtype)
        steps = [stride * values.itemsize for stride in tensor.strides]
        return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, steps)

    def _read(self, name: str, storage: _Storage) -> NDArray[Any]:
        """The numbers of a storage, read once."""
        if storage.key in self.arrays:
            before, values = self.arrays[storage.key]
            if before != storage:
                raise bad_file(self.path, f"{name!r:.200}: storage {storage.key!r} is {before} elsewhere")
            return values
        entry = self.entries.get(f"{self.folder}data/{storage.key}")
        dtype = np.dtype(_DTYPES[storage.kind]).newbyteorder(self.order)
        if entry is None or entry.file_size != storage.length * dtype.itemsize:
            held = "no bytes" if entry is None else f"{entry.file_size} bytes"
            raise bad_file(
                self.path,
                f"{name!r:.200}: storage {storage.key!r:.50} has {held}, {storage.length} x {dtype.itemsize} expected",
            )
        data = np.empty(entry.file_size, np.uint8)
        with self.archive.open(entry) as member:
            if member.readinto(data.data) != entry.file_size:  # type: ignore[attr-defined]  # at the end, the checksum is compared
                raise bad_file(self.path, f"{name!r:.200}: storage {storage.key!r:.50} is truncated")
        values = data.view(dtype)
        values = values.astype(dtype.newbyteorder("="), copy=False)
        if storage.kind == "BFloat16Storage":
            values = (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
        elif storage.kind == "HalfStorage":
            values = values.astype(np.float32)
        elif storage.kind == "BoolStorage":
            values = values != 0
        self.arrays[storage.key] = storage, values
        return values


def _new_dict() -> dict[Any, Any]:
    return {}  # dict itself would hash what a file gives it


def _listed(value: Any) -> str:
    if not isinstance(value, dict):
        return f"; it is of type {type(value).__name__}"
    inner = [str(name) for name, one in value.items() if isinstance(one, dict)]
    return f"; dicts are at {', '.join(inner[:20]) or 'none'}"
