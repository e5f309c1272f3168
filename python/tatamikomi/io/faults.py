"""One voice for what is wrong with a file: the file, then the fault."""

from __future__ import annotations

import os


def bad_file(path: str | os.PathLike[str], fault: str) -> ValueError:
    """A file does not hold what its format asks for; the caller raises.

    >>> from tatamikomi.io.faults import bad_file
    >>> str(bad_file("model.safetensors", "truncated: 3 bytes, the header length alone takes 8"))
    'model.safetensors: truncated: 3 bytes, the header length alone takes 8'
    """
    return ValueError(f"{os.fspath(path)}: {fault}")
