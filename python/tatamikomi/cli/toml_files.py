"""Configurations as TOML files: read by the standard library (tomli before Python 3.11), written key by key."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from tatamikomi.cli.options import bad_option
from tatamikomi.io import atomic_write


def _parser(option: str) -> Any:
    for name in ("tomllib", "tomli"):
        if find_spec(name):
            return import_module(name)
    raise ImportError(f'{option}: reading TOML needs Python 3.11 or tomli: pip install "tatamikomi[toml]"')


def read(path: str, known: Mapping[str, type]) -> dict[str, Any]:
    """The values of a flat TOML file; each key is an option, with - or _ between words.

    Args:
        path: the file.
        known: the options and their types; an integer is taken for a float.

    Raises:
        ValueError: no TOML, an unknown key, or a value of another type; the message names file and key.
        FileNotFoundError: there is no such file.
        ImportError: before Python 3.11, without tomli.
    """
    return checked(path, load(path, "--config"), known, "--config")


def load(path: str, option: str) -> dict[str, Any]:
    """All of a TOML file; `option` is who asks for it, as messages put it.

    Raises:
        As `read`, keys and types apart.
    """
    parser = _parser(option)
    try:
        with open(path, "rb") as file:
            values: dict[str, Any] = parser.load(file)
    except FileNotFoundError:
        raise FileNotFoundError(f"{option}: {path}: no such file") from None
    except (parser.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{option}: {path}: {error}") from None
    return values


def checked(path: str, values: Mapping[str, Any], known: Mapping[str, type], option: str) -> dict[str, Any]:
    """The values of the file `path`, their keys and types checked.

    Raises:
        ValueError: an unknown key, or a value of another type.
    """
    found: dict[str, Any] = {}
    for key, value in values.items():
        name = key.replace("-", "_")
        if name not in known:
            raise ValueError(f"{option}: {path}: expected keys among {', '.join(known)}, got {key}")
        kind = known[name]
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise bad_option(f"{option}: {path}: {key}", repr(value), f"a value of type {kind.__name__}")
        found[name] = value
    return found


def write(path: str | os.PathLike[str], values: Mapping[str, str | int | float | bool]) -> None:
    """Write a flat TOML file that `read` gives back as it was.

    A string is written as JSON writes it, which TOML reads alike.
    """
    lines = []
    for key, value in values.items():
        if isinstance(value, str):
            text = json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        else:
            text = str(value).lower() if isinstance(value, bool) else repr(value)
        lines.append(f"{key} = {text}\n")
    with atomic_write(path) as file:
        file.write("".join(lines).encode())
