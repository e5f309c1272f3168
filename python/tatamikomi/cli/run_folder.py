"""The folder of a run: which files it holds, how a new one is named, how a stored model is read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from tatamikomi import io
from tatamikomi.cli import toml_files
from tatamikomi.cli.configuration import Configuration, from_dict
from tatamikomi.cli.options import bad_option

MODEL = "model.safetensors"
HISTORY = "history.json"
CURVES = "curves.png"
LAST = "last.safetensors"
CONFIG = "config.toml"
_KEY = "configuration"


def make(out: str | None, configuration: Configuration) -> str:
    """Make the folder of a new run: `out`, or runs/MODEL-DATA-NUMBER with the first number that is free.

    Raises:
        ValueError: `out` holds a run already, or is no folder that can be written in.
        OSError: the numbered folder cannot be made.
    """
    if out is not None:
        taken = [name for name in (MODEL, HISTORY, LAST) if os.path.exists(os.path.join(out, name))]
        if taken:
            advice = f"give another folder, or --resume {out}"
            raise ValueError(f"--out: {out} holds a run already ({taken[0]}): {advice}")
        try:
            os.makedirs(out, exist_ok=True)
        except OSError as error:
            raise bad_option("--out", f"{out} ({error.strerror})", "a folder to write in") from None
        if not os.access(out, os.W_OK | os.X_OK):
            raise bad_option("--out", f"{out} (not writable)", "a folder to write in")
        return out
    data = os.path.basename(os.path.normpath(configuration.data))
    number = 1
    while True:
        folder = os.path.join("runs", f"{configuration.model}-{data}-{number}")
        try:
            os.makedirs(folder)
        except FileExistsError:
            number += 1
        else:
            return folder


def write_configuration(folder: str, configuration: Configuration) -> None:
    """Write config.toml, from which `tatamikomi train --config` starts the same run anew."""
    toml_files.write(os.path.join(folder, CONFIG), configuration.as_dict())


def write_model(folder: str, arrays: Mapping[str, np.ndarray[Any, Any]], configuration: Configuration) -> None:
    """Write model.safetensors, with the configuration in its metadata."""
    metadata = {"format": "pt", _KEY: json.dumps(configuration.as_dict())}
    io.save_file(arrays, os.path.join(folder, MODEL), metadata)


def read_model(folder: str) -> tuple[dict[str, np.ndarray[Any, Any]], Configuration]:
    """The arrays and the configuration of a finished run.

    Raises:
        ValueError: the run is not finished, or the file is damaged; the message names it.
        FileNotFoundError: there is no run.
    """
    path = os.path.join(folder, MODEL)
    if not os.path.exists(path):
        if os.path.exists(os.path.join(folder, LAST)):
            raise ValueError(f"{folder}: the run is not finished; continue with --resume {folder}")
        if folds := read_history(folder).get("folds"):
            raise ValueError(f"{folder}: a cross-validation of {len(folds)} folds keeps no model")
        raise FileNotFoundError(f"{folder}: no run there ({MODEL} is missing)")
    text = io.read_metadata(path).get(_KEY, "null")
    try:
        stored = json.loads(text)
    except ValueError:
        stored = None
    return io.load_file(path), from_dict(path, stored)


def read_history(folder: str) -> dict[str, Any]:
    """history.json; an empty dict when there is none."""
    path = os.path.join(folder, HISTORY)
    if not os.path.exists(path):
        return {}
    history = io.read_json(path)
    if not isinstance(history, dict):
        raise ValueError(f"{path}: expected an object, got {type(history).__name__}")
    return history
