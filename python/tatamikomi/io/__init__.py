"""Dictionaries of arrays, and JSON, in files that are never half-written.

`save_file`, `load_file` and `read_metadata` speak the safetensors format, `load_pth` reads torch's; `atomic_write` is
what every writer here uses; `write_json` and `read_json` name the file when something is wrong with it.
"""

from __future__ import annotations

from tatamikomi.io.atomic import atomic_write
from tatamikomi.io.json_files import read_json, write_json
from tatamikomi.io.pth import load_pth
from tatamikomi.io.safetensors import load_file, read_metadata, save_file

__all__ = ["atomic_write", "load_file", "load_pth", "read_json", "read_metadata", "save_file", "write_json"]
