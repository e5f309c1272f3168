"""Options of operations as plain integers, and the errors where they are none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias, TypeGuard

import numpy as np

from tatamikomi.errors import bad_type, bad_value

#: An integer for every axis, or one per axis.
Size: TypeAlias = int | Sequence[int]
#: Size, "same", "valid", or ((before, after), ...) per axis.
Padding: TypeAlias = int | str | Sequence[int] | Sequence[Sequence[int]]

INT64_LIMIT = 1 << 63
REMEMBERED = 1024  # geometries: a layer asks for its own at every step


def integer(op: str, argument: str, value: object, expected: str) -> int:
    """`value`, an integer of Python's or NumPy's."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise bad_type(op, argument, value, expected)
    return int(value)


def is_sequence(value: object) -> TypeGuard[Sequence[object]]:
    """Whether `value` holds one entry per axis."""
    return isinstance(value, (tuple, list)) or (isinstance(value, np.ndarray) and value.ndim > 0)


def flag(op: str, argument: str, value: object) -> bool:
    """`value`, a truth value of Python's or NumPy's."""
    if not isinstance(value, (bool, np.bool_)):
        raise bad_type(op, argument, value, "True or False")
    return bool(value)


def per_axis(
    op: str, argument: str, value: object, axes: int, minimum: int, limit: int | None = None
) -> tuple[int, ...]:
    """`value`, an integer or one per axis, as a tuple; every entry at least `minimum`, and below `limit`.

    >>> from tatamikomi.geometry import per_axis
    >>> per_axis("conv2d", "stride", 2, axes=2, minimum=1)
    (2, 2)
    """
    expected = f"an integer or {axes} integers, each >= {minimum}"
    entries = tuple(value) if is_sequence(value) else (integer(op, argument, value, expected),) * axes
    if len(entries) == 1:
        entries *= axes
    if len(entries) != axes:
        raise bad_value(op, argument, value, expected)
    sizes = tuple(integer(op, argument, entry, expected) for entry in entries)
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
    if not is_sequence(value):
        raise bad_type(op, argument, value, expected)
    sizes = tuple(integer(op, argument, entry, expected) for entry in value)
    if min(sizes, default=minimum) < minimum:
        raise bad_value(op, argument, value, expected)
    return sizes


def count_elements(op: str, argument: str, shape: Sequence[int], itemsize: int = 8) -> int:
    """The product of `shape`.

    Raises:
        ValueError: that many elements pass 2**63 bytes, a dimension of 0 counted as 1, since NumPy takes no shape
            whose other dimensions do; the message tells the bytes asked for.
    """
    count = math.prod(shape)
    size = (count or math.prod(max(dimension, 1) for dimension in shape)) * itemsize
    if size >= INT64_LIMIT:
        raise bad_value(op, argument, tuple(shape), f"fewer than 2**63 bytes, not {size} bytes")
    return count


def plain(*options: object) -> bool:
    """Whether options are integers, strings, None and tuples of those, so that equal ones mean the same.

    1, 1.0 and True are equal keys of a cache, (1,) and (True,) too; lists and arrays are no keys at all.
    """
    for one in options:
        if type(one) is int or type(one) is str or one is None or (type(one) is tuple and plain(*one)):
            continue
        return False
    return True
