"""Threads, memory and the report of what runs here."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tatamikomi import _native
from tatamikomi._version import __version__
from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels.backend import get_backend


def _check_environment() -> None:
    text = os.environ.get("OMP_NUM_THREADS")
    if text and not all(part.strip().isdigit() and int(part) > 0 for part in text.split(",")):
        raise bad_value("tatamikomi", "OMP_NUM_THREADS", text, "a positive integer")


_check_environment()


def get_num_threads() -> int:
    """How many threads a native kernel may use: OMP_NUM_THREADS, else the processors of this process.

    >>> import tatamikomi as tk
    >>> with tk.threads(1):
    ...     tk.get_num_threads()
    1
    """
    return _native.max_threads()


def set_num_threads(count: int) -> None:
    """Let native kernels use `count` threads, in the whole process. Results do not depend on it, bit for bit.

    Raises:
        TypeError, ValueError: count is not a positive integer.
    """
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
        raise bad_type("set_num_threads", "count", count, "a positive integer")
    if not 1 <= count <= 4096:
        raise bad_value("set_num_threads", "count", count, "1 to 4096")
    _native.set_max_threads(int(count))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Use `count` threads inside a with block (the setting is the whole process's)."""
    before = get_num_threads()
    set_num_threads(count)
    try:
        yield
    finally:
        set_num_threads(before)


def memory_stats() -> dict[str, int]:
    """The buffer pool: bytes in use and cached, the peak in use, blocks reused (hits) and fresh (misses).

    >>> import tatamikomi as tk
    >>> sorted(tk.memory_stats())
    ['cached_bytes', 'hits', 'in_use_bytes', 'misses', 'peak_bytes']
    """
    return dict(_native.memory_stats())


def empty_cache() -> None:
    """Give the buffer pool's cached blocks back to the system."""
    _native.empty_cache()


def config() -> dict[str, object]:
    """What show_config prints, as a dictionary."""
    active = _native.active_isa()
    others = {
        isa: "available" if supported else f"this processor lacks {level}"
        for isa, level, supported in _native.isas()
        if isa != active
    }
    forced = os.environ.get("TATAMIKOMI_ISA")
    return {
        "tatamikomi": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "platform": f"{sys.platform} {platform.machine()}",
        "compiler": _native.compiler,
        "openmp": _native.openmp,
        "backend": get_backend(),
        "isa": active,
        "isa_choice": f"TATAMIKOMI_ISA={forced}" if forced else "the best that this processor runs",
        "isa_others": others,
        "threads": get_num_threads(),
        "cuda": "not built",
    }


def show_config() -> None:
    """Print version, compiler, instruction set in use (and why not the others), threads and backends.

    >>> import tatamikomi as tk
    >>> tk.show_config()  # doctest: +ELLIPSIS
    tatamikomi    ...
    """
    for key, value in config().items():
        if isinstance(value, dict):
            value = "; ".join(f"{name}: {reason}" for name, reason in value.items()) or "none"
        print(f"{key:<13} {value}")
