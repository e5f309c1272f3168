"""Which floats the lessons compute with: NumPy's promotion among arrays, and the dtype of networks' new weights."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import numpy as np

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.kernels.arrays import Array

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
_default: ContextVar[np.dtype[Any]] = ContextVar("course_dtype", default=_FLOATS[1])


def set_default_dtype(dtype: object) -> None:
    """Choose the dtype of the weights that networks draw from here on: float64, or float32, twice as fast.

    Raises:
        ValueError: another dtype.

    >>> from tatamikomi import course
    >>> course.set_default_dtype("float32")
    >>> course.networks.TwoLayerNet(4, 3, 2).params["W1"].dtype
    dtype('float32')
    >>> course.set_default_dtype("float64")
    """
    try:
        chosen = np.dtype(dtype)  # type: ignore[call-overload]
    except TypeError:
        chosen = np.dtype(object)
    if dtype is None or chosen not in _FLOATS:  # NumPy takes None for float64
        raise bad_value("set_default_dtype", "dtype", dtype, "float32 or float64")
    _default.set(chosen)


def default_dtype() -> np.dtype[Any]:
    """The dtype of new weights.

    >>> from tatamikomi.course.dtypes import default_dtype
    >>> default_dtype()
    dtype('float64')
    """
    return _default.get()


def drawn(scale: float, *shape: int) -> Array:
    """New weights of the default dtype: `scale` times np.random.randn, which np.random.seed governs.

    >>> from tatamikomi.course.dtypes import drawn
    >>> drawn(0.01, 2, 1).shape
    (2, 1)
    """
    return (scale * np.random.randn(*shape)).astype(default_dtype(), copy=False)


def kept_of(layer: object, name: str) -> Any:
    """What a layer's forward has left in an attribute, for its backward.

    Raises:
        TypeError: nothing yet.

    >>> from tatamikomi.course.dtypes import kept_of
    >>> kept_of(slice(1), "start")
    Traceback (most recent call last):
        ...
    TypeError: slice.backward: start: expected a call of forward before, got None
    """
    value = getattr(layer, name)
    if value is None:
        raise bad_type(f"{type(layer).__name__}.backward", name, "None", "a call of forward before")
    return value


def floats(*values: object) -> list[Array]:
    """Arrays of one dtype: float64 if any of the floats is, else float32; integers and booleans take what floats have.

    An array that has it already comes back as it is; integers alone become float64, as in NumPy's own arithmetic.

    >>> import numpy as np
    >>> from tatamikomi.course.dtypes import floats
    >>> [array.dtype.name for array in floats(np.ones(2, np.float32), np.arange(2))]
    ['float32', 'float32']
    """
    arrays = [np.asarray(value) for value in values]
    first = arrays[0].dtype
    if first in _FLOATS and all(array.dtype == first for array in arrays):
        return arrays
    sizes = [array.dtype.itemsize for array in arrays if array.dtype.kind == "f"]
    dtype = _FLOATS[max(sizes, default=8) > 4]
    return [array.astype(dtype, copy=False) if array.dtype.kind in "fiub" else array for array in arrays]
