"""Convolution from its definition: every (output position, tap, input position) that meet.

y[o] += w[r] x[i]    dx[i] += w[r]^T dy[o]    dw[r] += dy[o] x[i]^T    cols[r, o] = x[i]    x[i] += cols[r, o]

with i = o * stride + r * dilation - before wherever that lies inside the input.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

EXACT = np.longdouble


def along(size, kernel, stride, padding, dilation):
    """One axis: the number of output positions, and its (o, r, i)."""
    span = (kernel - 1) * dilation + 1
    if padding == "same":
        wanted = -(-size // stride)
        missing = max(0, (wanted - 1) * stride + span - size)
        before, after = missing // 2, missing - missing // 2
    else:
        before, after = (0, 0) if padding == "valid" else padding
    starts = list(range(-before, size + after - span + 1, stride))
    meetings = [
        (o, r, start + r * dilation)
        for o, start in enumerate(starts)
        for r in range(kernel)
        if 0 <= start + r * dilation < size
    ]
    return len(starts), meetings


def per_axis(value, axes):
    """An option as one entry per axis."""
    return (value,) * axes if isinstance(value, (int, str)) else tuple(value)


def pads(padding, axes):
    """Padding as "same", "valid" or a pair per axis."""
    return [(p, p) if isinstance(p, int) else p for p in per_axis(padding, axes)]


def meetings(sizes, kernel, stride, padding, dilation) -> tuple[tuple[int, ...], Iterator[tuple]]:
    """All axes: the output sizes, and (o, r, i) with a tuple of positions each."""
    axes = len(sizes)
    options = per_axis(stride, axes), pads(padding, axes), per_axis(dilation, axes)
    counts, lists = zip(*itertools.starmap(along, zip(sizes, kernel, *options, strict=True)), strict=True)
    return counts, (tuple(zip(*axis, strict=True)) for axis in itertools.product(*lists))


def _groups(groups, ic, oc):
    return [
        (slice(g * ic // groups, (g + 1) * ic // groups), slice(g * oc // groups, (g + 1) * oc // groups))
        for g in range(groups)
    ]


def forward(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, activation=None, algorithm=None):
    (n, ic, *sizes), (oc, _, *kernel) = x.shape, weight.shape
    out_sizes, meet = meetings(sizes, kernel, stride, padding, dilation)
    x, weight = x.astype(EXACT), weight.astype(EXACT)
    y = np.zeros((n, oc, *out_sizes), EXACT)
    for o, r, i in meet:
        for c, k in _groups(groups, ic, oc):
            y[(slice(None), k, *o)] += x[(slice(None), c, *i)] @ weight[(k, slice(None), *r)].T
    if bias is not None:
        for k in range(oc):
            y[:, k] += bias[k]
    return np.maximum(y, 0) if activation else y


def masked(dy, y):
    return dy if y is None else np.where(y > 0, dy, 0)


def backward_input(dy, weight, input_shape, stride=1, padding=0, dilation=1, groups=1, y=None, algorithm=None):
    (_, ic, *sizes), (oc, _, *kernel) = input_shape, weight.shape
    _, meet = meetings(sizes, kernel, stride, padding, dilation)
    dy, weight = masked(dy, y).astype(EXACT), weight.astype(EXACT)
    dx = np.zeros(input_shape, EXACT)
    for o, r, i in meet:
        for c, k in _groups(groups, ic, oc):
            dx[(slice(None), c, *i)] += dy[(slice(None), k, *o)] @ weight[(k, slice(None), *r)]
    return dx


def backward_weight(dy, x, weight_shape, stride=1, padding=0, dilation=1, groups=1, y=None, algorithm=None):
    (_, ic, *sizes), (oc, _, *kernel) = x.shape, weight_shape
    _, meet = meetings(sizes, kernel, stride, padding, dilation)
    dy, x = masked(dy, y).astype(EXACT), x.astype(EXACT)
    dweight = np.zeros(weight_shape, EXACT)
    for o, r, i in meet:
        for c, k in _groups(groups, ic, oc):
            dweight[(k, slice(None), *r)] += dy[(slice(None), k, *o)].T @ x[(slice(None), c, *i)]
    return dweight


def backward_bias(dy):
    dbias = np.zeros(dy.shape[1], EXACT)
    for n, k, *o in np.ndindex(*dy.shape):
        dbias[k] += dy[(n, k, *o)]
    return dbias


def im2col(x, kernel_size, dilation=1, padding=0, stride=1):
    n, ic, *sizes = x.shape
    kernel = per_axis(kernel_size, len(sizes))
    out_sizes, meet = meetings(sizes, kernel, stride, padding, dilation)
    cols = np.zeros((n, ic, *kernel, *out_sizes), EXACT)
    for o, r, i in meet:
        cols[(slice(None), slice(None), *r, *o)] = x[(slice(None), slice(None), *i)]
    return cols.reshape(n, ic * int(np.prod(kernel)), int(np.prod(out_sizes)))


def col2im(cols, input_shape, kernel_size, dilation=1, padding=0, stride=1):
    n, ic, *sizes = input_shape
    kernel = per_axis(kernel_size, len(sizes))
    out_sizes, meet = meetings(sizes, kernel, stride, padding, dilation)
    cols = cols.reshape(n, ic, *kernel, *out_sizes)
    x = np.zeros(input_shape, EXACT)
    for o, r, i in meet:
        x[(slice(None), slice(None), *i)] += cols[(slice(None), slice(None), *r, *o)]
    return x
