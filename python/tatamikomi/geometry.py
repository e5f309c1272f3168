"""Sizes of windows: one place computes padding and output sizes for convolution, pooling and im2col.

A window operation looks at an axis of `size` elements through `kernel` taps that lie `dilation` apart, moving by
`stride`, over the axis padded by `before` and `after`:

    span   = dilation * (kernel - 1) + 1
    output = floor((size + before + after - span) / stride) + 1

Fewer than three axes are leading axes of size 1. The NamedTuples are the shape structs of cpp/common/shapes.hpp,
field by field.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias, TypeGuard

import numpy as np

from tatamikomi.errors import bad_type, bad_value, unknown_name

#: An integer for every axis, or one per axis.
Size: TypeAlias = int | Sequence[int]
#: Size, "same", "valid", or ((before, after), ...) per axis.
Padding: TypeAlias = int | str | Sequence[int] | Sequence[Sequence[int]]

_INT64_LIMIT = 1 << 63
PADDING_MODES = ("constant", "edge", "reflect", "symmetric")  # of crops; kernels know them by their places here
_STEP_LIMIT = 1 << 31  # of strides and dilations: kernels multiply them with positions

REMEMBERED = 1024  # geometries: a layer asks for its own at every step


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

    def out_shape(self, x_shape: tuple[int, ...]) -> tuple[int, ...]:
        """The output's shape, of as many axes as x_shape."""
        return x_shape[:2] + self[9 - len(x_shape) : 7]  # of od oh ow, fields 4 to 6


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


class Window(NamedTuple):
    """The window of an operation, one entry per axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


def _integer(op: str, argument: str, value: object, expected: str) -> int:
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise bad_type(op, argument, value, expected)
    return int(value)


def _is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, (tuple, list)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def per_axis(
    op: str, argument: str, value: object, axes: int, minimum: int, limit: int | None = None
) -> tuple[int, ...]:
    """`value`, an integer or one per axis, as a tuple; every entry at least `minimum`, and below `limit`.

    >>> from tatamikomi.geometry import per_axis
    >>> per_axis("conv2d", "stride", 2, axes=2, minimum=1)
    (2, 2)
    """
    expected = f"an integer or {axes} integers, each >= {minimum}"
    entries = tuple(value) if _is_sequence(value) else (_integer(op, argument, value, expected),) * axes
    if len(entries) == 1:
        entries *= axes
    if len(entries) != axes:
        raise bad_value(op, argument, value, expected)
    sizes = tuple(_integer(op, argument, entry, expected) for entry in entries)
    if min(sizes) < minimum:
        raise bad_value(op, argument, value, expected)
    if limit is not None and max(sizes) >= limit:
        raise bad_value(op, argument, value, f"{expected} and < {limit}")
    return sizes


def as_shape(op: str, argument: str, value: object, minimum: int = 0) -> tuple[int, ...]:
    """`value`, a sequence of integers of any length, as a tuple; every entry at least `minimum`.

    >>> from tatamikomi.geometry import as_shape
    >>> as_shape("col2im", "input_shape", [1, 1, 3])
    (1, 1, 3)
    """
    if type(value) is tuple:
        for entry in value:
            if type(entry) is not int or entry < minimum:
                break
        else:
            return value
    expected = f"a shape, a sequence of integers >= {minimum}"
    if not _is_sequence(value):
        raise bad_type(op, argument, value, expected)
    sizes = tuple(_integer(op, argument, entry, expected) for entry in value)
    if min(sizes, default=minimum) < minimum:
        raise bad_value(op, argument, value, expected)
    return sizes


def _pads(
    op: str,
    padding: object,
    sizes: tuple[int, ...],
    spans: tuple[int, ...],
    stride: tuple[int, ...],
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    axes = len(sizes)
    if isinstance(padding, str):
        if padding == "valid":
            return (0,) * axes, (0,) * axes
        if padding == "same":
            # TensorFlow's rule, strides included: output = ceil(size / stride), the odd element goes after.
            totals = [
                max((math.ceil(size / step) - 1) * step + span - size, 0)
                for size, span, step in zip(sizes, spans, stride, strict=True)
            ]
            return tuple(t // 2 for t in totals), tuple(t - t // 2 for t in totals)
        raise unknown_name(op, "padding", padding, ["same", "valid"])
    if isinstance(padding, (tuple, list)) and padding and all(map(_is_sequence, padding)):
        if len(padding) != axes:
            raise bad_value(op, "padding", padding, f"{axes} pairs (before, after)")
        pairs = [per_axis(op, "padding", pair, 2, 0, _INT64_LIMIT) for pair in padding]
        return tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)
    both = per_axis(op, "padding", padding, axes, 0, _INT64_LIMIT)
    return both, both


def window(
    op: str,
    sizes: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: object,
    padding: object,
    dilation: object,
) -> Window:
    """Normalise the options of a window operation over axes of `sizes`.

    Raises:
        TypeError, ValueError: an option is of the wrong kind, count or range.
    """
    axes = len(sizes)
    strides = per_axis(op, "stride", stride, axes, 1, _STEP_LIMIT)
    dilations = per_axis(op, "dilation", dilation, axes, 1, _STEP_LIMIT)
    spans = tuple(d * (k - 1) + 1 for d, k in zip(dilations, kernel, strict=True))
    before, after = _pads(op, padding, sizes, spans, strides)
    return Window(kernel, strides, dilations, before, after)


def output_size(
    op: str,
    size: int,
    kernel: int,
    stride: int,
    dilation: int,
    before: int,
    after: int,
    *,
    ceil_mode: bool = False,
) -> int:
    """How many positions a window takes along one axis.

    With `ceil_mode` a last window may reach past the padded axis: the quotient is rounded up, but no window starts
    in the padding after the input.

    Raises:
        ValueError: the dilated kernel is larger than the padded axis; with `ceil_mode`, by a stride or more.

    >>> from tatamikomi.geometry import output_size
    >>> output_size("conv2d", 224, kernel=11, stride=4, dilation=1, before=2, after=2)
    55
    >>> output_size("max_pool2d", 4, kernel=3, stride=2, dilation=1, before=0, after=0, ceil_mode=True)
    2
    """
    span = dilation * (kernel - 1) + 1
    padded = size + before + after
    room = padded - span + (stride - 1 if ceil_mode else 0)
    if room < 0:
        raise bad_value(op, "kernel_size", span, f"a dilated kernel of at most the padded input's {padded}")
    positions = room // stride + 1
    if ceil_mode and positions > 1 and (positions - 1) * stride >= size + before:
        positions -= 1
    return positions


def lead(values: Sequence[int], fill: int) -> tuple[int, int, int]:
    """Three axes from one, two or three: the missing ones lead.

    >>> from tatamikomi.geometry import lead
    >>> lead((5, 7), 1)
    (1, 5, 7)
    """
    return (fill,) * (3 - len(values)) + tuple(values)  # type: ignore[return-value]


def count_elements(op: str, argument: str, shape: Sequence[int], itemsize: int = 8) -> int:
    """The product of `shape`.

    Raises:
        ValueError: that many elements pass 2**63 bytes, a dimension of 0 counted as 1, since NumPy takes no shape
            whose other dimensions do; the message tells the bytes asked for.
    """
    count = math.prod(shape)
    size = (count or math.prod(max(dimension, 1) for dimension in shape)) * itemsize
    if size >= _INT64_LIMIT:
        raise bad_value(op, argument, tuple(shape), f"fewer than 2**63 bytes, not {size} bytes")
    return count


def _plain(*options: object) -> bool:
    """Whether options are integers, strings, None and tuples of those, so that equal ones mean the same.

    1, 1.0 and True are equal keys of a cache, (1,) and (True,) too; lists and arrays are no keys at all.
    """
    for one in options:
        if type(one) is int or type(one) is str or one is None or (type(one) is tuple and _plain(*one)):
            continue
        return False
    return True


def conv_shape(
    op: str,
    x_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: object,
    padding: object,
    dilation: object,
    groups: object,
) -> ConvShape:
    """The geometry of a convolution of x (n, ic, *sizes) with weight (oc, ic / groups, *kernel).

    Raises:
        TypeError, ValueError: ranks, channels, groups or an option do not fit together.
    """
    integers = type(stride) is type(padding) is type(dilation) is type(groups) is int  # as mostly, and soon seen
    known = integers or _plain(stride, padding, dilation, groups)
    compute = _conv_shape if known else _conv_shape.__wrapped__
    return compute(op, x_shape, weight_shape, stride, padding, dilation, groups)


@lru_cache(REMEMBERED)
def _conv_shape(
    op: str,
    x_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: object,
    padding: object,
    dilation: object,
    groups: object,
) -> ConvShape:
    axes = len(x_shape) - 2
    if not 1 <= axes <= 3:
        raise bad_value(op, "x", x_shape, "a shape (n, channels, 1 to 3 axes)")
    if len(weight_shape) != axes + 2:
        raise bad_value(op, "weight", weight_shape, f"{axes + 2} dimensions as x {x_shape}")
    group_count = _integer(op, "groups", groups, "a positive integer")
    n, ic = x_shape[:2]
    oc, ic_per_group = weight_shape[:2]
    if group_count < 1 or ic % group_count or oc % group_count:
        raise bad_value(op, "groups", groups, f"a positive divisor of {ic} input and {oc} output channels")
    if min(ic, oc) < 1:
        raise bad_value(op, "weight", weight_shape, "at least one input and one output channel")
    if ic_per_group * group_count != ic:
        rule = f"(out_channels, {ic} input channels / {group_count} groups = {ic // group_count}, *kernel)"
        raise bad_value(op, "weight", weight_shape, rule)
    sizes, kernel = x_shape[2:], weight_shape[2:]
    if min(kernel) < 1:
        raise bad_value(op, "weight", weight_shape, "a kernel of positive sizes")
    w = window(op, sizes, kernel, stride, padding, dilation)
    out = [output_size(op, *axis) for axis in zip(sizes, kernel, *w[1:], strict=True)]
    count_elements(op, "output", (n, oc, *out))
    return ConvShape(
        *(n, ic, oc, group_count),
        *lead(sizes, 1),
        *lead(out, 1),
        *lead(kernel, 1),
        *lead(w.stride, 1),
        *lead(w.before, 0),
        *lead(w.dilation, 1),
    )


def pool_shape(
    op: str,
    x_shape: tuple[int, ...],
    kernel_size: object,
    stride: object,
    padding: object,
    dilation: object = 1,
    ceil_mode: object = False,
    count_include_pad: object = True,
    divisor_override: object = None,
) -> PoolShape:
    """The geometry of pooling x (n, c, *sizes); stride None is the kernel's size.

    Raises:
        TypeError, ValueError: ranks or options do not fit together, or a window sees nothing but padding.
    """
    if type(ceil_mode) is not bool or type(count_include_pad) is not bool:
        ceil_mode = _flag(op, "ceil_mode", ceil_mode)
        count_include_pad = _flag(op, "count_include_pad", count_include_pad)
    integers = type(kernel_size) is type(padding) is type(dilation) is int  # as mostly, and soon seen
    integers = integers and divisor_override is None and (stride is None or type(stride) is int)
    known = integers or _plain(kernel_size, stride, padding, dilation, divisor_override)
    compute = _pool_shape if known else _pool_shape.__wrapped__
    return compute(op, x_shape, kernel_size, stride, padding, dilation, ceil_mode, count_include_pad, divisor_override)


@lru_cache(REMEMBERED)
def _pool_shape(
    op: str,
    x_shape: tuple[int, ...],
    kernel_size: object,
    stride: object,
    padding: object,
    dilation: object,
    ceil: bool,
    include: bool,
    divisor_override: object,
) -> PoolShape:
    axes = len(x_shape) - 2
    if not 1 <= axes <= 3 or min(x_shape[2:]) < 1:
        raise bad_value(op, "x", x_shape, "a shape (n, channels, 1 to 3 axes of positive size)")
    divisor = 0
    if divisor_override is not None:
        expected = "an integer other than 0 between -2**63 and 2**63, or None"
        divisor = _integer(op, "divisor_override", divisor_override, expected)
        if divisor == 0 or abs(divisor) >= _INT64_LIMIT:
            raise bad_value(op, "divisor_override", divisor_override, expected)
    sizes = x_shape[2:]
    kernel = per_axis(op, "kernel_size", kernel_size, axes, 1)
    w = window(op, sizes, kernel, kernel if stride is None else stride, padding, dilation)
    out = [output_size(op, *axis, ceil_mode=ceil) for axis in zip(sizes, *w, strict=True)]
    for axis in zip(sizes, out, *w[:4], strict=True):
        if _blind_window(*axis):
            raise bad_value(op, "padding", padding, "every window to see at least one element of the input")
    count_elements(op, "output", (*x_shape[:2], *out))
    s = PoolShape(
        math.prod(x_shape[:2]),
        *lead(sizes, 1),
        *lead(out, 1),
        *lead(kernel, 1),
        *lead(w.stride, 1),
        *lead(w.before, 0),
        *lead(w.after, 0),
        *lead(w.dilation, 1),
        *(int(include), divisor),
    )
    # Kernels count from a window's corner in 32 bits.
    reach = ((s.kd - 1) * s.dil_d * s.ih + (s.kh - 1) * s.dil_h) * s.iw + (s.kw - 1) * s.dil_w
    if reach >= 1 << 31:
        raise bad_value(op, "kernel_size", kernel_size, "a window that spans fewer than 2**31 elements of the input")
    return s


def _flag(op: str, argument: str, value: object) -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise bad_type(op, argument, value, "True or False")
    return bool(value)


def _blind_window(size: int, positions: int, kernel: int, stride: int, dilation: int, before: int) -> bool:
    """Whether a window sees padding alone. Those that start inside see their first tap."""
    if (positions - 1) * stride - before >= size or before > dilation * (kernel - 1):
        return True
    starts = range(-before, min(0, (positions - 1) * stride - before + 1), stride)
    return dilation > size and any(start % dilation >= size for start in starts)


def adaptive_sizes(op: str, output_size: object, sizes: tuple[int, ...]) -> tuple[int, ...]:
    """The output sizes of adaptive pooling: an integer, or one per axis; None is the size of the input.

    >>> from tatamikomi.geometry import adaptive_sizes
    >>> adaptive_sizes("adaptive_avg_pool2d", (None, 7), (8, 30))
    (8, 7)
    """
    axes = len(sizes)
    expected = f"an integer or {axes} entries, each an integer >= 0 or None"
    entries = tuple(output_size) if _is_sequence(output_size) else (output_size,) * axes
    if len(entries) != axes:
        raise bad_value(op, "output_size", output_size, expected)
    wanted = tuple(
        size if entry is None else _integer(op, "output_size", entry, expected)
        for entry, size in zip(entries, sizes, strict=True)
    )
    if min(wanted) < 0:
        raise bad_value(op, "output_size", output_size, expected)
    return wanted


def adaptive_pool_shape(op: str, x_shape: tuple[int, ...], output_size: object) -> PoolShape:
    """The geometry of adaptive pooling of x (n, c, *sizes); all of the window is left to the kernels.

    Raises:
        TypeError, ValueError: another rank, an axis of size 0, or output sizes that are not one or one per axis.
    """
    axes = len(x_shape) - 2
    if not 1 <= axes <= 3 or min(x_shape[2:], default=0) < 1:
        raise bad_value(op, "x", x_shape, "a shape (n, channels, 1 to 3 axes of positive size)")
    sizes = x_shape[2:]
    out = adaptive_sizes(op, output_size, sizes)
    count_elements(op, "output", (*x_shape[:2], *out))
    if math.prod(sizes) >= 1 << 31:  # kernels count from a window's corner in 32 bits
        raise bad_value(op, "x", x_shape, "planes of fewer than 2**31 elements")
    ones, zeros = (1, 1, 1), (0, 0, 0)
    return PoolShape(
        math.prod(x_shape[:2]), *lead(sizes, 1), *lead(out, 1), *ones, *ones, *zeros, *zeros, *ones, *(0, 0)
    )
