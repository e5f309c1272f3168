"""Convolution, forward and both gradients. FLOPs are two per useful multiply-add; padding's are counted as useful."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import tatamikomi as tk
from benchmarks.checks import close
from benchmarks.layers import layers


def _options(layer: dict[str, Any]) -> dict[str, Any]:
    return {"stride": layer.get("stride", 1), "padding": layer["padding"], "groups": layer.get("groups", 1)}


def _sizes(layer: dict[str, Any]) -> tuple[tuple[int, ...], float, int]:
    """Shape of the output, FLOPs of one direction, multiply-adds behind an output."""
    x, w, o = layer["x"], layer["weight"], _options(layer)
    out = [(size + 2 * o["padding"] - k) // o["stride"] + 1 for size, k in zip(x[2:], w[2:], strict=True)]
    terms = math.prod(w[1:])
    return (x[0], w[0], *out), 2.0 * x[0] * w[0] * math.prod(out) * terms, terms


def _torch_backward(dy: Any, x: Any, w: Any, layer: dict[str, Any], wanted: list[bool]) -> Any:
    import torch

    o = _options(layer)
    pair = [o["stride"]] * 2, [o["padding"]] * 2, [1, 1], False, [0, 0], o["groups"]
    return torch.ops.aten.convolution_backward(dy, x, w, None, *pair, wanted)


@layers("conv")
def test_forward(layer: Any, engine: str, draw: Any, measure: Any) -> None:
    _, flops, terms = _sizes(layer)
    x, w = draw(*layer["x"]), draw(*layer["weight"])
    with tk.backend("reference"):
        want = tk.kernels.conv_forward(x.astype(float), w.astype(float), **_options(layer))
        scale = tk.kernels.conv_forward(abs(x), abs(w), **_options(layer))
    if engine == "torch":
        import torch

        tx, tw = torch.from_numpy(x), torch.from_numpy(w)
        run = lambda: torch.conv2d(tx, tw, **_options(layer))  # noqa: E731
    else:
        run = lambda: tk.kernels.conv_forward(x, w, **_options(layer))  # noqa: E731
    measure("conv_forward", run, flops=flops, check=lambda got: close(got, want, 2 * terms, scale))


@layers("conv")
def test_backward_input(layer: Any, engine: str, draw: Any, measure: Any) -> None:
    shape, flops, _ = _sizes(layer)
    dy, w, x_shape = draw(*shape), draw(*layer["weight"]), tuple(layer["x"])
    terms = math.prod(layer["weight"]) // layer["weight"][1]
    with tk.backend("reference"):
        want = tk.kernels.conv_backward_input(dy.astype(float), w.astype(float), x_shape, **_options(layer))
        scale = tk.kernels.conv_backward_input(abs(dy), abs(w), x_shape, **_options(layer))
    if engine == "torch":
        import torch

        tdy, tw, tx = torch.from_numpy(dy), torch.from_numpy(w), torch.empty(x_shape)
        run = lambda: _torch_backward(tdy, tx, tw, layer, [True, False, False])[0]  # noqa: E731
    else:
        run = lambda: tk.kernels.conv_backward_input(dy, w, x_shape, **_options(layer))  # noqa: E731
    measure("conv_backward_input", run, flops=flops, check=lambda got: close(got, want, 2 * terms, scale))


@layers("conv")
def test_backward_weight(layer: Any, engine: str, draw: Any, measure: Any) -> None:
    shape, flops, _ = _sizes(layer)
    dy, x, w_shape = draw(*shape), draw(*layer["x"]), tuple(layer["weight"])
    terms = shape[0] * math.prod(shape[2:])
    with tk.backend("reference"):
        want = tk.kernels.conv_backward_weight(dy.astype(float), x.astype(float), w_shape, **_options(layer))
        scale = tk.kernels.conv_backward_weight(abs(dy), abs(x), w_shape, **_options(layer))
    if engine == "torch":
        import torch

        tdy, tx, tw = torch.from_numpy(dy), torch.from_numpy(x), torch.empty(w_shape)
        run = lambda: _torch_backward(tdy, tx, tw, layer, [False, True, False])[1]  # noqa: E731
    else:
        run = lambda: tk.kernels.conv_backward_weight(dy, x, w_shape, **_options(layer))  # noqa: E731
    measure("conv_backward_weight", run, flops=flops, check=lambda got: close(got, want, 2 * terms, np.asarray(scale)))
