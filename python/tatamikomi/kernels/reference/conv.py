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


def conv_algorithms(
    direction: str, dtype: np.dtype[Any], s: ConvShape, policy: int
) -> list[tuple[str, str | None, int, int, float, int]]:
    """The one algorithm: (name, None: it runs, bytes of its columns, elements of a pack, error to expect, taps)."""
    taps, positions = s.kd * s.kh * s.kw, s.od * s.oh * s.ow
    terms = {"forward": s.ic // s.groups * taps, "backward_input": s.oc // s.groups * taps}.get(
        direction, s.n * positions
    )
    error = float(np.finfo(dtype).eps) / 2 * (4 + 2 * terms**0.5)
    return [("im2col", None, s.n * s.ic * taps * positions * dtype.itemsize, weight_size(s), error, taps)]


def weight_size(s: ConvShape) -> int:
    """Elements of the weight."""
    return s.oc * (s.ic // s.groups) * s.kd * s.kh * s.kw


def _masked(dy: Array, y: Array | None) -> Array:
    """dy where ReLU's output y is positive, else 0."""
    return dy if y is None else np.where(y > 0, dy, dy.dtype.type(0))


def conv_pack_weight(packed: Array, weight: Array, s: ConvShape, policy: int) -> None:
    """packed = weight: im2col wants it as it is."""
    packed[...] = weight.ravel()


def conv_forward(
    y: Array,
    x: Array,
    weight: Array,
    bias: Array | None,
    packed: Array | None,
    s: ConvShape,
    relu: bool,
    policy: int,
) -> None:
    """y (n, oc, ...) = weight @ im2col(x) + bias, and max(y, 0) with `relu`."""
    grouped = _grouped(y, s)
    np.matmul(_by_group(weight if packed is None else packed, s), _columns(x, s), out=grouped)
    if bias is not None:
        grouped += bias.reshape(s.groups, -1, 1)
    if relu:
        grouped[grouped <= 0] = 0


def plain_conv_forward(*_: object) -> None:
    """None: every convolution goes by `conv_forward`."""


def conv_backward_input(dx: Array, dy: Array, y: Array | None, weight: Array, s: ConvShape, policy: int) -> None:
    """dx = col2im(weight^T @ dy)."""
    dcols = np.matmul(_by_group(weight, s).swapaxes(1, 2), _grouped(_masked(dy, y), s))
    col2im(dx, dcols, s)


def conv_backward_weight(
    dweight: Array, dbias: Array | None, dy: Array, y: Array | None, x: Array, s: ConvShape, policy: int
) -> None:
    """dweight = sum over the images of dy @ im2col(x)^T."""
    dy = _masked(dy, y)
    products = np.matmul(_grouped(dy, s), _columns(x, s).swapaxes(2, 3))
    dweight[...] = products.sum(axis=0).reshape(dweight.shape)
    if dbias is not None:
        conv_backward_bias(dbias, dy, None, s)


def conv_backward_bias(dbias: Array, dy: Array, y: Array | None, s: ConvShape) -> None:
    """dbias = dy summed over images and positions."""
    np.sum(_masked(dy, y).reshape(s.n, s.oc, s.od * s.oh * s.ow), axis=(0, 2), out=dbias)
