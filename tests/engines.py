"""What computes in a test: the reference, and the native backend on each instruction set that runs here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tatamikomi as tk
from tatamikomi import _native

EVERY_NATIVE = [f"native-{isa}" for isa, _, supported in _native.isas() if supported]
# AVX512_BF16 runs AVX-512's kernels but for a few of bfloat16, which the OpSpecs have.
NATIVE = [name for name in EVERY_NATIVE if not name.endswith("_bf16")]
ENGINES = ["reference", *NATIVE]


@contextmanager
def engine(name: str) -> Iterator[None]:
    """Compute on it: "reference", "native" as it stands, or "native-" and an instruction set."""
    backend, _, isa = name.partition("-")
    before = _native.active_isa()
    if isa:
        assert _native.select_isa(isa)
        assert _native.active_isa() == isa
    try:
        with tk.backend(backend):
            yield
    finally:
        assert _native.select_isa(before)


class Guarded:
    """An output filled with NaN (or a strange integer) between guard zones."""

    ZONE = 64

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        kind = np.dtype(dtype).kind
        self.fill = np.nan if kind == "f" else -987654321
        size = int(np.prod(shape))
        self.memory = np.full(size + 2 * self.ZONE, self.fill, dtype)
        self.array: NDArray[Any] = self.memory[self.ZONE : self.ZONE + size].reshape(shape)

    def check(self) -> None:
        size = self.array.size
        for zone in (self.memory[: self.ZONE], self.memory[self.ZONE + size :]):
            np.testing.assert_array_equal(zone, np.full(self.ZONE, self.fill, zone.dtype))


def gamma(count: int, dtype: Any) -> float:
    """count roundings: gamma_K = K u / (1 - K u), u the unit roundoff."""
    u = float(np.finfo(dtype).eps) / 2
    return count * u / (1 - count * u)
