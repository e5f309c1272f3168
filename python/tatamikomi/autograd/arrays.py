"""From whatever a user has to an array that Tensors can hold: floats of 16, 32 or 64 bits, an integer type or bool."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels.half import is_half

_KINDS = "float32, float64, an integer type or bool (float16 or bfloat16 as storage)"


def is_supported(dtype: np.dtype[Any]) -> bool:
    """Whether a Tensor can hold this dtype."""
    return dtype.kind in "biu" or has_gradients(dtype) or is_half(dtype)


def has_gradients(dtype: np.dtype[Any]) -> bool:
    """Whether numbers of this dtype have slopes here: float32 and float64 do, 16-bit floats are storage."""
    return dtype.kind == "f" and dtype.itemsize in (4, 8)


def as_dtype(op: str, dtype: DTypeLike) -> np.dtype[Any]:
    """`dtype` as NumPy's object, in native byte order.

    Raises:
        TypeError: no dtype, or one that a Tensor cannot hold.
    """
    try:
        wanted = np.dtype(dtype).newbyteorder("=")
    except (TypeError, ValueError) as error:
        raise bad_type(op, "dtype", dtype, _KINDS) from error
    if dtype is None or not is_supported(wanted):
        raise bad_type(op, "dtype", "None" if dtype is None else wanted.name, _KINDS)
    return wanted


def float_dtype(op: str, dtype: DTypeLike) -> np.dtype[Any]:
    """`dtype` as NumPy's object: floats of 16, 32 or 64 bits.

    Raises:
        TypeError: anything else.
    """
    wanted = as_dtype(op, dtype)
    if not (has_gradients(wanted) or is_half(wanted)):
        raise bad_type(op, "dtype", wanted.name, "float32 or float64 (float16 or bfloat16 as storage)")
    return wanted


def as_dim(op: str, dim: object, ndim: int, argument: str = "dim") -> int:
    """One dimension as 0 <= dim < ndim.

    Raises:
        TypeError: no integer.
        ValueError: no such dimension.
    """
    try:
        number = index(dim)  # type: ignore[arg-type]
    except TypeError as error:
        raise bad_type(op, argument, dim, "an integer") from error
    if not -ndim <= number < ndim:
        raise bad_value(op, argument, dim, f"-{ndim} <= {argument} < {ndim}")
    return int(number) % ndim


def _holds_arrays(data: object) -> bool:
    """Whether the first leaf of nested lists carries a dtype of its own, as NumPy's scalars do."""
    while isinstance(data, (list, tuple)) and len(data) > 0:
        data = data[0]
    return not isinstance(data, (list, tuple, bool, int, float)) or isinstance(data, np.generic)


def lies_in(array: NDArray[Any], data: object) -> bool:
    """Whether the array that `as_array` made of `data` may share its memory, which others write to."""
    if isinstance(data, np.ndarray):
        return array is data or array.base is not None
    return not isinstance(data, (list, tuple, range, bool, int, float, np.generic))


def as_array(op: str, argument: str, data: object, dtype: DTypeLike | None = None) -> NDArray[Any]:
    """`data` as an aligned array in native byte order, sharing memory where it already is one.

    Arrays keep their dtype, Python floats and lists of them become float32, ints int64, bools bool.

    Raises:
        TypeError: objects, strings, None, complex numbers, or another float type.
        ValueError: a ragged list.
    """
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise bad_value(op, argument, "a ragged sequence", "rows of equal length") from error
    if array.dtype.kind == "f" and dtype is None and not _holds_arrays(data):
        array = array.astype(np.float32)
    if not is_supported(array.dtype):
        given = type(data).__name__ if array.dtype.kind == "O" else array.dtype.name
        raise bad_type(op, argument, given, _KINDS)
    wanted = array.dtype.newbyteorder("=") if dtype is None else as_dtype(op, dtype)
    if array.dtype != wanted:
        array = array.astype(wanted)
    return array if array.flags.aligned else array.copy()
