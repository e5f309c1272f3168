"""Whatever a user passes becomes an array that a kernel can read; outputs come from the buffer pool.

Lists of numbers become float32. Arrays keep their dtype, which must be float32 or float64; any strides, byte order
or alignment is copied once at most and never written to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi import _native
from tatamikomi.errors import bad_type, bad_value, no_memory
from tatamikomi.geometry import count_elements

Array = NDArray[Any]

INT64 = np.dtype(np.int64)


def as_float(op: str, argument: str, value: ArrayLike, ndim: int | None = None) -> Array:
    """`value` as an aligned, native, C-contiguous array of float32 or float64.

    Raises:
        TypeError: None, an integer, complex or object array, or something that is no array.
        ValueError: a ragged list, or the wrong number of dimensions.
    """
    array: Array = value if _native.is_plain(value) else _coerce(op, argument, value)  # type: ignore[assignment]
    if ndim is not None and array.ndim != ndim:
        raise bad_value(op, argument, f"shape {array.shape}", f"{ndim} dimensions")
    return array


def _coerce(op: str, argument: str, value: ArrayLike) -> Array:
    if value is None:
        raise bad_type(op, argument, "None", "an array")
    listed = isinstance(value, (list, tuple, int, float)) and not isinstance(value, bool)
    try:
        array = np.asarray(value)
    except ValueError:
        raise bad_value(op, argument, "a ragged list", "rows of equal length") from None
    if listed and array.size == 0 and array.dtype == np.float64:
        array = array.astype(np.float32)
    if listed and array.dtype.kind in "iuf" and not any(isinstance(v, np.ndarray) for v in _leaves(value)):
        array = array.astype(np.float32)
    if array.dtype.kind != "f" or array.dtype.itemsize not in (4, 8):
        raise bad_type(op, argument, str(array.dtype), "float32 or float64")
    return contiguous(op, argument, array, array.dtype.newbyteorder("="))


def contiguous(op: str, argument: str, array: Array, dtype: np.dtype[Any]) -> Array:
    """`array`, or a copy of it, aligned and C-contiguous in `dtype`.

    Raises:
        MemoryError: the system has no memory for the copy; the message tells the bytes asked for.
    """
    try:
        return np.require(array, dtype=dtype, requirements=["C", "A"])
    except MemoryError:
        raise no_memory(op, argument, array.shape, dtype) from None


def as_integers(op: str, argument: str, value: ArrayLike) -> Array:
    """`value` as an aligned, native, C-contiguous array of int64.

    Raises:
        TypeError: no integers, or integers that int64 does not hold.
        ValueError: a ragged list.
    """
    if type(value) is np.ndarray and value.dtype == INT64 and value.flags.carray:
        return value
    if value is None:
        raise bad_type(op, argument, "None", "an array of integers")
    try:
        array = np.asarray(value)
    except ValueError:
        raise bad_value(op, argument, "a ragged list", "rows of equal length") from None
    if isinstance(value, (list, tuple)) and array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu" or not np.can_cast(array.dtype, np.int64, "safe"):
        raise bad_type(op, argument, str(array.dtype), "integers that int64 holds")
    return contiguous(op, argument, array, INT64)


def _leaves(value: object) -> Sequence[object]:
    """The elements that tell whether a nested list holds numbers or arrays: the first of each level."""
    seen = []
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
        seen.append(value)
    return seen


def same_dtype(op: str, names: str, first: Array, *others: Array | None) -> np.dtype[Any]:
    """The one dtype of all arrays given; `names` tells which arguments they are.

    Raises:
        TypeError: dtypes are mixed.
    """
    dtype = first.dtype
    for array in others:
        if array is not None and array.dtype is not dtype and array.dtype != dtype:
            break
    else:
        return dtype
    given = zip(names.split(), (first, *others), strict=True)
    name, other = next((name, str(one.dtype)) for name, one in given if one is not None and one.dtype != dtype)
    raise bad_type(op, name, other, str(dtype), as_other=names.split()[0])


def relu_output(op: str, y: ArrayLike | None, dy: Array) -> Array | None:
    """What an op with activation="relu" gave, whose sign decides where dy counts; None where it had no activation."""
    if y is None:
        return None
    y = as_float(op, "y", y)
    if y.shape != dy.shape:
        raise bad_value(op, "y", f"shape {y.shape}", f"the shape of dy {dy.shape}")
    return y


def empty(op: str, shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
    """An uninitialised C-contiguous array from the buffer pool.

    Raises:
        ValueError: the shape passes 2**63 bytes.
        MemoryError: the system has no such memory; the message tells the bytes asked for.
    """
    try:
        return _native.empty(tuple(shape), dtype)
    except MemoryError:
        count_elements(op, "output", shape, dtype.itemsize)
        raise no_memory(op, "output", shape, dtype) from None


def empty_like(op: str, array: Array) -> Array:
    """The same with the shape and dtype of `array`, which nobody has to ask it for.

    Raises:
        MemoryError: the system has no such memory; the message tells the bytes asked for.
    """
    try:
        return _native.empty_like(array)
    except MemoryError:
        raise no_memory(op, "output", array.shape, array.dtype) from None


def output_like(op: str, out: Array | None, array: Array, *inputs: Array | None) -> Array:
    """`out` if it is given and fits `array` in shape and dtype, else a new array.

    Raises:
        TypeError, ValueError: as `output` does; `array` is an input too.
    """
    return empty_like(op, array) if out is None else output(op, out, array.shape, array.dtype, array, *inputs)


def output(
    op: str,
    out: Array | None,
    shape: Sequence[int],
    dtype: np.dtype[Any],
    *inputs: Array | None,
    argument: str = "out",
) -> Array:
    """`out` if it is given and fits, else a new array.

    Raises:
        TypeError: out is no ndarray or has another dtype.
        ValueError: out has another shape, is not C-contiguous and writable, or overlaps an input.
    """
    if out is None:
        return empty(op, shape, dtype)
    if not isinstance(out, np.ndarray):
        raise bad_type(op, argument, type(out).__name__, "an ndarray")
    if out.dtype != dtype:
        raise bad_type(op, argument, str(out.dtype), str(dtype))
    if out.shape != tuple(shape):
        raise bad_value(op, argument, f"shape {out.shape}", f"shape {tuple(shape)}")
    if not out.flags.carray:
        raise bad_value(op, argument, "another layout", "a writable, aligned, C-contiguous array")
    if any(array is not None and np.may_share_memory(out, array) for array in inputs):
        raise bad_value(op, argument, "memory shared with an input", "memory of its own")
    return out
