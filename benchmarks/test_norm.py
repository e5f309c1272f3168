"""Batch normalisation, bound by memory: the least is one reading and one writing, and dy once more going back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.checks import close
from benchmarks.layers import layers


@layers("norm")
def test_forward(layer: Any, engine: str, draw: Any, measure: Any) -> None:
    x = draw(*layer["x"])
    weight, bias = draw(x.shape[1]), draw(x.shape[1])
    with tk.backend("reference"):
        want = tk.kernels.batch_norm_forward(x.astype(float), weight.astype(float), bias.astype(float))[0]
    if engine == "torch":
        import torch

        tx, tw, tb = map(torch.from_numpy, (x, weight, bias))
        run = lambda: torch.nn.functional.batch_norm(tx, None, None, tw, tb, training=True)  # noqa: E731
    else:
        run = lambda: tk.kernels.batch_norm_forward(x, weight, bias)[0]  # noqa: E731
    terms = x.size // x.shape[1]
    measure("batch_norm_forward", run, moved=2 * x.nbytes, check=lambda got: close(got, want, terms))


@layers("norm")
def test_backward(layer: Any, engine: str, draw: Any, measure: Any) -> None:
    x, dy = draw(*layer["x"]), draw(*layer["x"])
    weight = draw(x.shape[1])
    with tk.backend("reference"):
        _, mean, invstd = tk.kernels.batch_norm_forward(x, weight)
        exact = [one.astype(np.float64) for one in (dy, x, mean, invstd, weight)]
        want = tk.kernels.batch_norm_backward(*exact)[0]
    if engine == "torch":
        import torch

        tdy, tx, tw, tm, ti = map(torch.from_numpy, (dy, x, weight, mean, invstd))
        backward = torch.ops.aten.native_batch_norm_backward
        run = lambda: backward(tdy, tx, tw, None, None, tm, ti, True, 1e-5, [True] * 3)[0]  # noqa: E731
    else:
        run = lambda: tk.kernels.batch_norm_backward(dy, x, mean, invstd, weight)[0]  # noqa: E731
    terms = x.shape[0] * math.prod(x.shape[2:])
    measure("batch_norm_backward", run, moved=3 * x.nbytes, check=lambda got: close(got, want, terms))
