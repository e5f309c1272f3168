"""Windows along axes, and the geometry of convolution."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from tatamikomi.errors import bad_value, retell, unknown_name
from tatamikomi.geometry.arguments import INT64_LIMIT, REMEMBERED, count_elements, integer, is_sequence, per_axis, plain
from tatamikomi.geometry.shapes import ConvShape

_STEP_LIMIT = 1 << 31  # of strides and dilations: kernels multiply them with positions


class Window(NamedTuple):
    """The window of an operation, one entry per axis."""

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


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
    if isinstance(padding, (tuple, list)) and padding and all(map(is_sequence, padding)):
        if len(padding) != axes:
            raise bad_value(op, "padding", padding, f"{axes} pairs (before, after)")
        pairs = [per_axis(op, "padding", pair, 2, 0, INT64_LIMIT) for pair in padding]
        return tuple(p[0] for p in pairs), tuple(p[1] for p in pairs)
    both = per_axis(op, "padding", padding, axes, 0, INT64_LIMIT)
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


def conv_shape(
    op: str,
    x_shape: tuple[int, ...],
    weight_shape: tuple[int, ...],
    stride: object,
    padding: object,
    dilation: object,
    groups: object,
    names: Mapping[str, str] | None = None,
) -> ConvShape:
    """The geometry of a convolution of x (n, ic, *sizes) with weight (oc, ic / groups, *kernel).

    Raises:
        TypeError, ValueError: ranks, channels, groups or an option do not fit together; told of x, weight and
            kernel_size, or in the names that the caller has for them.
    """
    integers = type(stride) is type(padding) is type(dilation) is type(groups) is int  # as mostly, and soon seen
    known = integers or plain(stride, padding, dilation, groups)
    compute = _conv_shape if known else _conv_shape.__wrapped__
    try:
        return compute(op, x_shape, weight_shape, stride, padding, dilation, groups)
    except (TypeError, ValueError) as error:
        retell(error, op, names or {})
        raise


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
    group_count = integer(op, "groups", groups, "a positive integer")
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
