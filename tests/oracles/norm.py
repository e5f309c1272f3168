"""Batch normalisation by plain loops over channels; the gradient goes step by step through the chain rule."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Statistics(NamedTuple):
    """Per channel, float64."""

    mean: Array
    var: Array  # biased
    size: Array  # the mean of |x|


def channels(x: Array) -> Array:
    """(c, m), float64: the elements of every channel."""
    rows = x.shape[1]
    return np.moveaxis(x.astype(np.float64), 1, 0).reshape(rows, x.size // rows if rows else 0)


def statistics(x: Array) -> Statistics:
    mean, var, size = [], [], []
    for row in channels(x):
        mean.append(math.fsum(row) / len(row))
        var.append(math.fsum((v - mean[-1]) ** 2 for v in row) / len(row))
        size.append(math.fsum(map(abs, row)) / len(row))
    return Statistics(np.array(mean), np.array(var), np.array(size))


def normalise(x: Array, mean: Array, var: Array, weight: Array | None, bias: Array | None, eps: float) -> Array:
    y = np.empty(x.shape)
    for c in range(x.shape[1]):
        w = 1.0 if weight is None else float(weight[c])
        b = 0.0 if bias is None else float(bias[c])
        y[:, c] = (x[:, c].astype(np.float64) - float(mean[c])) / math.sqrt(float(var[c]) + eps) * w + b
    return y


def backward(dy: Array, x: Array, weight: Array | None, eps: float) -> tuple[Array, Array, Array]:
    """dx, dweight, dbias (float64): from y back over the normalised value, the variance and the mean."""
    s = statistics(x)
    dx, dweight, dbias = np.empty(x.shape), np.empty(x.shape[1]), np.empty(x.shape[1])
    for c in range(x.shape[1]):
        centred = x[:, c].astype(np.float64) - s.mean[c]
        g, m = dy[:, c].astype(np.float64), centred.size
        invstd = 1 / math.sqrt(s.var[c] + eps)
        dbias[c] = math.fsum(g.ravel())
        dweight[c] = math.fsum((g * centred * invstd).ravel())
        dnormal = g * (1.0 if weight is None else float(weight[c]))
        dvar = math.fsum((dnormal * centred).ravel()) * -0.5 * invstd**3
        dmean = -invstd * math.fsum(dnormal.ravel()) - 2 * dvar * math.fsum(centred.ravel()) / m
        dx[:, c] = dnormal * invstd + dvar * 2 * centred / m + dmean / m
    return dx, dweight, dbias
