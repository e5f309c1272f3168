"""Who computes: the reference backend, the native one, torch where installed, each on so many threads."""

from __future__ import annotations

import ctypes
import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tatamikomi as tk

ENGINES = ("reference", "native", "torch")
THREADS = (1, 2)


def has_torch() -> bool:
    return importlib.util.find_spec("torch") is not None


def installed() -> list[str]:
    """Those that a comparison takes when none are named; the ones that only infer are asked for by name."""
    return ["native", *(("torch", "torch-channels-last") if has_torch() else ()), "numpy"]


@contextmanager
def using(engine: str, threads: int) -> Iterator[None]:
    """Everything that may compute on `threads` threads, tatamikomi on the engine's backend.

    Raises:
        LookupError: NumPy's BLAS offers no way to set its threads, so that the reference cannot be held to them.
    """
    if engine == "torch":
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            yield
        finally:
            torch.set_num_threads(before)
        return
    if engine == "reference":
        set_blas_threads(threads)
    with tk.threads(threads), tk.backend(engine):
        yield


def set_blas_threads(threads: int) -> None:
    """Ask the OpenBLAS that NumPy loaded, under whichever prefix and suffix its build gave the function."""
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))
    maps = Path("/proc/self/maps").read_text(encoding="utf-8")
    for path in sorted(set(re.findall(r"(/\S*openblas\S*\.so\S*)", maps))):
        library = ctypes.CDLL(path)
        for name in (f"{a}openblas_set_num_threads{b}" for a in ("scipy_", "") for b in ("64_", "")):
            setter: Any = getattr(library, name, None)
            if setter is not None:
                setter(ctypes.c_int(threads))
                return
    raise LookupError("NumPy's BLAS is no OpenBLAS: its threads cannot be set from here")
