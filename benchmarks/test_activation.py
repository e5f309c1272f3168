"""Activations, bound by memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tatamikomi as tk
from benchmarks.checks import close
from benchmarks.layers import layers

EXACT = {
    "relu": lambda x: np.maximum(x, 0),
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "tanh": np.tanh,
}
ROUNDINGS = 8  # of exp, a sum and a quotient, with room for an exp that is 4 units off


@pytest.mark.parametrize("name", EXACT)
@layers("activation")
def test_forward(name: str, layer: Any, engine: str, draw: Any, measure: Any) -> None:
    x = draw(*layer["x"])
    want = EXACT[name](x.astype(float))
    if engine == "torch":
        import torch

        tx, function = torch.from_numpy(x), getattr(torch, name)
        run = lambda: function(tx)  # noqa: E731
    else:
        run = lambda: getattr(tk.kernels, f"{name}_forward")(x)  # noqa: E731
    measure(f"{name}_forward", run, moved=2 * x.nbytes, check=lambda got: close(got, want, ROUNDINGS))


@layers("activation")
def test_relu_backward(layer: Any, engine: str, draw: Any, measure: Any) -> None:
    y, dy = np.maximum(draw(*layer["x"]), 0), draw(*layer["x"])
    want = np.where(y > 0, dy, 0)
    if engine == "torch":
        import torch

        ty, tdy = torch.from_numpy(y), torch.from_numpy(dy)
        run = lambda: torch.ops.aten.threshold_backward(tdy, ty, 0)  # noqa: E731
    else:
        run = lambda: tk.kernels.relu_backward(dy, y)  # noqa: E731
    measure("relu_backward", run, moved=3 * y.nbytes, check=lambda got: close(got, want, 0))
