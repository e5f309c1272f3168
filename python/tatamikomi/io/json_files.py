"""JSON in files: written atomically, read strictly, with errors that name the file."""

from __future__ import annotations

import os
from typing import Any, NoReturn

import numpy as np

from tatamikomi.io.atomic import atomic_write
from tatamikomi.io.faults import bad_file


def write_json(path: str | os.PathLike[str], value: object) -> None:
    """Write a value as indented UTF-8 JSON, atomically; the order of keys is kept.

    NumPy scalars and arrays become numbers and lists, paths become strings. NaN and the infinities are
    written as `NaN` and `Infinity`, as Python's json does: `read_json` reads them back, stricter readers
    refuse them.

    Raises:
        TypeError: a value, or a key, that JSON has no word for; the file is as it was.

    >>> import os, tempfile
    >>> from tatamikomi.io import read_json, write_json
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "history.json")
    ...     write_json(path, {"loss": [0.5, 0.25]})
    ...     read_json(path)
    {'loss': [0.5, 0.25]}
    """
    import json

    text = json.dumps(value, indent=2, ensure_ascii=False, default=_plain)
    with atomic_write(path) as file:
        file.write(text.encode() + b"\n")


def read_json(path: str | os.PathLike[str]) -> Any:
    """Read one JSON value.

    Raises:
        ValueError: not UTF-8, not JSON, or a key that occurs twice in one object; the message names the file.
        OSError: the file cannot be opened.
    """
    with open(path, "rb") as file:
        return parse_json(file.read(), path)


def parse_json(data: bytes, path: str | os.PathLike[str], what: str = "", allow_nan: bool = True) -> Any:
    """Parse JSON bytes found in the file `path`; `what` says which part of it, for the message.

    Raises:
        ValueError: as in `read_json`; with allow_nan=False also for NaN and Infinity, unknown to JSON.
    """
    import json

    def refuse(word: str) -> NoReturn:
        raise ValueError(f"{word} is not JSON")

    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=_unique_keys,
            parse_constant=None if allow_nan else refuse,
        )
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        prefix = f"{what}: " if what else ""
        raise bad_file(path, f"{prefix}not JSON: {error}") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise ValueError(f"the key {key!r} occurs twice")
            seen.add(key)
    return result


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"write_json: value: expected what JSON can say, got {type(value).__name__}")
