"""Formulas of activations on Rounded numbers: values, gradients and error bounds, written from the definitions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.oracles.rounding import Rounded, choose

Formula = Callable[..., Rounded]
SLOPE, CUBE = 2 * math.sqrt(2 / math.pi), 0.044715


def logistic(x: Rounded) -> Rounded:
    return 1 / (1 + (-x).exp())


def _constant(like: Rounded, value: float) -> Rounded:
    return Rounded(np.full(like.value.shape, value), abs(value) * like.u, like.dtype)


def _held(x: Rounded, low: float, high: float) -> Rounded:
    return choose(x.value < low, _constant(x, low), choose(x.value > high, _constant(x, high), x))


def celu(x: Rounded, a: float, b: float) -> Rounded:
    return choose(x.value > 0, x, (x / a).expm1() * a)


def celu_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    return choose(x.value > 0, dy, dy * (x / a).exp())


def elu(x: Rounded, a: float, b: float) -> Rounded:
    return choose(x.value > 0, x * a, x.expm1() * b)


def elu_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    return dy * choose(x.value > 0, _constant(x, a), x.exp() * b)


def _below(x: Rounded) -> Rounded:
    return (x * 1).normal()  # the argument of erfc is x times a constant, and rounded


def gelu(x: Rounded, a: float, b: float) -> Rounded:
    return x * _below(x)


def gelu_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    bell = (x * x / -2).exp() * (1 / math.sqrt(2 * math.pi))
    return dy * (_below(x) + x * bell)


def _inner(x: Rounded) -> Rounded:
    return (x + x * x * x * CUBE) * SLOPE


def gelu_tanh(x: Rounded, a: float, b: float) -> Rounded:
    return x * logistic(_inner(x))


def gelu_tanh_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    u, du = _inner(x), (x * x * (3 * CUBE) + 1) * SLOPE
    return dy * (logistic(u) * (x * logistic(-u) * du + 1))


def hardshrink(x: Rounded, a: float, b: float) -> Rounded:
    return choose((x.value >= -a) & (x.value <= a), _constant(x, 0), x)


def _outside(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    return choose((x.value < -a) | (x.value > a), dy, 0)


def hardsigmoid(x: Rounded, a: float, b: float) -> Rounded:
    return _held(x + 3, 0, 6) / 6


def hardsigmoid_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    return choose(np.abs(x.value) < 3, dy / 6, 0)


def hardswish(x: Rounded, a: float, b: float) -> Rounded:
    return x * hardsigmoid(x, a, b)


def hardswish_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    return choose(x.value <= -3, _constant(x, 0), choose(x.value < 3, dy * (x / 3 + 0.5), dy))


def hardtanh(x: Rounded, a: float, b: float) -> Rounded:
    return _held(x, a, b)


def hardtanh_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    return choose((x.value > a) & (x.value < b), dy, 0)


def leaky_relu(x: Rounded, a: float, b: float) -> Rounded:
    return choose(x.value > 0, x, x * a)


def leaky_relu_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    return choose(x.value > 0, dy, dy * a)


def _mish_t(x: Rounded) -> tuple[Rounded, Rounded]:
    """t = tanh(log(1 + w)), w = exp(x), and 1 - t"""
    w = x.exp()
    square = w * (w + 2)
    return square / (square + 2), 2 / (square + 2)


def mish(x: Rounded, a: float, b: float) -> Rounded:
    return x * _mish_t(x)[0]


def mish_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    t, rest = _mish_t(x)
    return dy * (t + x * (rest * (1 + t)) * logistic(x))


def silu(x: Rounded, a: float, b: float) -> Rounded:
    return x * logistic(x)


def silu_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    return dy * (logistic(x) * (x * logistic(-x) + 1))


def softplus(x: Rounded, a: float, b: float) -> Rounded:
    z = x * a
    smooth = choose(z.value > 0, z, 0) + (-z.abs()).exp().log1p()
    return choose(z.value > b, x, smooth / a)


def softplus_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    return choose(x.value * a > b, dy, dy * logistic(x * a))


def softshrink(x: Rounded, a: float, b: float) -> Rounded:
    return choose(x.value > a, x - a, choose(x.value < -a, x + a, 0))


def softsign(x: Rounded, a: float, b: float) -> Rounded:
    return x / (x.abs() + 1)


def softsign_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    root = x.abs() + 1
    return dy / (root * root)


def step(x: Rounded, a: float, b: float) -> Rounded:
    return choose(x.value > 0, _constant(x, 1), choose(x.value < 0, _constant(x, 0), a))


def _flat(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    return Rounded(np.zeros(x.value.shape), 0, x.dtype)


def tanhshrink(x: Rounded, a: float, b: float) -> Rounded:
    return x - x.tanh()


def tanhshrink_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    t = x.tanh()
    return dy * (t * t)


def threshold(x: Rounded, a: float, b: float) -> Rounded:
    return choose(x.value <= a, _constant(x, b), x)


def threshold_slope(dy: Rounded, x: Rounded, a: float, b: float) -> Rounded:
    return choose(x.value <= a, _constant(x, 0), dy)


# y(x, a, b) and dx(dy, x, a, b) by kind.
KINDS: dict[str, tuple[Formula, Formula]] = {
    "celu": (celu, celu_slope),
    "elu": (elu, elu_slope),
    "gelu": (gelu, gelu_slope),
    "gelu_tanh": (gelu_tanh, gelu_tanh_slope),
    "hardshrink": (hardshrink, _outside),
    "hardsigmoid": (hardsigmoid, hardsigmoid_slope),
    "hardswish": (hardswish, hardswish_slope),
    "hardtanh": (hardtanh, hardtanh_slope),
    "leaky_relu": (leaky_relu, leaky_relu_slope),
    "mish": (mish, mish_slope),
    "silu": (silu, silu_slope),
    "softplus": (softplus, softplus_slope),
    "softshrink": (softshrink, _outside),
    "softsign": (softsign, softsign_slope),
    "step": (step, _flat),
    "tanhshrink": (tanhshrink, tanhshrink_slope),
    "threshold": (threshold, threshold_slope),
}


def forward(x: Rounded, kind: str, a: float = 0.0, b: float = 0.0) -> Rounded:
    return KINDS[kind][0](x, a, b)


def backward(dy: Rounded, x: Rounded, kind: str, a: float = 0.0, b: float = 0.0) -> Rounded:
    return KINDS[kind][1](dy, x, a, b)


def per_channel(x: Rounded, weight: Any) -> Rounded:
    """The slope of every element of x (N, C, ...), or the one slope there is."""
    if weight.value.size == 1:
        return weight.reshape()
    return weight.reshape(*[-1 if axis == 1 else 1 for axis in range(x.value.ndim)])


def prelu(x: Rounded, weight: Rounded) -> Rounded:
    return choose(x.value > 0, x, x * per_channel(x, weight))


def prelu_backward(dy: Rounded, x: Rounded, weight: Rounded) -> tuple[Rounded, Rounded]:
    parts = choose(x.value > 0, _constant(x, 0), dy * x)
    axes = tuple(axis for axis in range(x.value.ndim) if axis != 1 or weight.value.size == 1)
    dweight = parts.sum(axes) if axes else parts
    return choose(x.value > 0, dy, dy * per_channel(x, weight)), dweight.reshape(*weight.value.shape)


def glu(x: Rounded, dim: int = -1) -> Rounded:
    values, gates = (
        Rounded(value, error, x.dtype)
        for value, error in zip(np.split(x.value, 2, dim), np.split(x.error, 2, dim), strict=True)
    )
    return values * logistic(gates)
