"""One step of SGD with momentum and of Adam over all parameters. Bytes: what a step must read and write at least."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.checks import as_array, close
from benchmarks.layers import layers
from tatamikomi import nn, optim

LR = 0.01
STREAMS = {"SGD": 5, "Adam": 7}  # arrays read or written: w, g, v and w, v again; w, g, m, v and w, m, v


def _first_step(name: str, w: np.ndarray, g: np.ndarray) -> np.ndarray:
    """From no memory: SGD goes by g, Adam by g / |g|."""
    return w - LR * (g if name == "SGD" else g / (np.abs(g) + 1e-8))


@pytest.mark.parametrize("name", STREAMS)
@layers("optimizer")
def test_step(name: str, layer: Any, engine: str, draw: Any, measure: Any) -> None:
    weights, grads = [draw(size) for size in layer["params"]], [draw(size) for size in layer["params"]]
    options = {"momentum": 0.9} if name == "SGD" else {}
    if engine == "torch":
        import torch

        params: Any = [torch.nn.Parameter(torch.from_numpy(w.copy())) for w in weights]
        for param, g in zip(params, grads, strict=True):
            param.grad = torch.from_numpy(g)
        optimizer: Any = getattr(torch.optim, name)(params, lr=LR, fused=True, **options)
    else:
        params = [nn.Parameter(w) for w in weights]
        for param, g in zip(params, grads, strict=True):
            param.grad = g
        optimizer = getattr(optim, name)(params, lr=LR, **options)

    def check(_: Any) -> None:
        for param, w, g in zip(params, weights, grads, strict=True):
            want = _first_step(name, w.astype(float), g.astype(float))
            close(as_array(param.data), want, 32, np.abs(w) + np.float64(LR) * (1 + np.abs(g)))

    moved = STREAMS[name] * sum(w.nbytes for w in weights)
    measure(f"{name.lower()}_step", optimizer.step, moved=moved, check=check)
