"""Measures that look at each class by itself: precision, recall, F, and their means."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tatamikomi.errors import bad_type, bad_value, unknown_name
from tatamikomi.metrics.classification import confusion_matrix

AVERAGES = ("none", "macro", "micro", "weighted")
Score = float | NDArray[np.float64]


class ClassScores(NamedTuple):
    """Of every class: how much of what was called so is so, how much of what is so was called so, and both in one."""

    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    f1: NDArray[np.float64]
    support: NDArray[np.int64]


def _ratio(hits: NDArray[Any], of: NDArray[Any]) -> NDArray[np.float64]:
    """hits / of, 0 where there is nothing to divide by."""
    ratio: NDArray[np.float64] = np.divide(hits, of, out=np.zeros(np.shape(hits)), where=np.asarray(of) != 0)
    return ratio


def _counts(op: str, predictions: ArrayLike, labels: ArrayLike, classes: int | None = None) -> NDArray[np.int64]:
    """The confusion matrix of predicted classes (N,), or of scores (N, C) that name them."""
    if np.ndim(predictions) != 2:
        return confusion_matrix(predictions, labels, classes)
    scores: NDArray[Any] = np.asarray(predictions)
    if scores.dtype.kind not in "fiu" or scores.shape[1] == 0:
        raise bad_type(op, "predictions", f"{scores.dtype} of shape {scores.shape}", "(N, C) numbers or (N,) classes")
    if np.isnan(scores).any():
        raise bad_value(op, "predictions", "NaN", "scores that name a class")
    return confusion_matrix(scores.argmax(1), labels, scores.shape[1] if classes is None else classes)


def _of_counts(counts: NDArray[np.int64]) -> ClassScores:
    hits, called, are = np.diag(counts), counts.sum(0), counts.sum(1)
    return ClassScores(_ratio(hits, called), _ratio(hits, are), _ratio(2 * hits, called + are), are)


def class_scores(predictions: ArrayLike, labels: ArrayLike, classes: int | None = None) -> ClassScores:
    """Precision, recall, F1 and number of samples of every class.

        precision = hits / called so      recall = hits / are so      F1 = 2 hits / (called so + are so)

    Args:
        predictions: (N,) predicted classes, or (N, C) scores of which the largest names the class.
        labels: (N,) integers.
        classes: the number of classes; by default one more than the largest in either.

    Returns:
        Four arrays (classes,); a ratio without a denominator is 0.

    Raises:
        TypeError, ValueError: as `confusion_matrix`; scores that are NaN.

    >>> from tatamikomi.metrics import class_scores
    >>> class_scores([0, 0, 1, 1], [0, 1, 1, 1]).recall.round(2).tolist()
    [1.0, 0.67]
    """
    return _of_counts(_counts("class_scores", predictions, labels, classes))


def _averaged(op: str, name: str, predictions: ArrayLike, labels: ArrayLike, average: str) -> Score:
    if average not in AVERAGES:
        raise unknown_name(op, "average", average, AVERAGES)
    counts = _counts(op, predictions, labels)
    values: NDArray[np.float64] = getattr(_of_counts(counts), name)
    if average == "none":
        return values
    if not counts.sum():
        raise bad_value(op, "labels", "none", "at least one label")
    if average == "micro":  # each sample counts once as called and once as being: all three are the accuracy
        return float(np.trace(counts) / counts.sum())
    occur = counts.sum(0) + counts.sum(1) > 0
    weights = counts.sum(1) if average == "weighted" else occur.astype(np.int64)
    return float((values * weights).sum() / weights.sum())


def precision(predictions: ArrayLike, labels: ArrayLike, average: str = "macro") -> Score:
    """The share of what is called a class that is of it.

    Args:
        predictions: (N,) predicted classes, or (N, C) scores of which the largest names the class.
        labels: (N,) integers.
        average: "macro" (the mean over the classes that occur), "weighted" (by their number of samples), "micro" (over
            all samples: the accuracy), or "none" (one number per class).

    Raises:
        TypeError, ValueError: as `class_scores`; an unknown average; nothing to average.

    >>> from tatamikomi.metrics import precision
    >>> precision([0, 0, 1, 1], [0, 1, 1, 1])
    0.75
    """
    return _averaged("precision", "precision", predictions, labels, average)


def recall(predictions: ArrayLike, labels: ArrayLike, average: str = "macro") -> Score:
    """The share of a class that is called so; arguments as `precision`.

    >>> from tatamikomi.metrics import recall
    >>> recall([0, 0, 1, 1], [0, 1, 1, 1], average="none").round(2).tolist()
    [1.0, 0.67]
    """
    return _averaged("recall", "recall", predictions, labels, average)


def f1_score(predictions: ArrayLike, labels: ArrayLike, average: str = "macro") -> Score:
    """The harmonic mean of precision and recall; arguments as `precision`.

    >>> from tatamikomi.metrics import f1_score
    >>> round(f1_score([0, 0, 1, 1], [0, 1, 1, 1]), 4)
    0.7333
    """
    return _averaged("f1_score", "f1", predictions, labels, average)


def iou(predictions: ArrayLike, labels: ArrayLike, classes: int | None = None) -> NDArray[np.float64]:
    """Intersection over union of every class: pixels that both call so over pixels that either does.

    Args:
        predictions, labels: integers of one shape, any: masks.
        classes: the number of classes; by default one more than the largest in either.

    Returns:
        (classes,); NaN for a class that neither knows. `np.nanmean` of it is the mean IoU.

    Raises:
        TypeError: no integers.
        ValueError: shapes differ, or a value is outside of 0 .. classes - 1.

    >>> from tatamikomi.metrics import iou
    >>> iou([[0, 1], [1, 1]], [[0, 0], [1, 1]]).round(2).tolist()
    [0.5, 0.67]
    """
    counts = _mask_counts("iou", predictions, labels, classes)
    hits, either = np.diag(counts), counts.sum(0) + counts.sum(1) - np.diag(counts)
    return np.where(either > 0, _ratio(hits, either), np.nan)


def dice(predictions: ArrayLike, labels: ArrayLike, classes: int | None = None) -> NDArray[np.float64]:
    """Dice's coefficient of every class, 2 |both| / (|one| + |other|); arguments as `iou`.

    >>> from tatamikomi.metrics import dice
    >>> dice([[0, 1], [1, 1]], [[0, 0], [1, 1]]).round(2).tolist()
    [0.67, 0.8]
    """
    counts = _mask_counts("dice", predictions, labels, classes)
    hits, total = np.diag(counts), counts.sum(0) + counts.sum(1)
    return np.where(total > 0, _ratio(2 * hits, total), np.nan)


def _mask_counts(op: str, predictions: ArrayLike, labels: ArrayLike, classes: int | None) -> NDArray[np.int64]:
    ours, theirs = np.asarray(predictions), np.asarray(labels)
    if ours.shape != theirs.shape:
        raise bad_value(op, "predictions", f"shape {ours.shape}", f"shape {theirs.shape} as labels")
    for name, one in (("predictions", ours), ("labels", theirs)):
        if one.dtype.kind not in "iub":
            raise bad_type(op, name, str(one.dtype), "integers")
    return confusion_matrix(ours.ravel().astype(np.int64), theirs.ravel().astype(np.int64), classes)
