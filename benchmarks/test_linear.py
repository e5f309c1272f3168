"""Matrix products."""

from __future__ import annotations

from typing import Any

import tatamikomi as tk
from benchmarks.checks import close
from benchmarks.layers import layers


@layers("matmul")
def test_matmul(layer: Any, engine: str, draw: Any, measure: Any) -> None:
    m, k, n = layer["m"], layer["k"], layer["n"]
    a, b = draw(m, k), draw(k, n)
    want, scale = a.astype(float) @ b.astype(float), abs(a).astype(float) @ abs(b).astype(float)
    if engine == "torch":
        import torch

        ta, tb = torch.from_numpy(a), torch.from_numpy(b)
        run = lambda: ta @ tb  # noqa: E731
    else:
        run = lambda: tk.kernels.matmul(a, b)  # noqa: E731
    measure("matmul", run, flops=2.0 * m * k * n, check=lambda got: close(got, want, k, scale))
