"""What ensembles check of their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.data.labels import as_labels, check_range
from tatamikomi.errors import bad_type, bad_value


def fitter(op: str, argument: str, value: Any) -> Any:
    """Something with a method `fit`."""
    if not callable(getattr(value, "fit", None)):
        raise bad_type(op, argument, type(value).__name__, "a Learner or an ensemble, with a method fit")
    return value


def integer(op: str, argument: str, value: object, low: int = 1) -> int:
    """An integer of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise bad_type(op, argument, type(value).__name__, "an integer")
    if value < low:
        raise bad_value(op, argument, int(value), f"an integer >= {low}")
    return int(value)


def samples(op: str, x: ArrayLike, y: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """As many targets as samples, and at least one."""
    given, target = np.asarray(x), np.asarray(y)
    if not given.ndim or not target.ndim or len(given) != len(target) or not len(given):
        raise bad_value(op, "x and y", f"shapes {given.shape} and {target.shape}", "shapes (N, ...), N >= 1")
    return given, target


def classified(op: str, x: ArrayLike, y: ArrayLike, classes: int | None) -> tuple[NDArray[Any], NDArray[np.int64], int]:
    """Samples, labels and the number of classes, by default one more than the largest label."""
    given, target = samples(op, x, y)
    labels = as_labels(op, "y", target)
    count = int(labels.max()) + 1 if classes is None else integer(op, "classes", classes)
    check_range(op, "y", labels, count)
    return given, labels, count
