"""What vectors of class labels, and of weights, must be."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.errors import bad_type, bad_value


def as_labels(op: str, argument: str, labels: ArrayLike) -> NDArray[np.int64]:
    """Labels as an (N,) int64 array, not checked against any number of classes.

    Raises:
        TypeError: they are not integers.
        ValueError: they are not one-dimensional, or an unsigned one passes 2**63 - 1.

    >>> from tatamikomi.data.labels import as_labels
    >>> as_labels("load", "labels", [2, 0, 1])
    array([2, 0, 1])
    """
    array: NDArray[Any] = np.asarray(labels)
    if array.dtype.kind not in "iu" and array.size:  # an empty list is float64 in NumPy
        raise bad_type(op, argument, str(array.dtype), "integers")
    if array.ndim != 1:
        raise bad_value(op, argument, f"shape {array.shape}", "shape (N,)")
    if array.dtype == np.uint64 and array.size and array.max() > np.iinfo(np.int64).max:
        raise bad_value(op, argument, int(array.max()), "labels below 2**63")
    return array.astype(np.int64)


def check_range(op: str, argument: str, labels: NDArray[np.int64], classes: int) -> None:
    """Every label must name one of the classes.

    Raises:
        ValueError: a label is negative or not below `classes`; the message shows the first one and its place.

    >>> import numpy as np
    >>> from tatamikomi.data.labels import check_range
    >>> check_range("load", "labels", np.array([0, 3]), classes=3)
    Traceback (most recent call last):
    ...
    ValueError: load: labels: expected 0 <= label < 3, got 3 at position 1
    """
    wrong = (labels < 0) | (labels >= classes)
    if wrong.any():
        place = int(wrong.argmax())
        raise bad_value(op, argument, f"{labels[place]} at position {place}", f"0 <= label < {classes}")


def checked_weights(op: str, weights: ArrayLike, count: int, argument: str = "weights") -> NDArray[Any]:
    """How much each of `count` samples counts: (count,) float32 or float64, other numbers as float64.

    Raises:
        TypeError: they are no numbers.
        ValueError: another shape, or a weight is negative or not finite.

    >>> from tatamikomi.data.labels import checked_weights
    >>> checked_weights("fit", [1, 0, 2.5], 3)
    array([1. , 0. , 2.5])
    """
    array: NDArray[Any] = np.asarray(weights)
    if array.dtype.kind not in "fiu":
        raise bad_type(op, argument, str(array.dtype), "numbers")
    if array.shape != (count,):
        raise bad_value(op, argument, f"shape {array.shape}", f"shape ({count},), one per sample")
    wrong = ~(np.isfinite(array) & (array >= 0))
    if wrong.any():
        place = int(wrong.argmax())
        raise bad_value(op, argument, f"{array[place]} at position {place}", "finite numbers >= 0")
    return array.astype(np.float32 if array.dtype == np.float32 else np.float64, copy=False)
