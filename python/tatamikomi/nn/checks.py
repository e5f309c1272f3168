"""What layers check of their arguments when they are built; arrays are checked later, by the kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tatamikomi.errors import bad_type, bad_value, no_memory, unknown_name
from tatamikomi.geometry import Padding, count_elements, per_axis
from tatamikomi.kernels.scalars import is_relu


def integer(op: str, argument: str, value: object, low: int = 1) -> int:
    """An integer of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise bad_type(op, argument, type(value).__name__, "an integer")
    if value < low:
        raise bad_value(op, argument, int(value), f"an integer >= {low}")
    return int(value)


def real(op: str, argument: str, value: object) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise bad_type(op, argument, type(value).__name__, "a number")
    number = float(value)
    if not math.isfinite(number):
        raise bad_value(op, argument, number, "a finite number")
    return number


def probability(op: str, argument: str, value: object) -> float:
    """A number from 0 to 1."""
    number = real(op, argument, value)
    if not 0 <= number <= 1:
        raise bad_value(op, argument, number, "a number from 0 to 1")
    return number


def flag(op: str, argument: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise bad_type(op, argument, type(value).__name__, "True or False")
    return bool(value)


def padding(op: str, value: object, axes: int) -> Padding:
    """An integer, one per axis, a (before, after) pair per axis, "same" or "valid"."""
    if isinstance(value, str):
        if value not in ("same", "valid"):
            raise unknown_name(op, "padding", value, ["same", "valid"])
        return value
    if isinstance(value, (tuple, list)) and any(isinstance(one, (tuple, list)) for one in value):
        if len(value) != axes or not all(isinstance(one, (tuple, list)) for one in value):
            raise bad_value(op, "padding", value, f"{axes} pairs (before, after)")
        return tuple(per_axis(op, "padding", pair, 2, 0) for pair in value)
    return per_axis(op, "padding", value, axes, 0)


def floating(op: str, dtype: Any) -> np.dtype[Any]:
    """float32 or float64; None is float32."""
    try:
        chosen = np.dtype(np.float32 if dtype is None else dtype)
    except TypeError:
        raise bad_type(op, "dtype", repr(dtype), "float32 or float64") from None
    if chosen not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise bad_type(op, "dtype", str(chosen), "float32 or float64")
    return chosen


def reduction(op: str, value: object, *more: str) -> str:
    """How the losses of a batch become one: "none", "mean", "sum", or one of `more`."""
    known = ("none", "mean", "sum", *more)
    if value not in known:
        raise bad_value(op, "reduction", value, "one of " + ", ".join(f'"{name}"' for name in known))
    return str(value)


def activation(op: str, value: object) -> str | None:
    """None, or the name of an activation that runs inside of the layer's own passes."""
    return "relu" if is_relu(op, value) else None


def zeros(op: str, argument: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """What a parameter holds before it is initialised; a size past 2**63 bytes or past memory is told."""
    count_elements(op, argument, shape, dtype.itemsize)
    try:
        return np.zeros(shape, dtype)
    except MemoryError:
        raise no_memory(op, argument, shape, dtype) from None
