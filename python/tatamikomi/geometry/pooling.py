"""The geometry of pooling, over windows and adaptive."""

from __future__ import annotations

import math
from functools import lru_cache

from tatamikomi.errors import bad_value
from tatamikomi.geometry.arguments import (
    INT64_LIMIT,
    REMEMBERED,
    count_elements,
    flag,
    integer,
    is_sequence,
    per_axis,
    plain,
)
from tatamikomi.geometry.shapes import PoolShape
from tatamikomi.geometry.windows import lead, output_size, window


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
) -> tuple[PoolShape, tuple[int, ...]]:
    """The geometry of pooling x (n, c, *sizes), and the output's shape; stride None is the kernel's size.

    Raises:
        TypeError, ValueError: ranks or options do not fit together, or a window sees nothing but padding.
    """
    if type(ceil_mode) is not bool or type(count_include_pad) is not bool:
        ceil_mode = flag(op, "ceil_mode", ceil_mode)
        count_include_pad = flag(op, "count_include_pad", count_include_pad)
    integers = type(kernel_size) is type(padding) is type(dilation) is int  # as mostly, and soon seen
    integers = integers and divisor_override is None and (stride is None or type(stride) is int)
    known = integers or plain(kernel_size, stride, padding, dilation, divisor_override)
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
) -> tuple[PoolShape, tuple[int, ...]]:
    axes = len(x_shape) - 2
    if not 1 <= axes <= 3 or min(x_shape[2:]) < 1:
        raise bad_value(op, "x", x_shape, "a shape (n, channels, 1 to 3 axes of positive size)")
    divisor = 0
    if divisor_override is not None:
        expected = "an integer other than 0 between -2**63 and 2**63, or None"
        divisor = integer(op, "divisor_override", divisor_override, expected)
        if divisor == 0 or abs(divisor) >= INT64_LIMIT:
            raise bad_value(op, "divisor_override", divisor_override, expected)
    sizes = x_shape[2:]
    kernel = per_axis(op, "kernel_size", kernel_size, axes, 1)
    w = window(op, sizes, kernel, kernel if stride is None else stride, padding, dilation)
    out = [output_size(op, *axis, ceil_mode=ceil) for axis in zip(sizes, *w, strict=True)]
    for axis in zip(sizes, out, *w[:4], strict=True):
        if _blind_window(*axis):
            raise bad_value(op, "padding", padding, "every window to see at least one element of the input")
    out_shape = (*x_shape[:2], *out)
    count_elements(op, "output", out_shape)
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
    return s, out_shape


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
    entries = tuple(output_size) if is_sequence(output_size) else (output_size,) * axes
    if len(entries) != axes:
        raise bad_value(op, "output_size", output_size, expected)
    wanted = tuple(
        size if entry is None else integer(op, "output_size", entry, expected)
        for entry, size in zip(entries, sizes, strict=True)
    )
    if min(wanted) < 0:
        raise bad_value(op, "output_size", output_size, expected)
    return wanted


def adaptive_pool_shape(op: str, x_shape: tuple[int, ...], output_size: object) -> tuple[PoolShape, tuple[int, ...]]:
    """The geometry of adaptive pooling of x (n, c, *sizes), and the output's shape; all of the window is left to the
    kernels.

    Raises:
        TypeError, ValueError: another rank, an axis of size 0, or output sizes that are not one or one per axis.
    """
    compute = _adaptive_pool_shape if plain(output_size) else _adaptive_pool_shape.__wrapped__
    return compute(op, x_shape, output_size)


@lru_cache(REMEMBERED)
def _adaptive_pool_shape(op: str, x_shape: tuple[int, ...], output_size: object) -> tuple[PoolShape, tuple[int, ...]]:
    axes = len(x_shape) - 2
    if not 1 <= axes <= 3 or min(x_shape[2:], default=0) < 1:
        raise bad_value(op, "x", x_shape, "a shape (n, channels, 1 to 3 axes of positive size)")
    sizes = x_shape[2:]
    out = adaptive_sizes(op, output_size, sizes)
    out_shape = (*x_shape[:2], *out)
    count_elements(op, "output", out_shape)
    if math.prod(sizes) >= 1 << 31:  # kernels count from a window's corner in 32 bits
        raise bad_value(op, "x", x_shape, "planes of fewer than 2**31 elements")
    ones, zeros = (1, 1, 1), (0, 0, 0)
    planes = math.prod(x_shape[:2])
    s = PoolShape(planes, *lead(sizes, 1), *lead(out, 1), *ones, *ones, *zeros, *zeros, *ones, *(0, 0))
    return s, out_shape
