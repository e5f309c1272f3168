"""The shape structs of cpp/common/shapes.hpp as NamedTuples, field by field."""

from __future__ import annotations

from typing import NamedTuple


class ConvShape(NamedTuple):
    """A convolution of n images: ic -> oc channels, input id ih iw, output od oh ow, kernel kd kh kw."""

    n: int
    ic: int
    oc: int
    groups: int
    id: int
    ih: int
    iw: int
    od: int
    oh: int
    ow: int
    kd: int
    kh: int
    kw: int
    sd: int
    sh: int
    sw: int
    pd: int
    ph: int
    pw: int
    dil_d: int
    dil_h: int
    dil_w: int


class PoolShape(NamedTuple):
    """Pooling of `planes` = n * c planes; pd ph pw padding before, qd qh qw after; divisor 0: the window's size."""

    planes: int
    id: int
    ih: int
    iw: int
    od: int
    oh: int
    ow: int
    kd: int
    kh: int
    kw: int
    sd: int
    sh: int
    sw: int
    pd: int
    ph: int
    pw: int
    qd: int
    qh: int
    qw: int
    dil_d: int
    dil_h: int
    dil_w: int
    count_include_pad: int
    divisor: int


class NormShape(NamedTuple):
    """[n][c][s], statistics per channel over n and s."""

    n: int
    c: int
    s: int


class GroupNormShape(NamedTuple):
    """[n][groups][c][s], statistics per image and group over c and s."""

    n: int
    groups: int
    c: int
    s: int


class MatmulShape(NamedTuple):
    """c[b] = op(a[b]) @ op(b[b]); strides are elements between matrices of the batch, 0 where one is shared."""

    batch: int
    m: int
    n: int
    k: int
    transpose_a: int
    transpose_b: int
    a_stride: int
    b_stride: int


class SoftmaxShape(NamedTuple):
    """[outer][axis][inner]: rows run along the middle axis."""

    outer: int
    axis: int
    inner: int


class LossShape(NamedTuple):
    """Logits [n][classes][inner], labels [n][inner]."""

    n: int
    classes: int
    inner: int


class ResampleShape(NamedTuple):
    """`planes` = n * c planes, resampled from id ih iw to od oh ow."""

    planes: int
    id: int
    ih: int
    iw: int
    od: int
    oh: int
    ow: int


class SampleShape(NamedTuple):
    """x (n, c, size), y (n, c, points), each point a weighted sum of `taps` elements of a plane."""

    n: int
    c: int
    size: int
    taps: int
    points: int


class ImageShape(NamedTuple):
    """n images of c planes, from ih x iw to oh x ow."""

    n: int
    c: int
    ih: int
    iw: int
    oh: int
    ow: int
