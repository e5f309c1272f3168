"""Batch normalisation. Statistics in float64, elementwise steps in the dtype of x, as in cpp/kernels/batch_norm.cpp."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import NormShape

Array = NDArray[Any]


def _column(values: Array) -> Array:
    """Per-channel values beside [n][c][s]."""
    return values[:, None]


def _scale(invstd: Array, weight: Array | None) -> Array:
    return _column(invstd if weight is None else invstd * weight)


def _affine(x: Array, mean: Array, invstd: Array, weight: Array | None, bias: Array | None) -> Array:
    """(x - mean) * invstd * weight + bias; forward and backward agree on its sign."""
    y: Array = (x - _column(mean)) * _scale(invstd, weight)
    return y if bias is None else y + _column(bias)


def _invstd(var: Array, eps: float, dtype: Any) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse: Array = (1 / np.sqrt(var.astype(np.float64) + eps)).astype(dtype)
    return inverse


def batch_norm_forward(
    y: Array,
    mean: Array,
    invstd: Array,
    running_mean: Array | None,
    running_var: Array | None,
    x: Array,
    weight: Array | None,
    bias: Array | None,
    s: NormShape,
    momentum: float,
    eps: float,
    relu: bool,
) -> None:
    """y = (x - mean) * invstd * weight + bias with this batch's statistics, with relu max(y, 0).

    The running statistics follow them.
    """
    blocks, m = x.reshape(s), s.n * s.s
    average = blocks.sum(axis=(0, 2), dtype=np.float64) / max(m, 1)
    moment = np.square(blocks - _column(average)).sum(axis=(0, 2))
    mean[...] = average
    invstd[...] = _invstd(moment / max(m, 1), eps, x.dtype)
    if running_mean is not None and m:
        running_mean[...] = (1 - momentum) * running_mean.astype(np.float64) + momentum * average
    if running_var is not None and m:
        running_var[...] = (1 - momentum) * running_var.astype(np.float64) + momentum * moment / (m - 1)
    result = _affine(blocks, mean, invstd, weight, bias)
    y.reshape(s)[...] = np.maximum(result, 0) if relu else result


def batch_norm_inference(
    y: Array,
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None,
    bias: Array | None,
    s: NormShape,
    eps: float,
    relu: bool,
) -> None:
    """y = (x - mean) / sqrt(var + eps) * weight + bias, with relu max(y, 0)."""
    result = _affine(x.reshape(s), mean, _invstd(var, eps, x.dtype), weight, bias)
    y.reshape(s)[...] = np.maximum(result, 0) if relu else result


def batch_norm_backward(
    dx: Array,
    dweight: Array,
    dbias: Array,
    dy: Array,
    x: Array,
    mean: Array,
    invstd: Array,
    weight: Array | None,
    bias: Array | None,
    s: NormShape,
    relu: bool,
) -> None:
    """dx = weight * invstd * (dy - dbias / m - (x - mean) * invstd * dweight / m); with relu dy counts where y > 0."""
    gradient, m = dy.reshape(s), max(s.n * s.s, 1)
    if relu:
        gradient = np.where(_affine(x.reshape(s), mean, invstd, weight, bias) > 0, gradient, 0)
    centred = x.reshape(s) - _column(mean)
    total = gradient.sum(axis=(0, 2), dtype=np.float64)
    product = (gradient * centred.astype(np.float64)).sum(axis=(0, 2)) * invstd
    dbias[...], dweight[...] = total, product
    offset, slope = (total / m).astype(x.dtype), (product * invstd / m).astype(x.dtype)
    dx.reshape(s)[...] = _scale(invstd, weight) * (gradient - _column(offset) - centred * _column(slope))
