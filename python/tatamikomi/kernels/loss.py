"""Softmax and cross-entropy in one, on arrays."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike

from tatamikomi.errors import bad_type, bad_value
from tatamikomi.geometry import REMEMBERED, LossShape
from tatamikomi.kernels.arrays import INT64, Array, as_float, empty, output, same_dtype
from tatamikomi.kernels.backend import active

_MAX_CLASSES = 1 << 30


@lru_cache(REMEMBERED)
def _loss_shape(op: str, argument: str, shape: tuple[int, ...]) -> LossShape:
    if len(shape) < 2:
        raise bad_value(op, argument, f"shape {shape}", "a shape (n, classes, ...)")
    if shape[1] > _MAX_CLASSES:
        raise bad_value(op, argument, f"shape {shape}", f"at most {_MAX_CLASSES} classes")
    return LossShape(shape[0], shape[1], math.prod(shape[2:]))


def _one_per_row(op: str, labels: ArrayLike, logits_shape: tuple[int, ...]) -> Array:
    """Labels as int64, whatever they are; one per position of logits (n, classes, *positions)."""
    expected = logits_shape[:1] + logits_shape[2:]
    if type(labels) is np.ndarray and labels.dtype == INT64 and labels.flags.carray and labels.shape == expected:
        return labels
    if labels is None:
        raise bad_type(op, "labels", "None", "integers")
    try:
        array = np.asarray(labels)
    except ValueError:
        raise bad_value(op, "labels", "a ragged list", "rows of equal length") from None
    if isinstance(labels, (list, tuple)) and array.size == 0:
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu":
        raise bad_type(op, "labels", str(array.dtype), "integers")
    if array.shape != expected:
        raise bad_value(op, "labels", f"shape {array.shape}", f"shape {expected}, one per row of logits")
    return np.require(array, dtype=np.int64, requirements=["C", "A"])


def _bad_label(op: str, labels: ArrayLike, classes: int) -> ValueError:
    """What to say of the first label that is none of the classes."""
    array = np.asarray(labels)
    place = tuple(int(i) for i in np.argwhere((array < 0) | (array >= classes))[0])
    index = ", ".join(map(str, place))
    return bad_value(op, f"labels[{index}]", int(array[place]), f"0 <= label < {classes}, the number of classes")


def as_labels(op: str, labels: ArrayLike, logits_shape: tuple[int, ...]) -> Array:
    """Labels as int64, each within the classes; one per position of logits (n, classes, *positions)."""
    result = _one_per_row(op, labels, logits_shape)
    if result.size and result.view(np.uint64).max() >= logits_shape[1]:  # a negative label counts as a huge one
        raise _bad_label(op, labels, logits_shape[1])
    return result


def softmax_cross_entropy_forward(logits: ArrayLike, labels: ArrayLike) -> tuple[Array, Array]:
    """The cross-entropy of softmax(logits) against labels, one loss per label.

        log_probs = log_softmax(logits) over axis 1
        losses[n, ...] = -log_probs[n, labels[n, ...], ...]

    Args:
        logits: (n, classes, *positions); float32 or float64.
        labels: (n, *positions), integers, 0 <= label < classes.

    Returns:
        losses (n, *positions) and log_probs (n, classes, *positions).

    Raises:
        TypeError: logits are not float32 or float64, or labels no integers.
        ValueError: shapes do not fit together, or a label is out of range (the message tells which).

    >>> import tatamikomi as tk
    >>> losses, log_probs = tk.kernels.softmax_cross_entropy_forward([[0.0, -1000.0]], [1])
    >>> losses.tolist(), log_probs.tolist()
    ([1000.0], [[0.0, -1000.0]])
    """
    op = "softmax_cross_entropy_forward"
    logits = as_float(op, "logits", logits)
    shape = _loss_shape(op, "logits", logits.shape)
    rows = _one_per_row(op, labels, logits.shape)
    losses = empty(op, rows.shape, logits.dtype)
    log_probs = empty(op, logits.shape, logits.dtype)
    if not active().softmax_cross_entropy_forward(losses, log_probs, logits, rows, shape):
        raise _bad_label(op, labels, shape.classes)
    return losses, log_probs


def softmax_cross_entropy_backward(
    dlosses: ArrayLike, log_probs: ArrayLike, labels: ArrayLike, out: Array | None = None
) -> Array:
    """dlogits = (exp(log_probs) - onehot(labels)) * dlosses.

    Args:
        dlosses: (n, *positions), the gradient of losses.
        log_probs: (n, classes, *positions), as softmax_cross_entropy_forward returned it; dtype of dlosses.
        labels: (n, *positions), integers, 0 <= label < classes.
        out: shape of log_probs, receives the result.

    Raises:
        TypeError, ValueError: as softmax_cross_entropy_forward; dtypes differ, or out does not fit.

    >>> import tatamikomi as tk
    >>> tk.kernels.softmax_cross_entropy_backward([2.0], [[0.0, -1000.0]], [1]).tolist()
    [[2.0, -2.0]]
    """
    op = "softmax_cross_entropy_backward"
    dlosses, log_probs = as_float(op, "dlosses", dlosses), as_float(op, "log_probs", log_probs)
    dtype = same_dtype(op, "dlosses log_probs", dlosses, log_probs)
    shape = _loss_shape(op, "log_probs", log_probs.shape)
    rows = _one_per_row(op, labels, log_probs.shape)
    if dlosses.shape != rows.shape:
        raise bad_value(op, "dlosses", f"shape {dlosses.shape}", f"shape {rows.shape} as labels")
    dlogits = output(op, out, log_probs.shape, dtype, dlosses, log_probs, rows)
    if not active().softmax_cross_entropy_backward(dlogits, dlosses, log_probs, rows, shape):
        raise _bad_label(op, labels, shape.classes)
    return dlogits
