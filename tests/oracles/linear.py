"""The matrix product from its definition."""

from __future__ import annotations

import numpy as np

EXACT = np.longdouble


def matmul(a, b, transpose_a=False, transpose_b=False, bias=None, activation=None):
    """c[i, j] = bias[j] + sum over k of a[i, k] b[k, j]; with "relu" 0 where that is negative."""
    a = np.moveaxis(a, -1, -2) if transpose_a else a
    b = np.moveaxis(b, -1, -2) if transpose_b else b
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    m, terms, n = a.shape[-2], a.shape[-1], b.shape[-1]
    a, b = np.broadcast_to(a, (*batch, m, terms)), np.broadcast_to(b, (*batch, terms, n))
    c = np.zeros((*batch, m, n), EXACT)
    for k in range(terms):
        c += a[..., :, k, None].astype(EXACT) * b[..., k, None, :].astype(EXACT)
    if bias is not None:
        for j in range(n):
            c[..., j] += bias[j]
    return _activated(c, activation)


def _activated(y, activation):
    assert activation in (None, "relu")
    return y if activation is None else np.where(y > 0, y, 0)


def linear(x, weight, bias=None, activation=None):
    """y[..., j] = bias[j] + sum over i of x[..., i] weight[j, i]; with "relu" 0 where that is negative."""
    y = np.zeros((*x.shape[:-1], weight.shape[0]), EXACT)
    for i in range(weight.shape[1]):
        y += x[..., i, None].astype(EXACT) * weight[:, i].astype(EXACT)
    if bias is not None:
        y += bias
    return _activated(y, activation)
