"""Multiply-adds of a layer's call, by formula from the shapes; biases and padding are not looked at.

| layer | multiply-adds |
|---|---|
| convolution | outputs * in_channels / groups * kernel elements |
| transposed convolution | inputs * out_channels / groups * kernel elements |
| linear | outputs * in_features |
| bilinear | outputs * in1_features * in2_features |
| pooling | outputs * window elements: one addition or comparison each |
| batch norm, instance norm with running statistics | elements: one scale and shift each |
| other norms | 3 * elements: mean, variance, scale and shift |
| local response norm | elements * size of the neighbourhood |
| linear and cubic resizing | outputs * taps |
| recurrent | steps * gates * hidden * (inputs + hidden), and projections |
| activations, dropout, padding, reshaping, lookups | 0 |
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from tatamikomi import nn
from tatamikomi.geometry import per_axis
from tatamikomi.interpret.windows import (
    ADAPTIVE,
    AVG_POOLS,
    CONVS,
    GLOBAL,
    LP_POOLS,
    MAX_POOLS,
    NORMS,
    PADS,
    POINTWISE,
    TRANSPOSED,
)
from tatamikomi.nn import Module

Shape = tuple[int, ...]
_FREE = (
    *(*POINTWISE, *PADS, nn.Flatten, nn.Embedding, nn.PixelShuffle, nn.PixelUnshuffle, nn.GLU),
    *(nn.Softmax, nn.LogSoftmax, nn.Softmin, nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d),
)
_LAYERS = (nn.RNN, nn.GRU, nn.LSTM)
_CELLS = (nn.RNNCell, nn.GRUCell, nn.LSTMCell)


def macs_of(module: Module, inputs: Sequence[Shape], output: Shape) -> int | None:
    """Multiply-adds of one call; None for a kind of layer that has no formula here.

    Args:
        module: the layer.
        inputs: the shapes of its array arguments.
        output: the shape of its result, the first one of several.

    >>> import tatamikomi as tk
    >>> from tatamikomi.interpret.macs import macs_of
    >>> macs_of(tk.nn.Conv2d(3, 8, 3), [(1, 3, 6, 6)], (1, 8, 4, 4))
    3456
    """
    for kinds, rule in _RULES:
        if isinstance(module, kinds):
            return int(rule(module, inputs[0] if inputs else (), output))
    return None


def is_counted(module: Module) -> bool:
    """Whether there is a formula for this kind of layer."""
    return any(isinstance(module, kinds) for kinds, _ in _RULES)


def _conv(m: Any, x: Shape, y: Shape) -> Any:
    return math.prod(y) * (m.in_channels // m.groups) * math.prod(m.kernel_size)


def _transposed(m: Any, x: Shape, y: Shape) -> Any:
    return math.prod(x) * (m.out_channels // m.groups) * math.prod(m.kernel_size)


def _local(m: Any, x: Shape, y: Shape) -> Any:
    return math.prod(y) * m.in_channels * math.prod(m.kernel_size)


def _pool(m: Any, x: Shape, y: Shape) -> int:
    return math.prod(y) * math.prod(per_axis("pool", "kernel_size", m.kernel_size, m.axes, 1))


def _adaptive(m: Any, x: Shape, y: Shape) -> int:
    """Every window counted: neighbours share an element where sizes do not divide."""
    total = math.prod(y[: -m.axes])
    for size, count in zip(x[-m.axes :], y[-m.axes :], strict=True):
        total *= sum(-(-(i + 1) * size // count) - i * size // count for i in range(count))
    return total


def _norm(m: Any, x: Shape, y: Shape) -> int:
    own = not isinstance(m, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)) or m.training
    return math.prod(y) * (3 if own or m.running_mean is None else 1)


def _instance(m: Any, x: Shape, y: Shape) -> int:
    return math.prod(y) * (3 if m.training or m.running_mean is None else 1)


def _upsample(m: Any, x: Shape, y: Shape) -> int:
    taps = {"linear": 2, "bilinear": 4, "trilinear": 8, "bicubic": 16}.get(m.mode, 0)
    return math.prod(y) * taps


def _cell(m: Any, x: Shape, y: Shape) -> Any:
    rows, features = m.weight_ih.shape
    return math.prod(x[:-1]) * rows * (features + m.weight_hh.shape[1])


def _layers(m: Any, x: Shape, y: Shape) -> int:
    total = 0
    for layer in range(m.num_layers):
        for suffix in m._suffixes(layer):
            names = ("weight_ih", "weight_hh", *(("weight_hr",) if m.proj_size else ()))
            total += sum(math.prod(getattr(m, name + suffix).shape) for name in names)
    return math.prod(x[:-1]) * total


_RULES: list[tuple[tuple[type[Module], ...], Callable[[Any, Shape, Shape], Any]]] = [
    (CONVS, _conv),
    (TRANSPOSED, _transposed),
    ((nn.LocallyConnected2d,), _local),
    ((nn.Linear,), lambda m, x, y: math.prod(y) * m.in_features),
    ((nn.Bilinear,), lambda m, x, y: math.prod(y) * m.in1_features * m.in2_features),
    ((*MAX_POOLS, *AVG_POOLS, *LP_POOLS), _pool),
    (ADAPTIVE, _adaptive),
    (GLOBAL, lambda m, x, y: math.prod(x)),
    ((nn.LocalResponseNorm,), lambda m, x, y: math.prod(y) * m.size ** (len(y) - 2 if m.within_channel else 1)),
    ((nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d), _instance),
    (NORMS, _norm),
    ((nn.Upsample,), _upsample),
    (_LAYERS, _layers),
    (_CELLS, _cell),
    (_FREE, lambda m, x, y: 0),
]
