"""What computes in a test: the reference, and the native backend on each instruction set that runs here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

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
