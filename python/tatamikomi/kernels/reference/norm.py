"""Normalisation. Statistics in float64, elementwise steps in the dtype of x, as in cpp/kernels/*_norm.cpp."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import GroupNormShape, NormShape

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


def _per_channel(values: Array | None, s: GroupNormShape, otherwise: float) -> Array | float:
    """[groups][c] beside [n][groups][c][s]."""
    return otherwise if values is None else values.reshape(s.groups, s.c, 1)


def _per_row(values: Array, s: GroupNormShape) -> Array:
    """[n][groups] beside [n][groups][c][s]."""
    return values.reshape(s.n, s.groups, 1, 1)


def group_norm_forward(
    y: Array,
    mean: Array,
    invstd: Array,
    x: Array,
    weight: Array | None,
    bias: Array | None,
    s: GroupNormShape,
    eps: float,
    centred: bool,
) -> None:
    """y = (x - mean) * invstd * weight + bias, statistics of each group of each image; mean 0 where not centred."""
    blocks, m = x.reshape(s), max(s.c * s.s, 1)
    wide = blocks.astype(np.float64)
    average = wide.sum(axis=(2, 3)) / m * centred
    moment = np.square(wide - _per_row(average, s)).sum(axis=(2, 3)) / m
    mean.reshape(s.n, s.groups)[...] = average
    invstd.reshape(s.n, s.groups)[...] = _invstd(moment, eps, x.dtype)
    scale = _per_row(invstd, s) * _per_channel(weight, s, 1)
    y.reshape(s)[...] = (blocks - _per_row(mean, s)) * scale + _per_channel(bias, s, 0)


def group_norm_backward(
    dx: Array,
    dweight: Array,
    dbias: Array,
    dy: Array,
    x: Array,
    mean: Array,
    invstd: Array,
    weight: Array | None,
    s: GroupNormShape,
    centred: bool,
) -> None:
    """dx = invstd * (g - sum g / m - (x - mean) * invstd^2 * sum g * (x - mean) / m), g = weight * dy."""
    m = max(s.c * s.s, 1)
    gradient, deviation = dy.reshape(s), _per_row(invstd, s)
    centres = x.reshape(s) - _per_row(mean, s)
    wide = gradient.astype(np.float64)
    dbias.reshape(s.groups, s.c)[...] = wide.sum(axis=(0, 3))
    dweight.reshape(s.groups, s.c)[...] = (wide * centres * deviation).sum(axis=(0, 3))
    weighted = wide * _per_channel(weight, s, 1)
    total = weighted.sum(axis=(2, 3), keepdims=True) * centred * deviation
    product = (weighted * centres).sum(axis=(2, 3), keepdims=True) * deviation.astype(np.float64) ** 3
    offset, slope = (total / m).astype(x.dtype), (product / m).astype(x.dtype)
    dx.reshape(s)[...] = gradient * (deviation * _per_channel(weight, s, 1)) - offset - centres * slope


def _channel_windows(values: Array, back: int, ahead: int) -> Array:
    """[n][c][s] to the sums over the channels from - back to + ahead, those that exist."""
    total = np.zeros_like(values)
    channels = values.shape[1]
    for step in range(-back, ahead + 1):
        begin, end = max(-step, 0), min(channels - step, channels)
        if begin < end:
            total[:, begin:end] += values[:, begin + step : end + step]
    return total


def _base(x: Array, size: int, alpha: float, k: float) -> Array:
    squares = _channel_windows(np.square(x), size // 2, (size - 1) // 2)
    base: Array = x.dtype.type(k) + x.dtype.type(alpha / size) * squares
    return base


def local_response_norm_forward(
    y: Array, x: Array, s: NormShape, size: int, alpha: float, beta: float, k: float
) -> None:
    """y = x * (k + alpha * mean of x^2 over a window of channels)^-beta."""
    blocks = x.reshape(s)
    with np.errstate(divide="ignore", invalid="ignore"):
        y.reshape(s)[...] = blocks * _base(blocks, size, alpha, k) ** x.dtype.type(-beta)


def local_response_norm_backward(
    dx: Array, dy: Array, x: Array, s: NormShape, size: int, alpha: float, beta: float, k: float
) -> None:
    """dx = dy * base^-beta - 2 alpha beta / size * x * (sum of dy * x * base^(-beta - 1) over the windows)."""
    blocks = x.reshape(s)
    with np.errstate(divide="ignore", invalid="ignore"):
        base = _base(blocks, size, alpha, k)
        scaled = dy.reshape(s) * base ** x.dtype.type(-beta)
        sums = _channel_windows(scaled * blocks / base, (size - 1) // 2, size // 2)
    dx.reshape(s)[...] = scaled - x.dtype.type(2 * alpha * beta / size) * blocks * sums
