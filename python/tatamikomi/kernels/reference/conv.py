"""Convolution as im2col and one matrix product: the form of the textbooks.

cols  = every window of x as a column           (n, groups, ic/groups * taps, positions)
y     = weight @ cols                           weight (groups, oc/groups, ic/groups * taps)
dcols = weight^T @ dy,  dx = col2im(dcols)
dweight = sum over n of dy @ cols^T
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tatamikomi.geometry import ConvShape
from tatamikomi.kernels.reference.windows import inside, padded_sizes, taps

Array = NDArray[Any]


def im2col(cols: Array, x: Array, s: ConvShape) -> None:
    """cols (n, ic * taps, positions) from x (n, ic, ...)."""
    padded = np.zeros((s.n, s.ic, *padded_sizes(s)), x.dtype)
    padded[(..., *inside(s))] = x.reshape(s.n, s.ic, s.id, s.ih, s.iw)
    windows = cols.reshape(s.n, s.ic, s.kd, s.kh, s.kw, s.od, s.oh, s.ow)
    for (a, b, c), block in taps(s):
        windows[:, :, a, b, c] = padded[(..., *block)]


def col2im(x: Array, cols: Array, s: ConvShape) -> None:
    """The adjoint of im2col: windows that overlap are added up."""
    padded = np.zeros((s.n, s.ic, *padded_sizes(s)), x.dtype)
    windows = cols.reshape(s.n, s.ic, s.kd, s.kh, s.kw, s.od, s.oh, s.ow)
    for (a, b, c), block in taps(s):
        padded[(..., *block)] += windows[:, :, a, b, c]
    x.reshape(s.n, s.ic, s.id, s.ih, s.iw)[...] = padded[(..., *inside(s))]


def _columns(x: Array, s: ConvShape) -> Array:
    """(n, groups, ic/groups * taps, positions)"""
    taps, positions = s.kd * s.kh * s.kw, s.od * s.oh * s.ow
    cols = np.empty((s.n, s.ic * taps, positions), x.dtype)
    im2col(cols, x, s)
    return cols.reshape(s.n, s.groups, s.ic // s.groups * taps, positions)


def _grouped(y: Array, s: ConvShape) -> Array:
    """(n, groups, oc/groups, positions)"""
    return y.reshape(s.n, s.groups, s.oc // s.groups, s.od * s.oh * s.ow)


def _by_group(weight: Array, s: ConvShape) -> Array:
    """(groups, oc/groups, ic/groups * taps)"""
    return weight.reshape(s.groups, s.oc // s.groups, -1)


def conv_forward(y: Array, x: Array, weight: Array, bias: Array | None, s: ConvShape) -> None:
    """y (n, oc, ...) = weight @ im2col(x) + bias."""
    grouped = _grouped(y, s)
    np.matmul(_by_group(weight, s), _columns(x, s), out=grouped)
    if bias is not None:
        grouped += bias.reshape(s.groups, -1, 1)


def conv_backward_input(dx: Array, dy: Array, weight: Array, s: ConvShape) -> None:
    """dx = col2im(weight^T @ dy)."""
    dcols = np.matmul(_by_group(weight, s).swapaxes(1, 2), _grouped(dy, s))
    col2im(dx, dcols, s)


def conv_backward_weight(dweight: Array, dy: Array, x: Array, s: ConvShape) -> None:
    """dweight = sum over the images of dy @ im2col(x)^T."""
    products = np.matmul(_grouped(dy, s), _columns(x, s).swapaxes(2, 3))
    dweight[...] = products.sum(axis=0).reshape(dweight.shape)


def conv_backward_bias(dbias: Array, dy: Array, s: ConvShape) -> None:
    """dbias = dy summed over images and positions."""
    np.sum(dy.reshape(s.n, s.oc, s.od * s.oh * s.ow), axis=(0, 2), out=dbias)
