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
from benchmarks.cases import Case

ENGINES = ("reference", "native", "torch")  # under pytest-benchmark
# In a comparison, with what they want installed. Those from onnxruntime on only infer and are asked for by name.
COMPARED: dict[str, tuple[str, ...]] = {
    "native": (),
    "torch": ("torch",),
    "torch-channels-last": ("torch",),
    "numpy": (),
    "reference": (),
    "onnxruntime": ("onnxruntime", "onnx"),
    "openvino": ("openvino",),
    "ncnn": ("ncnn",),
    "MNN": ("MNN",),
}
THREADS = (1, 2)
PEERS = ("onnxruntime", "openvino", "ncnn", "MNN")


def has(engine: str) -> bool:
    """Whether what an engine of COMPARED wants is installed."""
    return all(importlib.util.find_spec(package) is not None for package in COMPARED[engine])


def takes_part(engine: str, case: Case) -> bool:
    """Whether a case may be for this engine: spares a process work that leads to nothing."""
    if engine in PEERS:
        return case.family == "inference" or (case.family == "conv" and case.direction == "forward")
    return case.family == "linear" if engine == "numpy" else True


def has_torch() -> bool:
    return has("torch")


def installed() -> list[str]:
    """Those that a comparison takes when none are named."""
    return [engine for engine in ("native", "torch", "torch-channels-last", "numpy") if has(engine)]


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
