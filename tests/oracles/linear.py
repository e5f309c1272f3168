"""The matrix product from its definition."""

from __future__ import annotations

import numpy as np

EXACT = np.longdouble


def matmul(a, b, transpose_a=False, transpose_b=False):
    """c[i, j] = sum over k of a[i, k] b[k, j]."""
    a = np.moveaxis(a, -1, -2) if transpose_a else a
    b = np.moveaxis(b, -1, -2) if transpose_b else b
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    m, terms, n = a.shape[-2], a.shape[-1], b.shape[-1]
    a, b = np.broadcast_to(a, (*batch, m, terms)), np.broadcast_to(b, (*batch, terms, n))
    c = np.zeros((*batch, m, n), EXACT)
    for k in range(terms):
        c += a[..., :, k, None].astype(EXACT) * b[..., k, None, :].astype(EXACT)
    return c


def linear(x, weight, bias=None):
    """y[..., j] = bias[j] + sum over i of x[..., i] weight[j, i]."""
    y = np.zeros((*x.shape[:-1], weight.shape[0]), EXACT)
    for j in range(weight.shape[0]):
        for i in range(weight.shape[1]):
            y[..., j] += x[..., i].astype(EXACT) * weight[j, i].astype(EXACT)
        if bias is not None:
            y[..., j] += bias[j]
    return y
