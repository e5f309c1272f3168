"""Measures of classification."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.errors import bad_type, bad_value


def accuracy(predictions: ArrayLike, labels: ArrayLike) -> float:
    """The share of samples whose predicted class is the label.

    Args:
        predictions: (N, C) scores, of which the largest names the class (the first of equal ones; a row with
            a NaN names none and counts as wrong), or (N,) predicted classes as integers.
        labels: (N,) integers.

    Raises:
        TypeError: scores are no numbers, or classes or labels no integers.
        ValueError: shapes do not fit, no sample at all, or a label outside of 0 .. C - 1.

    >>> from tatamikomi.metrics import accuracy
    >>> accuracy([[0.1, 0.9], [0.8, 0.2]], [1, 1])
    0.5
    """
    op = "accuracy"
    if np.ndim(predictions) == 2:
        return _hit_rate(op, predictions, labels, k=1)
    predicted = _integers(op, "predictions", predictions)
    target = _integers(op, "labels", labels)
    _same_length(op, predicted, target)
    return int((predicted == target).sum()) / len(target)


def top_k_accuracy(scores: ArrayLike, labels: ArrayLike, k: int = 5) -> float:
    """The share of samples whose label is among the k classes of largest score.

    Of equal scores the lower class comes first, so that k = 1 agrees with `accuracy`; a row with a NaN counts
    as wrong.

    Args:
        scores: (N, C) numbers.
        labels: (N,) integers in 0 .. C - 1.
        k: 1 <= k <= C.

    Raises:
        TypeError: scores are no numbers, or labels or k no integers.
        ValueError: shapes do not fit, no sample at all, a label outside of 0 .. C - 1, or k out of range.

    >>> from tatamikomi.metrics import top_k_accuracy
    >>> top_k_accuracy([[3, 2, 1], [3, 2, 1]], [1, 2], k=2)
    0.5
    """
    return _hit_rate("top_k_accuracy", scores, labels, k)


def confusion_matrix(predictions: ArrayLike, labels: ArrayLike, classes: int | None = None) -> NDArray[np.int64]:
    """How often each label (row) was predicted as each class (column).

    Args:
        predictions: (N,) predicted classes, integers.
        labels: (N,) integers.
        classes: the number of classes; by default one more than the largest value in either.

    Returns:
        (classes, classes) int64; the sum is N, the diagonal counts what was right.

    Raises:
        TypeError: predictions or labels are no integers.
        ValueError: lengths differ, or a value is outside of 0 .. classes - 1.

    >>> from tatamikomi.metrics import confusion_matrix
    >>> confusion_matrix([0, 1, 1], [0, 0, 1])
    array([[1, 1],
           [0, 1]])
    """
    op = "confusion_matrix"
    predicted = _integers(op, "predictions", predictions)
    target = _integers(op, "labels", labels)
    if len(predicted) != len(target):
        raise bad_value(op, "predictions", len(predicted), f"as many as labels, {len(target)}")
    if classes is None:
        classes = max((int(part.max()) + 1 for part in (predicted, target) if part.size), default=0)
    if classes < 0:
        raise bad_value(op, "classes", classes, "classes >= 0")
    _in_range(op, "predictions", predicted, classes)
    _in_range(op, "labels", target, classes)
    counts = np.bincount(target * classes + predicted, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def _hit_rate(op: str, scores: ArrayLike, labels: ArrayLike, k: int) -> float:
    """The share of rows in which fewer than k classes come before the label's."""
    table: NDArray[Any] = np.asarray(scores)
    target = _integers(op, "labels", labels)
    if table.dtype.kind not in "fiu":
        raise bad_type(op, "scores", str(table.dtype), "integer or float numbers")
    if table.ndim != 2:
        raise bad_value(op, "scores", f"shape {table.shape}", "shape (N, C)")
    _same_length(op, table, target)
    classes = table.shape[1]
    _in_range(op, "labels", target, classes)
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)):
        raise bad_type(op, "k", type(k).__name__, "an integer")
    if not 1 <= k <= classes:
        raise bad_value(op, "k", int(k), f"1 <= k <= {classes}")
    own = np.take_along_axis(table, target[:, None], axis=1)
    before = (table > own) | ((table == own) & (np.arange(classes) < target[:, None]))
    hits = (before.sum(axis=1) < k) & (table == table).all(axis=1)  # NaN differs from itself
    return int(hits.sum()) / len(target)


def _integers(op: str, argument: str, values: ArrayLike) -> NDArray[np.int64]:
    array: NDArray[Any] = np.asarray(values)
    if array.dtype.kind not in "iu" and array.size:  # an empty list is float64 in NumPy
        raise bad_type(op, argument, str(array.dtype), "integers")
    if array.ndim != 1:
        raise bad_value(op, argument, f"shape {array.shape}", "shape (N,)")
    return array.astype(np.int64)


def _same_length(op: str, predictions: NDArray[Any], labels: NDArray[Any]) -> None:
    if len(predictions) != len(labels):
        raise bad_value(op, "labels", len(labels), f"as many as predictions, {len(predictions)}")
    if not len(labels):
        raise bad_value(op, "labels", "none", "at least one label")


def _in_range(op: str, argument: str, values: NDArray[np.int64], classes: int) -> None:
    wrong = (values < 0) | (values >= classes)
    if wrong.any():
        place = int(wrong.argmax())
        raise bad_value(op, argument, f"{values[place]} at position {place}", f"0 <= class < {classes}")
