"""Max- and average-pooling, bound by memory."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.checks import as_array, close
from benchmarks.layers import layers


def _window(layer: dict[str, Any]) -> tuple[int, int, int]:
    return layer["kernel_size"], layer["stride"], layer["padding"]


def _equal(want: np.ndarray) -> Any:
    return lambda got: np.testing.assert_array_equal(as_array(got), want)


@layers("pool")
def test_max_forward(layer: Any, engine: str, draw: Any, measure: Any) -> None:
    x = draw(*layer["x"])
    with tk.backend("reference"):
        want, _ = tk.kernels.max_pool_forward(x, *_window(layer))
    if engine == "torch":
        import torch

        tx = torch.from_numpy(x)
        run = lambda: torch.nn.functional.max_pool2d(tx, *_window(layer), return_indices=True)[0]  # noqa: E731
    else:
        run = lambda: tk.kernels.max_pool_forward(x, *_window(layer))[0]  # noqa: E731
    measure("max_pool_forward", run, moved=x.nbytes + 3 * want.nbytes, check=_equal(want))  # int64 indices count twice


@layers("pool")
def test_max_backward(layer: Any, engine: str, draw: Any, measure: Any) -> None:
    x = draw(*layer["x"])
    with tk.backend("reference"):
        y, indices = tk.kernels.max_pool_forward(x, *_window(layer))
        dy = draw(*y.shape)
        want = tk.kernels.max_pool_backward(dy, indices, x.shape)
        scale = tk.kernels.max_pool_backward(abs(dy), indices, x.shape)
    if engine == "torch":
        import torch

        tx, tdy, ti = map(torch.from_numpy, (x, dy, indices))
        pairs = [[size, size] for size in _window(layer)]
        backward = torch.ops.aten.max_pool2d_with_indices_backward
        run = lambda: backward(tdy, tx, *pairs, [1, 1], False, ti)  # noqa: E731
    else:
        run = lambda: tk.kernels.max_pool_backward(dy, indices, x.shape)  # noqa: E731
    moved = x.nbytes + dy.nbytes + indices.nbytes
    terms = layer["kernel_size"] ** 2
    measure("max_pool_backward", run, moved=moved, check=lambda got: close(got, want, 2 * terms, scale))


@layers("pool")
def test_avg_forward(layer: Any, engine: str, draw: Any, measure: Any) -> None:
    x = draw(*layer["x"])
    with tk.backend("reference"):
        want = tk.kernels.avg_pool_forward(x, *_window(layer))
        scale = tk.kernels.avg_pool_forward(abs(x), *_window(layer))
    if engine == "torch":
        import torch

        tx = torch.from_numpy(x)
        run = lambda: torch.nn.functional.avg_pool2d(tx, *_window(layer))  # noqa: E731
    else:
        run = lambda: tk.kernels.avg_pool_forward(x, *_window(layer))  # noqa: E731
    terms = math.prod([layer["kernel_size"]] * 2) + 1
    moved = x.nbytes + want.nbytes
    measure("avg_pool_forward", run, moved=moved, check=lambda got: close(got, want, 2 * terms, scale))
