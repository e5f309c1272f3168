"""Numbers among a kernel's arguments: kind and range."""

from __future__ import annotations

import math

import numpy as np

from tatamikomi.errors import bad_type, bad_value, unknown_name


def as_number(
    op: str, argument: str, value: object, low: float = 0.0, high: float = math.inf, below: float = math.inf
) -> float:
    """A finite number with low <= value <= high and value < below.

    Raises:
        TypeError: value is no real number.
        ValueError: value is out of range, or not finite.

    >>> from tatamikomi.kernels.scalars import as_number
    >>> as_number("dropout_forward", "p", 1, high=1)
    1.0
    """
    if type(value) is float and low <= value <= high and value < below:
        return value
    expected = "a finite number" if low == -math.inf else f"a finite number >= {low:g}"
    expected += f" and <= {high:g}" if high < math.inf else f" and < {below:g}" if below < math.inf else ""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise bad_type(op, argument, value, expected)
    if not (math.isfinite(value) and low <= value <= high and value < below):
        raise bad_value(op, argument, value, expected)
    return float(value)


def as_real(op: str, argument: str, value: object) -> float:
    """A number, infinity included.

    Raises:
        TypeError: value is no real number.
        ValueError: value is NaN.

    >>> from tatamikomi.kernels.scalars import as_real
    >>> as_real("activation_forward", "a", -3)
    -3.0
    """
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise bad_type(op, argument, value, "a number")
    if value != value:
        raise bad_value(op, argument, value, "a number")
    return float(value)


def as_integer(op: str, argument: str, value: object, low: int = 0) -> int:
    """An integer with low <= value < 2**63.

    Raises:
        TypeError: value is no integer.
        ValueError: value is out of range.

    >>> from tatamikomi.kernels.scalars import as_integer
    >>> as_integer("adam_step", "step", 3, low=1)
    3
    """
    if type(value) is int and low <= value < 1 << 63:
        return value
    expected = f"an integer, {low} <= {argument} < 2**63"
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise bad_type(op, argument, value, expected)
    if not low <= value < 1 << 63:
        raise bad_value(op, argument, value, expected)
    return int(value)


def is_relu(op: str, activation: object) -> bool:
    """Whether a kernel ends in max(y, 0): `activation` is None or "relu".

    Raises:
        TypeError: neither None nor a string.
        ValueError: another name.

    >>> from tatamikomi.kernels.scalars import is_relu
    >>> is_relu("batch_norm_forward", "relu")
    True
    """
    if activation is None:
        return False
    if not isinstance(activation, str):
        raise bad_type(op, "activation", activation, '"relu" or None')
    if activation != "relu":
        raise unknown_name(op, "activation", activation, ["relu"])
    return True
