"""Convolution from its definition: for each tap r, every output position o and input position i that meet there.

y[o] += w[r] x[i]    dx[i] += w[r]^T dy[o]    dw[r] += dy[o] x[i]^T    cols[r, o] = x[i]    x[i] += cols[r, o]

with i = o * stride + r * dilation - before wherever that lies inside the input.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

EXACT = np.longdouble


def along(size, kernel, stride, padding, dilation):
    """One axis: the number of output positions, and for each tap (o, r, i), the positions as slices."""
    span = (kernel - 1) * dilation + 1
    if padding == "same":
        wanted = -(-size // stride)
        missing = max(0, (wanted - 1) * stride + span - size)
        before, after = missing // 2, missing - missing // 2
    else:
        before, after = (0, 0) if padding == "valid" else padding
    starts = range(-before, size + after - span + 1, stride)
    meetings = []
    for r in range(kernel):
        inside = [o for o, start in enumerate(starts) if 0 <= start + r * dilation < size]
        if inside:
            first, last = inside[0], inside[-1]
            i = slice(starts[first] + r * dilation, starts[last] + r * dilation + 1, stride)
            meetings.append((slice(first, last + 1), r, i))
    return len(starts), meetings


def per_axis(value, axes):
    """An option as one entry per axis."""
    return (value,) * axes if isinstance(value, (int, str)) else tuple(value)


def pads(padding, axes):
    """Padding as "same", "valid" or a pair per axis."""
    return [(p, p) if isinstance(p, int) else p for p in per_axis(padding, axes)]


def meetings(sizes, kernel, stride, padding, dilation) -> tuple[tuple[int, ...], Iterator[tuple]]:
    """All axes: the output sizes, and for each tap (o, r, i), a tuple over the axes each."""
    axes = len(sizes)
    options = per_axis(stride, axes), pads(padding, axes), per_axis(dilation, axes)
    counts, lists = zip(*itertools.starmap(along, zip(sizes, kernel, *options, strict=True)), strict=True)
    return counts, (tuple(zip(*axis, strict=True)) for axis in itertools.product(*lists))


def split(array, axis, groups):
    """The channels on `axis` as two axes, (groups, channels of one), in the oracles' precision."""
    size = array.shape[axis]
    return array.astype(EXACT).reshape(*array.shape[:axis], groups, size // groups, *array.shape[axis + 1 :])


def forward(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1, activation=None, algorithm=None):
    (n, _, *sizes), (oc, _, *kernel) = x.shape, weight.shape
    out_sizes, meet = meetings(sizes, kernel, stride, padding, dilation)
    x, weight = split(x, 1, groups), split(weight, 0, groups)
    y = np.zeros((n, groups, oc // groups, *out_sizes), EXACT)
    for o, r, i in meet:
        y[(..., *o)] += np.einsum("ngc...,gkc->ngk...", x[(..., *i)], weight[(..., *r)])
    y = y.reshape(n, oc, *out_sizes)
    if bias is not None:
        for k in range(oc):
            y[:, k] += bias[k]
    return np.maximum(y, 0) if activation else y


def masked(dy, y):
    return dy if y is None else np.where(y > 0, dy, 0)


def backward_input(dy, weight, input_shape, stride=1, padding=0, dilation=1, groups=1, y=None, algorithm=None):
    (n, ic, *sizes), kernel = input_shape, weight.shape[2:]
    _, meet = meetings(sizes, kernel, stride, padding, dilation)
    dy, weight = split(masked(dy, y), 1, groups), split(weight, 0, groups)
    dx = np.zeros((n, groups, ic // groups, *sizes), EXACT)
    for o, r, i in meet:
        dx[(..., *i)] += np.einsum("ngk...,gkc->ngc...", dy[(..., *o)], weight[(..., *r)])
    return dx.reshape(input_shape)


def backward_weight(dy, x, weight_shape, stride=1, padding=0, dilation=1, groups=1, y=None, algorithm=None):
    (oc, ic, *kernel), sizes = weight_shape, x.shape[2:]
    _, meet = meetings(sizes, kernel, stride, padding, dilation)
    dy, x = split(masked(dy, y), 1, groups), split(x, 1, groups)
    dweight = np.zeros((groups, oc // groups, ic, *kernel), EXACT)
    positions = "xyz"[: len(sizes)]
    for o, r, i in meet:
        dweight[(..., *r)] = np.einsum(f"ngk{positions},ngc{positions}->gkc", dy[(..., *o)], x[(..., *i)])
    return dweight.reshape(weight_shape)


def backward_bias(dy):
    return dy.astype(EXACT).sum((0, *range(2, dy.ndim)))


def im2col(x, kernel_size, dilation=1, padding=0, stride=1):
    n, ic, *sizes = x.shape
    kernel = per_axis(kernel_size, len(sizes))
    out_sizes, meet = meetings(sizes, kernel, stride, padding, dilation)
    cols = np.zeros((n, ic, *kernel, *out_sizes), EXACT)
    for o, r, i in meet:
        cols[(slice(None), slice(None), *r, *o)] = x[(..., *i)]
    return cols.reshape(n, ic * int(np.prod(kernel)), int(np.prod(out_sizes)))


def col2im(cols, input_shape, kernel_size, dilation=1, padding=0, stride=1):
    n, ic, *sizes = input_shape
    kernel = per_axis(kernel_size, len(sizes))
    out_sizes, meet = meetings(sizes, kernel, stride, padding, dilation)
    cols = cols.reshape(n, ic, *kernel, *out_sizes)
    x = np.zeros(input_shape, EXACT)
    for o, r, i in meet:
        x[(..., *i)] += cols[(slice(None), slice(None), *r, *o)]
    return x
