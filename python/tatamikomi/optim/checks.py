"""What optimizers and schedulers check of their options."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tatamikomi.errors import bad_type, bad_value


def number(op: str, argument: str, value: object, low: float = 0.0, below: float = math.inf) -> float:
    """A finite number with low <= value < below."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise bad_type(op, argument, type(value).__name__, "a number")
    result = float(value)
    if not (math.isfinite(result) and low <= result < below):
        limit = f"a finite number >= {low:g}" + ("" if below == math.inf else f" and < {below:g}")
        raise bad_value(op, argument, result, limit)
    return result


def part(op: str, argument: str, value: object) -> float:
    """A number with 0 <= value <= 1."""
    result = number(op, argument, value)
    if result > 1.0:
        raise bad_value(op, argument, result, "a number from 0 to 1")
    return result


def integer(op: str, argument: str, value: object, low: int = 0) -> int:
    """An integer of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise bad_type(op, argument, type(value).__name__, "an integer")
    if value < low:
        raise bad_value(op, argument, int(value), f"an integer >= {low}")
    return int(value)


def flag(op: str, argument: str, value: object) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise bad_type(op, argument, type(value).__name__, "True or False")
    return bool(value)


def betas(op: str, value: object) -> None:
    """Two numbers >= 0 and < 1."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise bad_value(op, "betas", value, "two numbers >= 0 and < 1")
    for beta in value:
        number(op, "betas", beta, below=1.0)


def numbers(op: str, options: Mapping[str, Any], *names: str) -> None:
    """The options of these names are finite numbers >= 0."""
    for name in names:
        number(op, name, options[name])


def flags(op: str, options: Mapping[str, Any], *names: str) -> None:
    """The options of these names are True or False."""
    for name in names:
        flag(op, name, options[name])
